using Homeport.Device;
using Homeport.Device.Client;
using Homeport.Device.Identity;
using Homeport.Device.Provisioning;
using Homeport.Device.Queue;

namespace Homeport.Samples.Device;

internal static class Registration
{
    public static async Task<int> RunAsync(string endpoint, string scope, string ca)
    {
        var options = new ProvisioningOptions(endpoint, scope) { Trust = ServerTrust.FromPemFile(ca) };
        using var registration = new ProvisioningClient(options);
        ProvisioningResult result = await registration.RegisterAsync(new TpmAttestation(TpmLocator.Choose()), null, CancellationToken.None);

        await using var client = DeviceClient.Create(result.AssignedHub, result.Authentication, TransportType.Mqtt, new DeviceClientOptions
        {
            Trust = ServerTrust.FromPemFile(ca),
            Queue = new OutgoingQueueOptions("weather-queue.db"),
        });
        await client.SendEventAsync(new Message("""{"temperature":21.5}"""u8.ToArray()) { ContentType = "application/json", ContentEncoding = "utf-8" });

        await client.FlushAsync();
        return 0;
    }
}
