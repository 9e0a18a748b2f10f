using System.Runtime.Versioning;
using Homeport.Device;
using Homeport.Device.Client;
using Homeport.Device.Identity;
using Homeport.Device.Provisioning;

namespace Homeport.Samples.Device;

[UnsupportedOSPlatform("windows")]
internal static class Pkcs11
{
    public static async Task<int> RunAsync(string endpoint, string scope, string ca, string certificateFile, string keyUri)
    {
        var trust = ServerTrust.FromPemFile(ca);
        using var certificate = Pkcs11Certificate.Open(certificateFile, keyUri);
        using var registration = new ProvisioningClient(new ProvisioningOptions(endpoint, scope) { Trust = trust, Transport = ProvisioningTransport.Amqp });
        var result = await registration.RegisterAsync(new X509Attestation(certificate), null, CancellationToken.None);

        foreach (var transport in new[] { TransportType.Mqtt, TransportType.Amqp, TransportType.Http1 })
        {
            await using var client = DeviceClient.Create(result.AssignedHub, result.Authentication, transport, new DeviceClientOptions { Trust = trust });
            await client.SendEventAsync(new Message("signed in the module"u8.ToArray()));
        }

        return 0;
    }
}
