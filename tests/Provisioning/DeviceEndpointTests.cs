using System.Text;
using System.Text.Json.Nodes;
using Homeport.Contract.Access;
using Homeport.Tpm.Structures;

namespace Homeport.Tests.Provisioning;

public sealed class DeviceEndpointTests : IAsyncLifetime
{
    private const string Register = $"/{TestServer.IdScope}/registrations/d1/register";
    private readonly byte[] _key = TestServer.RecordedKey;
    private TestServer _server = null!;

    public async ValueTask InitializeAsync()
    {
        _server = await TestServer.StartAsync();
        await EnrollAsync("d1");
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task A_registration_is_accepted_first_and_assigned_at_the_poll()
    {
        var accepted = (await _server.SendAsync("PUT", Register, "{}", DeviceToken)).Expect(202);
        accepted["status"]!.GetValue<string>().ShouldBe("assigning");
        int.Parse(accepted.Headers["Retry-After"], System.Globalization.CultureInfo.InvariantCulture).ShouldBe(1);
        accepted.Headers["x-ms-request-id"].ShouldNotBeEmpty();
        accepted["registrationState"].ShouldBeNull();
        var operation = accepted["operationId"]!.GetValue<string>();
        var location = new Uri(accepted.Headers["Location"]);
        location.AbsolutePath.ShouldBe($"/{TestServer.IdScope}/registrations/d1/operations/{operation}");
        location.Query.ShouldBe("?api-version=2021-10-01");

        var done = (await _server.SendAsync("GET", location.PathAndQuery, null, DeviceToken)).Expect(200);
        done["operationId"]!.GetValue<string>().ShouldBe(operation);
        done["status"]!.GetValue<string>().ShouldBe("assigned");
        var state = done["registrationState"]!.AsObject();
        state["assignedHub"]!.GetValue<string>().ShouldBe(TestServer.HubHost);
        state["deviceId"]!.GetValue<string>().ShouldBe("d1");
        state["status"]!.GetValue<string>().ShouldBe("assigned");
        state["substatus"]!.GetValue<string>().ShouldBe("initialAssignment");
        state["createdDateTimeUtc"]!.GetValue<string>().ShouldMatch(@"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z$");
        Encoding.UTF8.GetString(Convert.FromBase64String(state["etag"]!.GetValue<string>())).ShouldMatch("^\"[0-9a-f-]{36}\"$");
        state.ContainsKey("errorCode").ShouldBeFalse("C# shows a number that is there");
        state.ContainsKey("tpm").ShouldBeFalse();
    }

    [Theory]
    [InlineData("node-prov-http-symkey")]
    [InlineData("c-prov-http-symkey")]
    [InlineData("csharp-prov-http-symkey")]
    public async Task The_bytes_of_a_recorded_client_register_its_device(string name)
    {
        await EnrollAsync("regdev1");
        var calls = Recorded(name);
        var accepted = (await _server.ReplayAsync(calls[0]!)).Expect(202);
        var poll = calls[1]!["url"]!.GetValue<string>().Replace("4.op.1", accepted["operationId"]!.GetValue<string>(), StringComparison.Ordinal);
        var done = (await _server.ReplayAsync(calls[1]!, poll)).Expect(200);
        done["registrationState", "deviceId"]!.GetValue<string>().ShouldBe("regdev1");
    }

    [Theory]
    [InlineData("node-prov-http-tpm")]
    [InlineData("c-prov-http-tpm")]
    [InlineData("csharp-prov-http-tpm")]
    public async Task The_bytes_of_a_recorded_client_with_a_TPM_get_a_challenge(string name)
    {
        var calls = Recorded(name);
        var challenge = (await _server.ReplayAsync(calls[0]!)).Expect(401);
        challenge["keyName"]!.GetValue<string>().ShouldBe("registration");
        Convert.FromBase64String(challenge["authenticationKey"]!.GetValue<string>()).Length.ShouldBe(766);
        challenge.Json.AsObject().ContainsKey("unencryptedAuthenticationKey").ShouldBeTrue();
        challenge.Json.AsObject().ContainsKey("status").ShouldBeFalse("the C SDK takes a body with status for no challenge");
        (await _server.ReplayAsync(calls[1]!)).Expect(401)["errorCode"]!.GetValue<int>().ShouldBe(401002);
    }

    [Fact]
    public async Task A_TPM_registers_over_HTTPS()
    {
        var tpm = SoftwareTpm.Known;
        var description = new JsonObject { ["endorsementKey"] = tpm.Description.EndorsementKey, ["storageRootKey"] = tpm.Description.StorageRootKey };
        var body = new JsonObject { ["registrationId"] = "tpm1", ["tpm"] = description }.ToJsonString();
        (await _server.ServiceAsync("PUT", "/enrollments/tpm1", new JsonObject
        {
            ["registrationId"] = "tpm1",
            ["attestation"] = new JsonObject { ["type"] = "tpm", ["tpm"] = new JsonObject { ["endorsementKey"] = tpm.Description.EndorsementKey } },
        }.ToJsonString())).Expect(200);

        var path = $"/{TestServer.IdScope}/registrations/tpm1";
        var challenge = (await _server.SendAsync("PUT", path + "/register", body)).Expect(401);
        var token = _server.DeviceToken("tpm1", tpm.Activate(Convert.FromBase64String(challenge["authenticationKey"]!.GetValue<string>())));
        var operation = (await _server.SendAsync("PUT", path + "/register", body, token)).Expect(202)["operationId"];
        var done = (await _server.SendAsync("GET", $"{path}/operations/{operation}", "{}", token)).Expect(200);
        var key = tpm.Activate(Convert.FromBase64String(done["registrationState", "tpm", "authenticationKey"]!.GetValue<string>()));
        (await _server.Hub.GetAsync("tpm1", null, TestApplication.None)).Good().Authentication.PrimaryKey.ShouldBe(key);

        var lookup = (await _server.SendAsync("POST", path, body, token)).Expect(200);
        tpm.Activate(Convert.FromBase64String(lookup["tpm", "authenticationKey"]!.GetValue<string>())).ShouldBe(key);
        (await _server.SendAsync("POST", path, body)).Expect(401)["keyName"]!.GetValue<string>().ShouldBe("registration");
    }

    [Theory]
    [InlineData("tpm1", 404201)]
    [InlineData("d1", 401002)]
    public async Task A_TPM_that_is_not_enrolled_is_told_no_more_than_that(string registrationId, int code)
    {
        var tpm = SoftwareTpm.Known;
        var body = $$$"""{"tpm":{"endorsementKey":"{{{tpm.Description.EndorsementKey}}}","storageRootKey":"{{{tpm.Description.StorageRootKey}}}"}}""";
        var path = $"/{TestServer.IdScope}/registrations/{registrationId}/register";
        var challenge = (await _server.SendAsync("PUT", path, body)).Expect(401);
        var token = _server.DeviceToken(registrationId, tpm.Activate(Convert.FromBase64String(challenge["authenticationKey"]!.GetValue<string>())));
        var refused = (await _server.SendAsync("PUT", path, body, token)).Expect(code / 1000);
        refused["errorCode"]!.GetValue<int>().ShouldBe(code);
        refused["message"]!.GetValue<string>().ShouldNotContain("symmetric");
        _server.Explanations.TryFind(refused["trackingId"]!.GetValue<string>(), out var kept).ShouldBeTrue();
        kept!.Refusal.Tried.ShouldNotBeEmpty();
    }

    [Theory]
    [InlineData("")]
    [InlineData(" ")]
    [InlineData("{}")]
    [InlineData("""{"registrationId":"D1"}""")]
    [InlineData("""{"payload":{"modelId":"dtmi:a;1"}}""")]
    [InlineData("""{"payload":[1,null,"x"],"other":true}""")]
    public async Task All_members_of_the_body_are_optional(string body) => (await _server.SendAsync("PUT", Register, body, DeviceToken)).Expect(202);

    [Theory]
    [InlineData("{", 400000, "line 1, byte 2")]
    [InlineData("{\n \"payload\": nope}", 400000, "line 2, byte 14")]
    [InlineData("[]", 400000, "line 1")]
    [InlineData("null", 400000, "null")]
    [InlineData("""{"registrationId":5}""", 400000, "$.registrationId")]
    [InlineData("""{"registrationId":"d2"}""", 400000, "another registrationId")]
    [InlineData("""{"csr":"MIIB"}""", 400010, "names no CA that issues one")]
    [InlineData("""{"csr":"-----BEGIN"}""", 400010, "csr is not the Base64 text")]
    [InlineData("""{"tpm":{}}""", 400004, "endorsementKey")]
    [InlineData("""{"tpm":{"endorsementKey":"AToAAQ==","storageRootKey":"AToAAQ=="}}""", 400004, "announces 314 bytes")]
    public async Task A_broken_body_is_refused_with_the_place(string body, int code, string reason)
    {
        var refused = (await _server.SendAsync("PUT", Register, body, DeviceToken)).Expect(400);
        refused["errorCode"]!.GetValue<int>().ShouldBe(code);
        refused.Headers["x-ms-error-code"].ShouldBe($"{code}");
        refused["message"]!.GetValue<string>().ShouldContain(reason);
        refused["timestampUtc"].ShouldNotBeNull();
        _server.Explanations.TryFind(refused["trackingId"]!.GetValue<string>(), out var kept).ShouldBeTrue();
        kept!.Door.ShouldBe("dps https");
    }

    [Fact]
    public async Task Deep_JSON_and_long_bodies_are_refused()
    {
        var deep = "{\"payload\":" + new string('[', 40) + new string(']', 40) + "}";
        (await _server.SendAsync("PUT", Register, deep, DeviceToken)).Expect(400);
        var huge = "{\"payload\":\"" + new string('x', 96 * 1024) + "\"}";
        (await _server.SendAsync("PUT", Register, huge, DeviceToken)).Expect(413)["errorCode"]!.GetValue<int>().ShouldBe(413000);
    }

    [Theory]
    [InlineData("/{0}/registrations/d1/register", 400, "api-version")]
    [InlineData("/{0}/registrations/d1/register?api-version=tomorrow", 400, "api-version")]
    [InlineData("/0ne00FFFFFF/registrations/d1/register?api-version=2019-03-31", 404, "0ne00FFFFFF")]
    [InlineData("/{0}/registrations/d%201/register?api-version=2019-03-31", 400, "not allowed at position 2")]
    public async Task A_wrong_address_is_named(string form, int status, string reason)
    {
        var path = string.Format(form, TestServer.IdScope);
        using var request = new HttpRequestMessage(HttpMethod.Put, path) { Content = new StringContent("{}") };
        request.Headers.TryAddWithoutValidation("Authorization", DeviceToken);
        using var response = await _server.Http.SendAsync(request);
        ((int)response.StatusCode).ShouldBe(status);
        JsonNode.Parse(await response.Content.ReadAsStringAsync())!["message"]!.GetValue<string>().ShouldContain(reason);
    }

    [Theory]
    [InlineData("2017-08-31-preview")]
    [InlineData("2018-11-01")]
    [InlineData("2019-03-31")]
    [InlineData("2021-06-01")]
    [InlineData("2023-02-01-preview")]
    [InlineData("2026-11-01")]
    public async Task Every_API_version_is_served(string version) => (await _server.SendAsync("PUT", $"{Register}?api-version={version}", "{}", DeviceToken)).Expect(202);

    [Theory]
    [InlineData("/0NE000a1b2c/Registrations/D1/Register/")]
    [InlineData("/0ne000A1B2C/REGISTRATIONS/d1/REGISTER")]
    public async Task Letter_case_and_a_slash_at_the_end_do_not_count(string path) => (await _server.SendAsync("PUT", path, "{}", DeviceToken)).Expect(202);

    [Fact]
    public async Task An_encoding_header_of_utf8_is_tolerated()
    {
        (await _server.SendAsync("PUT", Register, "{}", DeviceToken, ("Content-Encoding", "utf-8"))).Expect(202);
    }

    [Theory]
    [InlineData("POST", "/{0}/registrations/d1/register")]
    [InlineData("GET", "/{0}/registrations/d1")]
    [InlineData("DELETE", "/{0}/registrations/d1/operations/x")]
    public async Task A_wrong_method_is_refused_in_the_form_of_the_service(string method, string form)
    {
        var refused = (await _server.SendAsync(method, string.Format(form, TestServer.IdScope), null, DeviceToken)).Expect(405);
        refused["errorCode"]!.GetValue<int>().ShouldBe(405000);
        refused.Headers["Allow"].ShouldNotBeEmpty();
    }

    [Theory]
    [InlineData("/devices/registrations/modules")]
    [InlineData("/devices/registrations/x/register")]
    [InlineData("/twins/registrations/methods")]
    [InlineData("/Jobs/registrations/x")]
    public async Task Addresses_of_the_hub_are_not_caught(string path)
    {
        var answer = await _server.SendAsync("POST", path, "{}", DeviceToken);
        answer.Expect(404).Text.ShouldBeEmpty();
    }

    [Theory]
    [InlineData(null, 401000)]
    [InlineData("Bearer abc", 401000)]
    [InlineData("wrong-key", 401002)]
    public async Task A_device_without_a_good_token_is_refused(string? token, int code)
    {
        if (token == "wrong-key")
            token = _server.DeviceToken("d1", new byte[32]);
        var refused = (await _server.SendAsync("PUT", Register, "{}", token)).Expect(401);
        refused["errorCode"]!.GetValue<int>().ShouldBe(code);
    }

    [Fact]
    public async Task Unknown_and_enrolled_registrations_look_alike_to_a_stranger()
    {
        var known = (await _server.SendAsync("PUT", Register, "{}", _server.DeviceToken("d1", new byte[32]))).Expect(401);
        var unknown = (await _server.SendAsync("PUT", $"/{TestServer.IdScope}/registrations/d2/register", "{}", _server.DeviceToken("d2", new byte[32]))).Expect(401);
        unknown["message"]!.GetValue<string>().ShouldBe(known["message"]!.GetValue<string>());
        unknown["errorCode"]!.GetValue<int>().ShouldBe(known["errorCode"]!.GetValue<int>());
    }

    [Fact]
    public async Task A_poll_finds_its_operation_after_a_restart()
    {
        var operation = (await _server.SendAsync("PUT", Register, "{}", DeviceToken)).Expect(202)["operationId"];
        await _server.RestartAsync();
        (await _server.SendAsync("GET", $"/{TestServer.IdScope}/registrations/d1/operations/{operation}", null, DeviceToken)).Expect(200)["status"]!.GetValue<string>().ShouldBe("assigned");
    }

    [Fact]
    public async Task An_unknown_operation_is_not_found()
        => (await _server.SendAsync("GET", $"/{TestServer.IdScope}/registrations/d1/operations/5.a.b", "{}", DeviceToken)).Expect(404)["errorCode"]!.GetValue<int>().ShouldBe(404202);

    [Fact]
    public async Task A_device_of_a_group_is_shown_with_its_group()
    {
        (await _server.ServiceAsync("PUT", "/enrollmentGroups/g1", """{"enrollmentGroupId":"g1","attestation":{"type":"symmetricKey","symmetricKey":{"primaryKey":"cHJvYmUta2V5LXByb2JlLWtleS1wcm9iZS1rZXktMzI="}}}""")).Expect(200);
        var token = _server.DeviceToken("g-1", DerivedKey.FromGroupKey(_key, "g-1"));
        var path = $"/{TestServer.IdScope}/registrations/g-1";
        var operation = (await _server.SendAsync("PUT", path + "/register", "", token)).Expect(202)["operationId"];
        var done = (await _server.SendAsync("GET", $"{path}/operations/{operation}", null, token)).Expect(200);
        done["registrationState", "symmetricKey", "enrollmentGroupId"]!.GetValue<string>().ShouldBe("g1");
        var query = (await _server.ServiceAsync("POST", "/registrations/G1/query", """{"query":"*"}""")).Expect(200);
        query.Headers["x-ms-item-type"].ShouldBe("DeviceRegistration");
        query.Json.AsArray().ShouldHaveSingleItem()!["registrationId"]!.GetValue<string>().ShouldBe("g-1");
    }

    [Fact]
    public void The_recorded_endorsement_keys_are_whole()
        => TpmPublic.TryParse(Convert.FromBase64String(JsonNode.Parse(Recorded("node-prov-http-tpm")[0]!["body"]!.GetValue<string>())!["tpm"]!["endorsementKey"]!.GetValue<string>()), out _, out _).ShouldBeTrue();

    private string DeviceToken => _server.DeviceToken("d1", _key);

    private static JsonArray Recorded(string name) => RecordedRequests.Of(name);

    private async Task EnrollAsync(string id)
        => (await _server.ServiceAsync("PUT", $"/enrollments/{id}", $$"""{"registrationId":"{{id}}","attestation":{"type":"symmetricKey","symmetricKey":{"primaryKey":"{{Convert.ToBase64String(_key)}}"} } }""")).Expect(200);
}

/// <summary>What real clients sent, with the headers in their order and letters.</summary>
internal static class RecordedRequests
{
    private static readonly JsonNode Root = JsonNode.Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Fixtures", "recorded-requests.json")))!;

    public static JsonArray Of(string name) => Root[name].ShouldNotBeNull().AsArray();
}
