using System.Globalization;
using System.Text;
using Homeport.Device;
using Homeport.Device.Client;
using Homeport.Device.Queue;

// A device that sends as fast as it can until it is killed. Arguments: queue file, port, CA file, first number; "drain" in place of the number only sends what waits.
// It says each number that was accepted, after it was; who reads may count on these and on no others.
var options = new DeviceClientOptions
{
    MqttPort = int.Parse(args[1], CultureInfo.InvariantCulture),
    HttpsPort = 1,
    Trust = ServerTrust.FromPemFile(args[2]),
    Queue = new OutgoingQueueOptions(args[0]) { StampMessageId = false, StampCreationTime = false },
};
var key = Convert.ToBase64String(new byte[32]);
await using var client = DeviceClient.CreateFromConnectionString($"HostName=localhost;DeviceId=victim;SharedAccessKey={key}", TransportType.Mqtt_Tcp_Only, options);
await using var output = Console.OpenStandardOutput();
await output.WriteAsync("ready\n"u8.ToArray());
if (args[3] == "drain")
{
    await client.FlushAsync();
    return;
}

for (var next = long.Parse(args[3], CultureInfo.InvariantCulture); ; next += 5)
{
    await client.SendEventBatchAsync(Enumerable.Range(0, 5).Select(i => new Message(Encoding.UTF8.GetBytes($"{next + i}"))));
    await output.WriteAsync(Encoding.UTF8.GetBytes($"{next + 4}\n"));
}
