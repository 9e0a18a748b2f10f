using System.Text;
using System.Text.Json.Nodes;
using Homeport.Device.Client;
using Homeport.Device.Identity;
using Homeport.Device.Provisioning;
using Homeport.Tests.Interop.Harness;
using Homeport.Tpm;
using Homeport.Tpm.Attestation;

namespace Homeport.Tests.Interop;

/// <summary>Registration with the device library of this project, and what follows from it.</summary>
[Collection(SharedServerTests.Name)]
public sealed class OwnProvisioningTests(SharedServer shared)
{
    [Theory]
    [InlineData(ProvisioningTransport.Https)]
    [InlineData(ProvisioningTransport.Mqtt)]
    [InlineData(ProvisioningTransport.MqttWebSocket)]
    [InlineData(ProvisioningTransport.Amqp)]
    [InlineData(ProvisioningTransport.AmqpWebSocket)]
    public async Task A_device_with_a_symmetric_key_registers_again_and_again_and_sends(ProvisioningTransport transport)
    {
        var id = SharedServer.NewId("own-dps");
        var key = SasToken.NewKey();
        await EnrollAsync(id, "device-of-" + id, new JsonObject
        {
            ["type"] = "symmetricKey",
            ["symmetricKey"] = new JsonObject { ["primaryKey"] = key, ["secondaryKey"] = SasToken.NewKey() },
        });
        using var registration = new ProvisioningClient(Options(transport));
        for (var i = 0; i < 2; i++)
        {
            var result = await registration.RegisterAsync(new SymmetricKeyAttestation(id, Convert.FromBase64String(key)), null, TestContext.Current.CancellationToken);
            (result.DeviceId, result.AssignedHub).ShouldBe(("device-of-" + id, shared.Server.Ready.Hub.HostName));
            await using var client = DeviceClient.Create(result.AssignedHub, result.Authentication, TransportType.Mqtt, new DeviceClientOptions { Trust = Trust });
            await client.SendEventAsync(new Message(Encoding.UTF8.GetBytes($"{i}")), TestContext.Current.CancellationToken);
        }

        (await shared.Server.Reader.WaitAsync("device-of-" + id, 2)).Select(m => m.Text).ShouldBe(["0", "1"]);
        var refused = await Should.ThrowAsync<ProvisioningException>(() => registration.RegisterAsync(new SymmetricKeyAttestation(id, new byte[32]), null, default));
        refused.Failure.ShouldBe(ProvisioningFailure.Refused);
        refused.ErrorCode.ShouldBe(401002);
    }

    [Theory]
    [InlineData(ProvisioningTransport.Https)]
    [InlineData(ProvisioningTransport.Mqtt)]
    [InlineData(ProvisioningTransport.MqttWebSocket)]
    [InlineData(ProvisioningTransport.Amqp)]
    [InlineData(ProvisioningTransport.AmqpWebSocket)]
    public async Task A_device_with_a_certificate_registers_and_sends(ProvisioningTransport transport)
    {
        var id = SharedServer.NewId("own-x509");
        using var certificate = new DeviceCertificate(id);
        using var folder = new TempFolder();
        await File.WriteAllTextAsync(folder.File("device.pem"), certificate.CertificatePem, TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(folder.File("device.key"), certificate.KeyPem, TestContext.Current.CancellationToken);
        var primary = new JsonObject { ["certificate"] = certificate.CertificatePem };
        await EnrollAsync(id, id, new JsonObject { ["type"] = "x509", ["x509"] = new JsonObject { ["clientCertificates"] = new JsonObject { ["primary"] = primary } } });
        using var registration = new ProvisioningClient(Options(transport));
        var attestation = X509Attestation.FromPemFiles(folder.File("device.pem"), folder.File("device.key"));
        var result = await registration.RegisterAsync(attestation, null, TestContext.Current.CancellationToken);
        result.DeviceId.ShouldBe(id);
        await using var client = DeviceClient.Create(result.AssignedHub, result.Authentication, TransportType.Mqtt, new DeviceClientOptions { Trust = Trust });
        await client.SendEventAsync(new Message("by certificate"u8.ToArray()), TestContext.Current.CancellationToken);
        (await shared.Server.Reader.SingleAsync(id)).Text.ShouldBe("by certificate");
    }

    [Fact]
    public async Task A_TPM_registers_over_AMQP_and_is_told_why_when_it_may_not()
    {
        await using var tpm = await SoftwareTpm.StartAsync();
        var source = TpmSource.Parse($"tcp:127.0.0.1:{SoftwareTpm.Port}");
        var endorsementKey = source.Use(t => new TpmKeys(t).GetEndorsementKey().Encode());
        var id = EndorsementKeyId.DefaultRegistrationId(endorsementKey);
        using var registration = new ProvisioningClient(Options(ProvisioningTransport.Amqp));
        var refused = await Should.ThrowAsync<ProvisioningException>(() => registration.RegisterAsync(new TpmAttestation(source), null, TestContext.Current.CancellationToken));
        (refused.Failure, refused.ErrorCode).ShouldBe((ProvisioningFailure.Refused, 404201));
        await EnrollAsync(id, "amqp-" + id[..8], new JsonObject { ["type"] = "tpm", ["tpm"] = new JsonObject { ["endorsementKey"] = Convert.ToBase64String(endorsementKey) } });
        foreach (var transport in (ProvisioningTransport[])[ProvisioningTransport.Amqp, ProvisioningTransport.AmqpWebSocket])
        {
            using var again = new ProvisioningClient(Options(transport));
            var result = await again.RegisterAsync(new TpmAttestation(source), null, TestContext.Current.CancellationToken);
            await using var client = DeviceClient.Create(result.AssignedHub, result.Authentication, TransportType.Amqp, new DeviceClientOptions { Trust = Trust });
            await client.SendEventAsync(new Message(Encoding.UTF8.GetBytes($"by {transport}")), TestContext.Current.CancellationToken);
        }

        (await shared.Server.Reader.WaitAsync("amqp-" + id[..8], 2)).Select(m => m.Text).ShouldBe(["by Amqp", "by AmqpWebSocket"]);
    }

    [Fact]
    public async Task The_program_of_a_walkthrough_runs_with_a_TPM_that_registration_filled()
    {
        await using var tpm = await SoftwareTpm.StartAsync();
        var source = TpmSource.Parse($"tcp:127.0.0.1:{SoftwareTpm.Port}");
        var endorsementKey = source.Use(t => new TpmKeys(t).GetEndorsementKey().Encode());
        var id = EndorsementKeyId.DefaultRegistrationId(endorsementKey);
        await EnrollAsync(id, "weather", new JsonObject { ["type"] = "tpm", ["tpm"] = new JsonObject { ["endorsementKey"] = Convert.ToBase64String(endorsementKey) } });
        using var registration = new ProvisioningClient(Options(ProvisioningTransport.Https));
        await registration.RegisterAsync(new TpmAttestation(source), null, TestContext.Current.CancellationToken);

        Environment.SetEnvironmentVariable(TpmLocator.EnvironmentVariable, source.Name);
        Environment.SetEnvironmentVariable(Homeport.Device.ServerTrust.EnvironmentVariable, shared.Server.Ready.CaFile);
        try
        {
            var program = new Walkthrough.IoTHubClient();
            await program.SendAsync("first");
            program.SpoilToken();
            await program.SendAsync("second");
        }
        finally
        {
            Environment.SetEnvironmentVariable(TpmLocator.EnvironmentVariable, null);
            Environment.SetEnvironmentVariable(Homeport.Device.ServerTrust.EnvironmentVariable, null);
        }

        (await shared.Server.Reader.WaitAsync("weather", 3)).Select(m => m.Text).ShouldBe(["first", "second", "queued"]);
    }

    private Homeport.Device.ServerTrust Trust => Homeport.Device.ServerTrust.FromPemFile(shared.Server.Ready.CaFile);

    private ProvisioningOptions Options(ProvisioningTransport transport)
        => new(shared.Server.Ready.Dps.Endpoint, shared.Server.Ready.Dps.IdScope) { Trust = Trust, Transport = transport, DefaultDelay = TimeSpan.FromMilliseconds(200), LongestDelay = TimeSpan.FromSeconds(1) };

    private async Task EnrollAsync(string registrationId, string deviceId, JsonNode attestation)
    {
        var body = new JsonObject { ["registrationId"] = registrationId, ["deviceId"] = deviceId, ["attestation"] = attestation };
        var answer = await shared.Server.Dps.SendAsync(HttpMethod.Put, $"enrollments/{registrationId}?api-version=2021-10-01", body);
        answer.Status.ShouldBeInRange(200, 201, answer.Body);
    }
}
