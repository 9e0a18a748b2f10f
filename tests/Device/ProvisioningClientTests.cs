using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using Homeport.Contract.Access;
using Homeport.Device;
using Homeport.Device.Identity;
using Homeport.Device.Provisioning;
using Homeport.Tpm;
using Homeport.Tpm.Attestation;
using Homeport.Tpm.Commands;

namespace Homeport.Tests.Device;

public sealed class ProvisioningClientTests : IClassFixture<TestCertificates>
{
    private readonly TestCertificates _certificates;

    public ProvisioningClientTests(TestCertificates certificates) => _certificates = certificates;

    [Fact]
    public async Task A_TPM_answers_the_challenge_and_becomes_logical_device_0()
    {
        using var tpm = new TestTpm();
        await using var service = await FakeProvisioningService.StartAsync(_certificates.Server, FakeProvisioningService.ForTpm);
        var result = await Register(service, new TpmAttestation(tpm.Source));

        var endorsementKey = tpm.Source.Use(static x => new TpmKeys(x).GetEndorsementKey().Encode());
        result.RegistrationId.ShouldBe(EndorsementKeyId.DefaultRegistrationId(endorsementKey));
        result.AssignedHub.ShouldBe("hub1.example.test");
        result.DeviceId.ShouldBe("dev-1");
        result.Substatus.ShouldBe("initialAssignment");
        Key(result).Sign([1, 2]).ShouldBe(HMACSHA256.HashData(service.HubKey, new byte[] { 1, 2 }));
        service.Registers.Count.ShouldBe(2);
        service.Registers[1].ToJsonString().ShouldBe(service.Registers[0].ToJsonString());

        var device = new TpmDevice(0, tpm.Source);
        device.GetHostName().ShouldBe("hub1.example.test");
        device.GetDeviceId().ShouldBe("dev-1");
        SharedAccessSignature.TryParse(device.GetSASToken(), out var token, out _).ShouldBeTrue();
        token!.IsSignedBy(service.HubKey).ShouldBeTrue();
        tpm.ShouldBeClean();
    }

    [Fact]
    public async Task A_TPM_registers_again_and_after_it_was_cleared()
    {
        using var tpm = new TestTpm();
        await using var service = await FakeProvisioningService.StartAsync(_certificates.Server, FakeProvisioningService.ForTpm);
        var first = await Register(service, new TpmAttestation(tpm.Source, "my-device"));
        first.RegistrationId.ShouldBe("my-device");
        Key(await Register(service, new TpmAttestation(tpm.Source, "my-device"))).Sign([1]).ShouldBe(Key(first).Sign([1]));

        tpm.Source.Use(static x => new TpmStatus(x).Clear());
        new TpmDevice(0, tpm.Source).GetHostName().ShouldBe("");
        Key(await Register(service, new TpmAttestation(tpm.Source, "my-device"))).Sign([1]).ShouldBe(HMACSHA256.HashData(service.HubKey, new byte[] { 1 }));
        service.Registers[^1]["tpm"]!["endorsementKey"]!.GetValue<string>().ShouldBe(service.Registers[0]["tpm"]!["endorsementKey"]!.GetValue<string>());
        service.Registers[^1]["tpm"]!["storageRootKey"]!.GetValue<string>().ShouldNotBe(service.Registers[0]["tpm"]!["storageRootKey"]!.GetValue<string>());
    }

    [Fact]
    public async Task A_registration_that_fails_after_the_challenge_keeps_the_key_that_was_there()
    {
        using var tpm = new TestTpm();
        var oldKey = RandomNumberGenerator.GetBytes(32);
        new TpmDevice(0, tpm.Source).Provision(Convert.ToBase64String(oldKey), "old.example.test", "old");
        await using var service = await FakeProvisioningService.StartAsync(_certificates.Server, FakeProvisioningService.ForTpm);
        service.FinalState = new JsonObject { ["status"] = "failed", ["errorCode"] = 400209, ["errorMessage"] = "IoT hub unauthorized" };
        var error = await Should.ThrowAsync<ProvisioningException>(() => Register(service, new TpmAttestation(tpm.Source)));
        error.Failure.ShouldBe(ProvisioningFailure.Failed);
        error.ErrorCode.ShouldBe(400209);
        error.Message.ShouldContain("IoT hub unauthorized");

        var device = new TpmDevice(0, tpm.Source);
        device.GetHostName().ShouldBe("old.example.test");
        device.SignHmac([1]).ShouldBe(HMACSHA256.HashData(oldKey, new byte[] { 1 }));
        tpm.ShouldBeClean();
    }

    [Fact]
    public async Task An_assignment_without_a_key_for_the_TPM_is_named()
    {
        using var tpm = new TestTpm();
        await using var service = await FakeProvisioningService.StartAsync(_certificates.Server, FakeProvisioningService.ForTpmWithoutKey);
        var error = await Should.ThrowAsync<ProvisioningException>(() => Register(service, new TpmAttestation(tpm.Source)));
        error.Failure.ShouldBe(ProvisioningFailure.Protocol);
        tpm.Source.Use(static x => new TpmKeys(x).ReadPublic(TpmHandle.IdentityKey)).ShouldBeNull();
    }

    [Fact]
    public async Task A_challenge_for_another_TPM_is_the_error_of_the_TPM()
    {
        using var tpm = new TestTpm();
        using var other = new TestTpm();
        var foreign = other.Source.Use(static x => Challenge.Create(new TpmKeys(x).GetEndorsementKey(), new TpmKeys(x).GetStorageRootKey(), new byte[32]));
        await using var service = await FakeProvisioningService.StartAsync(_certificates.Server, FakeProvisioningService.ForTpm);
        service.Before.Enqueue((401, new JsonObject { ["authenticationKey"] = Convert.ToBase64String(foreign), ["keyName"] = "registration" }.ToJsonString(), null));
        var error = await Should.ThrowAsync<TpmException>(() => Register(service, new TpmAttestation(tpm.Source)));
        error.Code.ShouldBeOneOf(TpmResponseCode.Integrity, TpmResponseCode.Failure, TpmResponseCode.Value);
        tpm.ShouldBeClean();
    }

    [Fact]
    public async Task A_symmetric_key_registers()
    {
        var key = RandomNumberGenerator.GetBytes(64);
        await using var service = await FakeProvisioningService.StartAsync(_certificates.Server, FakeProvisioningService.ForKey(key, polls: 3));
        using var payload = JsonDocument.Parse("""{"site":"north"}""");
        using var client = Client(service);
        var result = await client.RegisterAsync(new SymmetricKeyAttestation("dev.1:a_b", key), payload.RootElement, default);
        result.RegistrationId.ShouldBe("dev.1:a_b");
        Key(result).Sign([1]).ShouldBe(HMACSHA256.HashData(key, new byte[] { 1 }));
        service.Registers.ShouldHaveSingleItem().ToJsonString().ShouldBe("""{"registrationId":"dev.1:a_b","payload":{"site":"north"}}""");
    }

    [Fact]
    public async Task A_group_key_gives_the_documented_device_key()
    {
        const string Id = "sn-007-888-abc-mac-a1-b2-c3-d4-e5-f6";
        var deviceKey = Convert.FromBase64String("Jsm0lyGpjaVYVP2g3FnmnmG9dI/9qU24wNoykUmermc=");
        var groupKey = Convert.FromBase64String("8isrFI1sGsIlvvFSSFRiMfCNzv21fjbE/+ah/lSh3lF8e2YG1Te7w1KpZhJFFXJrqYKi9yegxkqIChbqOS9Egw==");
        await using var service = await FakeProvisioningService.StartAsync(_certificates.Server, FakeProvisioningService.ForKey(deviceKey));
        (await Register(service, SymmetricKeyAttestation.FromGroupKey(Id, groupKey))).DeviceId.ShouldBe("dev-1");
    }

    [Fact]
    public async Task A_busy_service_is_asked_again()
    {
        var key = RandomNumberGenerator.GetBytes(32);
        await using var service = await FakeProvisioningService.StartAsync(_certificates.Server, FakeProvisioningService.ForKey(key));
        service.Before.Enqueue((429, """{"errorCode":429001,"message":"Throttled"}""", "0"));
        service.Before.Enqueue((503, "<html>proxy</html>", "0"));
        service.Before.Enqueue((500, "", null));
        (await Register(service, new SymmetricKeyAttestation("dev", key))).AssignedHub.ShouldBe("hub1.example.test");
    }

    [Theory]
    [InlineData(401, """{"errorCode":401002,"trackingId":"t-1","message":"CA certificate not found."}""", ProvisioningFailure.Refused, 401002, "CA certificate not found. (401002)")]
    [InlineData(404, """{"errorCode":404201,"trackingId":"t-1","message":"no enrollment"}""", ProvisioningFailure.Refused, 404201, "is the device enrolled")]
    [InlineData(400, "<html>", ProvisioningFailure.Refused, 0, "answered 400: no reason given")]
    [InlineData(202, "<html>", ProvisioningFailure.Protocol, 0, "not that of a provisioning service")]
    [InlineData(200, """{"operationId":"x","status":"assigned"}""", ProvisioningFailure.Protocol, 0, "incomplete state")]
    [InlineData(200, """{"operationId":"x","status":"disabled","registrationState":{}}""", ProvisioningFailure.Refused, 0, "disabled")]
    [InlineData(202, """{"status":"assigning"}""", ProvisioningFailure.Protocol, 0, "incomplete")]
    [InlineData(200, "null", ProvisioningFailure.Protocol, 0, "empty body")]
    public async Task A_refusal_carries_what_the_service_said(int status, string body, ProvisioningFailure failure, int code, string text)
    {
        await using var service = await FakeProvisioningService.StartAsync(_certificates.Server, FakeProvisioningService.ForKey(new byte[32]));
        service.Before.Enqueue((status, body, null));
        var error = await Should.ThrowAsync<ProvisioningException>(() => Register(service, new SymmetricKeyAttestation("dev", new byte[32])));
        error.Failure.ShouldBe(failure);
        error.ErrorCode.ShouldBe(code);
        error.Message.ShouldContain(text);
        if (code != 0)
            error.TrackingId.ShouldBe("t-1");
    }

    [Fact]
    public async Task A_wrong_key_is_refused()
    {
        await using var service = await FakeProvisioningService.StartAsync(_certificates.Server, FakeProvisioningService.ForKey(new byte[32]));
        var error = await Should.ThrowAsync<ProvisioningException>(() => Register(service, new SymmetricKeyAttestation("dev", [1, 2, 3])));
        error.Failure.ShouldBe(ProvisioningFailure.Refused);
        error.TrackingId.ShouldBe("track-1");
        error.Message.ShouldContain("is its clock right");
    }

    [Fact]
    public async Task An_answer_without_end_is_cut()
    {
        await using var service = await FakeProvisioningService.StartAsync(_certificates.Server, FakeProvisioningService.ForKey(new byte[32]));
        service.Before.Enqueue((200, new string('x', 100_000), null));
        var error = await Should.ThrowAsync<ProvisioningException>(() => Register(service, new SymmetricKeyAttestation("dev", new byte[32])));
        error.Failure.ShouldBe(ProvisioningFailure.Protocol);
        error.Message.ShouldContain("65536 bytes");
    }

    [Fact]
    public async Task Trouble_without_end_stops_at_the_limit_and_is_told()
    {
        using var client = new ProvisioningClient(new ProvisioningOptions("localhost:1", FakeProvisioningService.IdScope)
        {
            Limit = TimeSpan.FromMilliseconds(500),
            DefaultDelay = TimeSpan.FromMilliseconds(50),
        });
        var error = await Should.ThrowAsync<ProvisioningException>(() => client.RegisterAsync(new SymmetricKeyAttestation("dev", new byte[32]), null, default));
        error.Failure.ShouldBe(ProvisioningFailure.TimedOut);
        error.Message.ShouldContain("localhost:1");
    }

    [Fact]
    public async Task A_caller_who_gives_up_gets_his_cancellation()
    {
        using var client = new ProvisioningClient(new ProvisioningOptions("localhost:1", FakeProvisioningService.IdScope));
        using var cancelled = new CancellationTokenSource(TimeSpan.FromMilliseconds(200));
        await Should.ThrowAsync<OperationCanceledException>(() => client.RegisterAsync(new SymmetricKeyAttestation("dev", new byte[32]), null, cancelled.Token));
    }

    [Fact]
    public async Task A_server_of_an_unknown_CA_or_another_name_is_not_trusted()
    {
        await using var service = await FakeProvisioningService.StartAsync(_certificates.Server, FakeProvisioningService.ForKey(new byte[32]));
        using var withoutCa = new ProvisioningClient(new ProvisioningOptions(service.Endpoint, FakeProvisioningService.IdScope));
        var error = await Should.ThrowAsync<ProvisioningException>(() => withoutCa.RegisterAsync(new SymmetricKeyAttestation("dev", new byte[32]), null, default));
        error.Failure.ShouldBe(ProvisioningFailure.Untrusted);
        error.Message.ShouldContain("CA file");

        await using var elsewhere = await FakeProvisioningService.StartAsync(_certificates.OtherName, FakeProvisioningService.ForKey(new byte[32]));
        (await Should.ThrowAsync<ProvisioningException>(() => Register(elsewhere, new SymmetricKeyAttestation("dev", new byte[32]))))
            .Failure.ShouldBe(ProvisioningFailure.Untrusted);
    }

    [Fact]
    public void A_file_without_certificate_is_refused()
    {
        var file = Path.GetTempFileName();
        Should.Throw<FormatException>(() => ServerTrust.FromPemFile(file)).Message.ShouldContain("no certificate");
        File.Delete(file);
    }

    [Fact]
    public void A_malformed_registration_id_is_refused()
        => Should.Throw<ArgumentException>(() => new SymmetricKeyAttestation("with space", new byte[32])).Message.ShouldContain("not allowed");

    private ProvisioningClient Client(FakeProvisioningService service) => new(new ProvisioningOptions(service.Endpoint, FakeProvisioningService.IdScope)
    {
        Trust = ServerTrust.FromPemFile(_certificates.CaFile),
        DefaultDelay = TimeSpan.FromMilliseconds(20),
        Limit = TimeSpan.FromMinutes(1),
    });

    private async Task<ProvisioningResult> Register(FakeProvisioningService service, IAttestation attestation)
    {
        using var client = Client(service);
        return await client.RegisterAsync(attestation, payload: null, default);
    }

    private static IDeviceKey Key(ProvisioningResult result) => result.Authentication.ShouldBeOfType<Homeport.Device.Client.DeviceAuthenticationWithKey>().Key;
}
