using Homeport.Device;
using Homeport.Device.Client;

namespace Homeport.Samples.Device;

internal static class Trust
{
    public static async Task<int> RunAsync(string connectionString, string ca, string folder)
    {
        var store = TrustStore.Open(Path.Combine(folder, "trust.json"), ca);
        await using var client = DeviceClient.CreateFromConnectionString(connectionString, TransportType.Amqp, new DeviceClientOptions { Trust = store.Trust });

        await client.UpdateTrustAsync();
        Console.WriteLine(string.Join('\n', store.Thumbprints));
        return 0;
    }
}
