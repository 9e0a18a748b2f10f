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

    [Theory]
    [InlineData("EC:prime256v1")]
    [InlineData("rsa:2048")]
    public async Task A_key_in_a_PKCS11_module_registers_and_sends_without_leaving_it(string keyType)
    {
        const string Module = "/usr/lib/softhsm/libsofthsm2.so";
        var id = SharedServer.NewId("own-p11");
        using var folder = new TempFolder();
        Directory.CreateDirectory(folder.File("tokens"));
        await File.WriteAllTextAsync(folder.File("softhsm2.conf"), $"directories.tokendir = {folder.File("tokens")}\n", TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(folder.File("pin"), "1234", TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(folder.File("wrong-pin"), "4321", TestContext.Current.CancellationToken);
        var environment = new Dictionary<string, string>(StringComparer.Ordinal) { ["SOFTHSM2_CONF"] = folder.File("softhsm2.conf"), ["PKCS11_MODULE_PATH"] = Module };
        string Key(string pin) => $"pkcs11:token=device;object=key;type=private?pin-source=file:{folder.File(pin)}";
        await RunAsync("softhsm2-util", "--init-token", "--free", "--label", "device", "--pin", "1234", "--so-pin", "5678");
        await RunAsync("pkcs11-tool", "--module", Module, "--token-label", "device", "--login", "--pin", "1234", "--keypairgen", "--key-type", keyType, "--id", "01", "--label", "key");
        await RunAsync("openssl", "req", "-new", "-x509", "-engine", "pkcs11", "-keyform", "engine", "-key", Key("pin"), "-subj", "/CN=" + id, "-days", "2", "-out", folder.File("device.pem"));
        var primary = new JsonObject { ["certificate"] = await File.ReadAllTextAsync(folder.File("device.pem"), TestContext.Current.CancellationToken) };
        await EnrollAsync(id, id, new JsonObject { ["type"] = "x509", ["x509"] = new JsonObject { ["clientCertificates"] = new JsonObject { ["primary"] = primary } } });

        // The environment of OpenSSL's module is that of the process, so it is one of its own.
        string[] Program(string pin) => [ServerProcess.DeviceSamples, "pkcs11", shared.Server.Ready.Dps.Endpoint, shared.Server.Ready.Dps.IdScope, shared.Server.Ready.CaFile, folder.File("device.pem"), Key(pin)];
        await RunAsync("dotnet", Program("pin"));
        (await shared.Server.Reader.WaitAsync(id, 3)).Select(m => m.Text).ShouldAllBe(text => text == "signed in the module");
        var refused = await ExternalProgram.RunAsync("dotnet", Program("wrong-pin"), environment: environment);
        refused.ExitCode.ShouldNotBe(0);
        refused.Error.ShouldContain("are token, object and PIN right?");

        async Task RunAsync(string program, params string[] arguments)
        {
            var result = await ExternalProgram.RunAsync(program, arguments, environment: environment);
            result.ExitCode.ShouldBe(0, result.ToString());
        }
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
