using System.Text.Json.Nodes;
using Homeport.Tests.Interop.Harness;

namespace Homeport.Tests.Interop;

/// <summary>Devices that start with an enrollment: the Node provisioning SDK over HTTPS, then MQTT to the assigned hub.</summary>
[Collection(SharedServerTests.Name)]
public sealed class ProvisioningTests(SharedServer shared)
{
    private ReadyDps Dps => shared.Server.Ready.Dps;

    [Fact]
    public async Task A_device_with_its_own_symmetric_key_is_assigned_and_sends()
    {
        var id = SharedServer.NewId("individual");
        var key = SasToken.NewKey();
        await EnrollAsync(new { registrationId = id, deviceId = "device-of-" + id, attestation = Symmetric(key) });
        var outcome = await ProvisionAsync(new { registrationId = id, key, send = "hello" });
        ShouldHaveSent(outcome, "device-of-" + id);
        (await shared.Server.Reader.SingleAsync("device-of-" + id)).Text.ShouldBe("hello");

        var device = await shared.Server.Hub.SendAsync(HttpMethod.Get, "devices/device-of-" + id);
        ((string?)device.Json["authentication"]!["symmetricKey"]!["primaryKey"]).ShouldBe(key);
    }

    [Fact]
    public async Task Registering_again_gives_the_same_device()
    {
        var id = SharedServer.NewId("again");
        var key = SasToken.NewKey();
        await EnrollAsync(new { registrationId = id, attestation = Symmetric(key) });
        ShouldHaveSent(await ProvisionAsync(new { registrationId = id, key, send = "1" }), id);
        ShouldHaveSent(await ProvisionAsync(new { registrationId = id, key, send = "2" }), id);
        (await shared.Server.Reader.WaitAsync(id, 2)).Select(m => m.Text).ShouldBe(["1", "2"]);
    }

    [Theory]
    [InlineData("mqtt")]
    [InlineData("mqttws")]
    [InlineData("amqp")]
    [InlineData("amqpws")]
    public async Task A_device_registers_and_is_told_why_when_it_may_not(string transport)
    {
        var id = SharedServer.NewId(transport);
        var key = SasToken.NewKey();
        await EnrollAsync(new { registrationId = id, attestation = Symmetric(key) });
        ShouldHaveSent(await ProvisionAsync(new { transport, registrationId = id, key, payload = new { modelId = "dtmi:com:example:Press;1" }, send = "over " + transport }), id);
        (await shared.Server.Reader.SingleAsync(id)).Text.ShouldBe("over " + transport);

        var refused = await ProvisionAsync(new { transport, registrationId = id, key = SasToken.NewKey() });
        ((bool?)refused["registered"]).ShouldBe(false, refused.ToJsonString());
        // Over AMQP the SDK hands an object on that has no text.
        if (transport.StartsWith("mqtt", StringComparison.Ordinal))
            refused.ToJsonString().ShouldContain("401002");
        else
            await shared.Server.WaitForPrintedAsync(line => line.Contains("401002", StringComparison.Ordinal) && line.Contains(id, StringComparison.Ordinal), "the refusal");
    }

    [Fact]
    public async Task Each_device_of_a_group_registers_with_the_key_derived_for_it()
    {
        var group = SharedServer.NewId("group");
        var groupKey = SasToken.NewKey();
        await EnrollGroupAsync(group, groupKey);
        foreach (var suffix in new[] { "a", "b" })
        {
            var id = $"{group}-{suffix}";
            var key = SasToken.DerivedKey(groupKey, id);
            ShouldHaveSent(await ProvisionAsync(new { registrationId = id, key, send = "from " + suffix }), id);
            (await shared.Server.Reader.SingleAsync(id)).Text.ShouldBe("from " + suffix);
            var device = await shared.Server.Hub.SendAsync(HttpMethod.Get, "devices/" + id);
            ((string?)device.Json["authentication"]!["symmetricKey"]!["primaryKey"]).ShouldBe(key, "never the group's key");
        }
    }

    [Fact]
    public async Task A_device_with_a_tpm_is_assigned_and_sends_with_the_key_that_only_its_tpm_holds()
    {
        await using var tpm = await SoftwareTpm.StartAsync();
        var identity = await shared.Node.RunAsync("tpm-identity.mjs", new { });
        var id = (string)identity["registrationId"]!;
        await EnrollAsync(new { registrationId = id, deviceId = "device-with-tpm", attestation = TpmOf(identity) });
        foreach (var (transport, text) in ((string, string)[])[("http", "first boot"), ("amqp", "second boot"), ("amqpws", "third boot")])
        {
            var outcome = await ProvisionAsync(new { transport, attestation = "tpm", registrationId = id, send = text });
            ShouldHaveSent(outcome, "device-with-tpm");
        }

        (await shared.Server.Reader.WaitAsync("device-with-tpm", 3)).Select(m => m.Text).ShouldBe(["first boot", "second boot", "third boot"]);
    }

    [Fact]
    public async Task Another_tpm_is_refused()
    {
        JsonNode enrolled;
        await using (await SoftwareTpm.StartAsync())
            enrolled = await shared.Node.RunAsync("tpm-identity.mjs", new { });
        var id = SharedServer.NewId("stolen");
        await EnrollAsync(new { registrationId = id, attestation = TpmOf(enrolled) });
        await using var other = await SoftwareTpm.StartAsync();
        await RefusedAsync(new { attestation = "tpm", registrationId = id }, 401000, 401001, 401002);
    }

    [Fact]
    public async Task The_tpm_challenge_has_the_members_that_the_sdks_read_and_no_status()
    {
        await using var tpm = await SoftwareTpm.StartAsync();
        var identity = await shared.Node.RunAsync("tpm-identity.mjs", new { });
        var id = SharedServer.NewId("challenge");
        await EnrollAsync(new { registrationId = id, attestation = TpmOf(identity) });
        var body = new JsonObject
        {
            ["registrationId"] = id,
            ["tpm"] = new JsonObject { ["endorsementKey"] = (string)identity["endorsementKey"]!, ["storageRootKey"] = (string)identity["storageRootKey"]! },
        };
        var answer = await RegisterAsync(Dps.IdScope, id, body, token: null);
        answer.Status.ShouldBe(401);
        ((string?)answer.Json["keyName"]).ShouldBe("registration");
        Convert.FromBase64String((string)answer.Json["authenticationKey"]!).Length.ShouldBeGreaterThan(300);
        answer.Json.AsObject().ContainsKey("status").ShouldBeFalse();
        answer.Json.AsObject().ContainsKey("unencryptedAuthenticationKey").ShouldBeTrue();
    }

    [Fact]
    public async Task An_unknown_tpm_is_not_found()
    {
        await using var tpm = await SoftwareTpm.StartAsync();
        await RefusedAsync(new { attestation = "tpm", registrationId = SharedServer.NewId("unknown") }, 404201);
    }

    [Fact]
    public async Task A_wrong_key_is_refused()
    {
        var id = SharedServer.NewId("wrong");
        await EnrollAsync(new { registrationId = id, attestation = Symmetric(SasToken.NewKey()) });
        await RefusedAsync(new { registrationId = id, key = SasToken.NewKey() }, 401000, 401002);
    }

    [Fact]
    public async Task The_key_derived_for_another_device_of_the_group_is_refused()
    {
        var group = SharedServer.NewId("group");
        var groupKey = SasToken.NewKey();
        await EnrollGroupAsync(group, groupKey);
        await RefusedAsync(new { registrationId = group + "-a", key = SasToken.DerivedKey(groupKey, group + "-b") }, 401000, 401002, 404201);
    }

    [Fact]
    public async Task An_unknown_id_scope_is_refused()
    {
        var id = SharedServer.NewId("scope");
        var key = SasToken.NewKey();
        await EnrollAsync(new { registrationId = id, attestation = Symmetric(key) });
        await RefusedAsync(new { idScope = "0ne00000000", registrationId = id, key }, 401000, 401002, 404000, 404001, 404201, 404202, 404203);
    }

    [Fact]
    public async Task A_disabled_enrollment_is_refused()
    {
        var id = SharedServer.NewId("disabled");
        var key = SasToken.NewKey();
        await EnrollAsync(new { registrationId = id, provisioningStatus = "disabled", attestation = Symmetric(key) });
        var outcome = await ProvisionAsync(new { registrationId = id, key });
        ((bool?)outcome["registered"]).ShouldBe(false, outcome.ToJsonString());
        (await shared.Server.Hub.SendAsync(HttpMethod.Get, "devices/" + id)).Status.ShouldBe(404);
    }

    [Fact]
    public async Task Registration_answers_have_the_statuses_and_members_that_the_sdks_insist_on()
    {
        var id = SharedServer.NewId("shape");
        var key = SasToken.NewKey();
        await EnrollAsync(new { registrationId = id, attestation = Symmetric(key) });
        var token = SasToken.Create($"{Dps.IdScope}/registrations/{id}", key, "registration");
        var answer = await RegisterAsync(Dps.IdScope, id, new JsonObject { ["registrationId"] = id }, token);
        answer.Status.ShouldBe(202, answer.Body);
        ((string?)answer.Json["status"]).ShouldBe("assigning");
        answer.Header("Retry-After").ShouldNotBeNull();
        var operation = (string)answer.Json["operationId"]!;

        RestAnswer polled;
        do
        {
            await Task.Delay(200);
            polled = await shared.Server.Dps.SendAsync(HttpMethod.Get, $"{Dps.IdScope}/registrations/{id}/operations/{operation}", token: token);
        }
        while (polled.Status == 202);
        polled.Status.ShouldBe(200, polled.Body);
        ((string?)polled.Json["status"]).ShouldBe("assigned");
        var state = polled.Json["registrationState"]!;
        ((string?)state["registrationId"]).ShouldBe(id);
        ((string?)state["assignedHub"]).ShouldBe(shared.Server.Ready.Hub.HostName);
        ((string?)state["deviceId"]).ShouldBe(id);
        ((string?)state["status"]).ShouldBe("assigned");
        ((string?)state["substatus"]).ShouldBe("initialAssignment");
        ((string)state["createdDateTimeUtc"]!).ShouldMatch(@"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z$");
        state.AsObject().ContainsKey("errorCode").ShouldBeFalse();

        var kept = await shared.Server.Dps.SendAsync(HttpMethod.Get, $"registrations/{id}");
        kept.Status.ShouldBe(200, kept.Body);
        ((string?)kept.Json["assignedHub"]).ShouldBe(shared.Server.Ready.Hub.HostName);
    }

    private static object Symmetric(string key) => new { type = "symmetricKey", symmetricKey = new { primaryKey = key, secondaryKey = SasToken.NewKey() } };

    private static object TpmOf(JsonNode identity) => new { type = "tpm", tpm = new { endorsementKey = (string)identity["endorsementKey"]! } };

    private static void ShouldHaveSent(JsonNode outcome, string deviceId)
    {
        ((bool?)outcome["registered"]).ShouldBe(true, outcome.ToJsonString());
        ((string?)outcome["registration"]!["deviceId"]).ShouldBe(deviceId);
        ((bool?)outcome["sent"]).ShouldBe(true, outcome.ToJsonString());
    }

    private async Task EnrollAsync(object enrollment) =>
        _ = (await shared.Node.StepsAsync("provisioning", Dps.ServiceConnectionString, ["createOrUpdateIndividualEnrollment", enrollment]))[0].Success;

    private async Task EnrollGroupAsync(string id, string key) =>
        _ = (await shared.Node.StepsAsync(
            "provisioning", Dps.ServiceConnectionString, ["createOrUpdateEnrollmentGroup", new { enrollmentGroupId = id, attestation = Symmetric(key) }]))[0].Success;

    private Task<RestAnswer> RegisterAsync(string scope, string id, JsonNode body, string? token) =>
        shared.Server.Dps.SendAsync(HttpMethod.Put, $"{scope}/registrations/{id}/register?api-version=2021-06-01", body, token: token ?? "");

    private Task<JsonNode> ProvisionAsync(object scenario)
    {
        var arguments = JsonNode.Parse(System.Text.Json.JsonSerializer.Serialize(scenario))!.AsObject();
        arguments.TryAdd("host", Dps.Endpoint);
        arguments.TryAdd("idScope", Dps.IdScope);
        return shared.Node.RunAsync("provision.mjs", arguments);
    }

    private async Task RefusedAsync(object scenario, params int[] codes)
    {
        var outcome = await ProvisionAsync(scenario);
        ((bool?)outcome["registered"]).ShouldBe(false, outcome.ToJsonString());
        var body = JsonNode.Parse((string?)outcome["error"]!["body"] ?? throw new InvalidOperationException("no error body: " + outcome.ToJsonString()))!;
        ((int?)body["errorCode"]).ShouldNotBeNull(body.ToJsonString());
        codes.ShouldContain((int)body["errorCode"]!);
        ((string?)body["message"]).ShouldNotBeNullOrEmpty();
        ((string?)body["trackingId"]).ShouldNotBeNullOrEmpty();
        ((string?)outcome["error"]!["header"]).ShouldBe($"{body["errorCode"]}", "the header x-ms-error-code");
    }
}
