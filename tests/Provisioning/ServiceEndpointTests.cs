using System.Text;
using System.Text.Json.Nodes;

namespace Homeport.Tests.Provisioning;

public sealed class ServiceEndpointTests : IAsyncLifetime
{
    private const string Enrollment = """{"registrationId":"r1","attestation":{"type":"symmetricKey"}}""";
    private TestServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await TestServer.StartAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Theory]
    [InlineData("node-dpsservice", 200, 200, 200, 200, 200, 404, 200, 404, 204)]
    [InlineData("csharp-dpsservice", 200, 200, 200, 200, 404, 200, 204, 200)]
    [InlineData("azcli-dps-enrollment-create", 200)]
    [InlineData("azcli-dps-enrollment-list", 200)]
    [InlineData("azcli-dps-group-create", 200)]
    public async Task The_bytes_of_a_recorded_service_client_are_served(string name, params int[] statuses)
    {
        var calls = RecordedRequests.Of(name);
        var seen = new List<int>();
        foreach (var call in calls)
        {
            // The recording client had no whole endorsement key.
            var body = call!["body"]!.GetValue<string>().Replace("AToAAQALAAMAsgAg", "AToAAQ==", StringComparison.Ordinal)
                .Replace("AToAAQ==", SoftwareTpm.Known.Description.EndorsementKey, StringComparison.Ordinal);
            seen.Add((await _server.ReplayAsync(call, body: body)).Status);
        }
        seen.ShouldBe(statuses);
    }

    [Fact]
    public async Task PUT_shows_keys_and_GET_does_not()
    {
        var put = (await _server.ServiceAsync("PUT", "/enrollments/r1", Enrollment)).Expect(200);
        var keys = put["attestation", "symmetricKey"]!.AsObject();
        Convert.FromBase64String(keys["primaryKey"]!.GetValue<string>()).Length.ShouldBe(64);
        put.Headers["ETag"].ShouldBe(put["etag"]!.GetValue<string>());
        put["provisioningStatus"]!.GetValue<string>().ShouldBe("enabled");
        put["createdDateTimeUtc"].ShouldNotBeNull();
        var got = (await _server.ServiceAsync("GET", "/enrollments/R1/")).Expect(200);
        got["attestation"]!.ToJsonString().ShouldBe("""{"type":"symmetricKey"}""");
        got["etag"]!.GetValue<string>().ShouldBe(put["etag"]!.GetValue<string>());
        got["createdDateTimeUtc"]!.GetValue<string>().ShouldBe(put["createdDateTimeUtc"]!.GetValue<string>());
        var mechanism = (await _server.ServiceAsync("POST", "/enrollments/r1/attestationMechanism")).Expect(200);
        JsonNode.DeepEquals(mechanism["symmetricKey"], keys).ShouldBeTrue();
    }

    [Fact]
    public async Task Keys_outlive_a_restart_and_are_sealed_on_the_disk()
    {
        var put = (await _server.ServiceAsync("PUT", "/enrollmentgroups/g1", """{"attestation":{"type":"symmetricKey"}}""")).Expect(200);
        await _server.RestartAsync();
        var mechanism = (await _server.ServiceAsync("POST", "/enrollmentgroups/g1/attestationmechanism")).Expect(200);
        JsonNode.DeepEquals(mechanism["symmetricKey"], put["attestation", "symmetricKey"]).ShouldBeTrue();
    }

    [Fact]
    public async Task If_Match_follows_the_spellings_of_the_clients()
    {
        var etag = (await _server.ServiceAsync("PUT", "/enrollments/r1", Enrollment)).Expect(200)["etag"]!.GetValue<string>();
        (await _server.ServiceAsync("PUT", "/enrollments/r1", Enrollment)).Expect(409)["errorCode"]!.GetValue<int>().ShouldBe(409201);
        (await _server.ServiceAsync("PUT", "/enrollments/r1", Enrollment, ("If-Match", "\"stale\""))).Expect(412);
        etag = (await _server.ServiceAsync("PUT", "/enrollments/r1", Enrollment, ("If-Match", etag))).Expect(200)["etag"]!.GetValue<string>();
        (await _server.ServiceAsync("PUT", "/enrollments/r1", Enrollment, ("If-Match", etag.Trim('"')))).Expect(200);
        (await _server.ServiceAsync("DELETE", "/enrollments/r1", null, ("If-Match", etag))).Expect(412);
        (await _server.ServiceAsync("DELETE", "/enrollments/r1", null, ("If-Match", "*"))).Expect(204).Text.ShouldBeEmpty();
        (await _server.ServiceAsync("GET", "/enrollments/r1")).Expect(404)["errorCode"]!.GetValue<int>().ShouldBe(404201);
    }

    [Fact]
    public async Task Queries_page_by_headers()
    {
        for (var i = 0; i < 3; i++)
            (await _server.ServiceAsync("PUT", $"/enrollments/r{i}", """{"attestation":{"type":"symmetricKey"}}""")).Expect(200);
        var first = (await _server.ServiceAsync("POST", "/enrollments/query", """{"query":"SELECT * FROM enrollments"}""", ("x-ms-max-item-count", "2"))).Expect(200);
        first.Json.AsArray().Count.ShouldBe(2);
        first.Headers["x-ms-item-type"].ShouldBe("Enrollment");
        first.Json[0]!["attestation"]!.AsObject().ContainsKey("symmetricKey").ShouldBeFalse();
        var second = (await _server.ServiceAsync("POST", "/enrollments/query/", """{"query":"*"}""", ("x-ms-max-item-count", "2"), ("x-ms-continuation", first.Headers["x-ms-continuation"]))).Expect(200);
        second.Json.AsArray().ShouldHaveSingleItem()!["registrationId"]!.GetValue<string>().ShouldBe("r2");
        second.Headers.ContainsKey("x-ms-continuation").ShouldBeFalse();
        var groups = (await _server.ServiceAsync("POST", "/enrollmentGroups/query", """{"query":"*"}""")).Expect(200);
        groups.Headers["x-ms-item-type"].ShouldBe("EnrollmentGroup");
        var some = (await _server.ServiceAsync("POST", "/enrollments/query", """{"query":"SELECT * FROM enrollments WHERE registrationId = 'r1'"}""")).Expect(200);
        some.Json.AsArray().ShouldHaveSingleItem()!["registrationId"]!.GetValue<string>().ShouldBe("r1");
        var refused = (await _server.ServiceAsync("POST", "/enrollments/query", """{"query":"SELECT * FROM enrollments WHERE x=="}""")).Expect(400);
        refused["errorCode"]!.GetValue<int>().ShouldBe(400006);
        refused["message"]!.GetValue<string>().ShouldContain("Query, position 35");
    }

    [Fact]
    public async Task An_enrollment_with_the_name_query_can_be_read()
    {
        (await _server.ServiceAsync("PUT", "/enrollments/query", """{"attestation":{"type":"symmetricKey"}}""")).Expect(200);
        (await _server.ServiceAsync("GET", "/enrollments/query")).Expect(200)["registrationId"]!.GetValue<string>().ShouldBe("query");
    }

    [Fact]
    public async Task A_registration_record_is_shown_with_its_enrollment_and_deleted()
    {
        var put = (await _server.ServiceAsync("PUT", "/enrollments/r1", Enrollment)).Expect(200);
        var key = Convert.FromBase64String(put["attestation", "symmetricKey", "primaryKey"]!.GetValue<string>());
        (await _server.ServiceAsync("GET", "/registrations/r1")).Expect(404)["errorCode"]!.GetValue<int>().ShouldBe(404202);
        (await _server.SendAsync("PUT", $"/{TestServer.IdScope}/registrations/r1/register", "{}", _server.DeviceToken("r1", key))).Expect(202);
        var record = (await _server.ServiceAsync("GET", "/registrations/r1")).Expect(200);
        record["etag"]!.GetValue<string>().ShouldBe(record.Headers["ETag"]);
        record["status"]!.GetValue<string>().ShouldBe("assigned");
        (await _server.ServiceAsync("GET", "/enrollments/r1")).Expect(200)["registrationState", "assignedHub"]!.GetValue<string>().ShouldBe(TestServer.HubHost);
        (await _server.ServiceAsync("DELETE", "/registrations/r1", null, ("If-Match", record["etag"]!.GetValue<string>()))).Expect(204);
        (await _server.Hub.GetAsync("r1", null, TestApplication.None)).Good();
    }

    [Theory]
    [InlineData("GET", "/enrollments/r1", 404)]
    [InlineData("POST", "/enrollments/query", 200)]
    [InlineData("PUT", "/enrollments/r1", 403)]
    [InlineData("DELETE", "/enrollments/r1", 403)]
    [InlineData("POST", "/enrollments/r1/attestationmechanism", 403)]
    [InlineData("POST", "/enrollmentGroups", 403)]
    [InlineData("GET", "/registrations/r1", 404)]
    [InlineData("DELETE", "/registrations/r1", 403)]
    public async Task Each_call_needs_its_right(string method, string path, int status)
        => (await _server.SendAsync(method, path, method is "GET" or "DELETE" ? null : """{"query":"*"}""", _server.ServiceToken("reader"))).Expect(status);

    [Fact]
    public async Task Without_a_good_token_nothing_is_served()
    {
        (await _server.SendAsync("GET", "/enrollments/r1")).Expect(401)["errorCode"]!.GetValue<int>().ShouldBe(401000);
        (await _server.SendAsync("PUT", "/enrollments/r1", Enrollment, _server.ServiceToken("nobody"))).Expect(401)["message"]!.GetValue<string>().ShouldContain("nobody");
        _server.Time.Now += TimeSpan.FromDays(1);
        (await _server.ReplayAsync(RecordedRequests.Of("node-dpsservice")[0]!)).Expect(401)["message"]!.GetValue<string>().ShouldContain("expired");
    }

    [Theory]
    [InlineData("{", "line 1, byte 2")]
    [InlineData("""{"attestation":{"type":"x509"}}""", "there is no certificate in it")]
    [InlineData("""{"attestation":5}""", "$.attestation")]
    public async Task A_body_that_cannot_be_used_is_explained(string body, string reason)
    {
        var refused = (await _server.ServiceAsync("PUT", "/enrollments/r1", body)).Expect(400);
        refused["message"]!.GetValue<string>().ShouldContain(reason);
        _server.Explanations.TryFind(refused["trackingId"]!.GetValue<string>(), out _).ShouldBeTrue();
    }

    [Fact]
    public async Task A_bulk_call_is_served_at_both_addresses()
    {
        const string Bulk = """{"mode":"create","enrollments":[{"registrationId":"b1","attestation":{"type":"symmetricKey"}}]}""";
        (await _server.ServiceAsync("POST", "/enrollments/", Bulk)).Expect(200)["isSuccessful"]!.GetValue<bool>().ShouldBeTrue();
        var again = (await _server.ServiceAsync("POST", "/enrollments", Bulk)).Expect(200);
        again["isSuccessful"]!.GetValue<bool>().ShouldBeFalse();
        again["errors"]!.AsArray().ShouldHaveSingleItem()!["errorCode"]!.GetValue<int>().ShouldBe(409201);
    }

    [Theory]
    [InlineData("""{"attestation":{"type":"symmetricKey"},"initialTwin":null,"optionalDeviceInformation":null,"deviceId":null,"capabilities":null,"iotHubs":null}""", 200)]
    [InlineData("""{"attestation":{"type":"symmetricKey"},"iotHubs":[null]}""", 200)]
    [InlineData("""{"attestation":{"type":"symmetricKey"},"deviceId":"\ud800"}""", 400)]
    [InlineData("""{"attestation":{"type":"symmetricKey"},"initialTwin":{"tags":{"a":"\ud800"}}}""", 400)]
    [InlineData("""{"attestation":{"type":"symmetricKey"},"optionalDeviceInformation":{"a":"\ud800"}}""", 400)]
    [InlineData("""{"attestation":{"type":"symmetricKey"},"initialTwin":{"tags":{"a":"INVALID"}}}""", 400)]
    [InlineData("""{"attestation":{"type":"symmetricKey"},"optionalDeviceInformation":{"INVALID":1}}""", 400)]
    [InlineData("""{"attestation":{"type":"INVALID"}}""", 400)]
    public async Task Odd_texts_never_fail_the_server(string body, int status)
    {
        var bytes = Encoding.UTF8.GetBytes(body);
        var at = bytes.AsSpan().IndexOf("INVALID"u8);
        if (at >= 0)
            bytes[at] = 0xFF;
        using var request = new HttpRequestMessage(HttpMethod.Put, "/enrollments/r1?api-version=2021-10-01") { Content = new ByteArrayContent(bytes) };
        request.Headers.TryAddWithoutValidation("Authorization", _server.ServiceToken());
        using var response = await _server.Http.SendAsync(request);
        ((int)response.StatusCode).ShouldBe(status, await response.Content.ReadAsStringAsync());
    }

    [Theory]
    [InlineData("""{"mode":"create","enrollments":[null]}""")]
    [InlineData("""{"mode":"create","enrollments":[]}""")]
    [InlineData("""{"mode":"create","enrollmentGroups":[{}]}""")]
    [InlineData("""{"enrollments":[{}]}""")]
    public async Task A_bulk_call_without_entries_or_mode_is_refused(string body) => (await _server.ServiceAsync("POST", "/enrollments", body)).Expect(400);

    [Fact]
    public async Task What_a_stranger_writes_cannot_forge_a_line_of_the_log()
    {
        var refused = (await _server.SendAsync("PUT", "/0ne%0Aforged/registrations/d1/register", "{}")).Expect(404);
        _server.Explanations.TryFind(refused["trackingId"]!.GetValue<string>(), out var kept).ShouldBeTrue();
        kept!.Refusal.Seen.ShouldContain("0ne?forged");
        refused = (await _server.SendAsync("PUT", $"/{TestServer.IdScope}/registrations/d1/register", "{}", $"SharedAccessSignature sr=a%0Aforged&sig={Uri.EscapeDataString(Convert.ToBase64String(new byte[32]))}&se=1795330000")).Expect(401);
        refused["message"]!.GetValue<string>().ShouldContain("a?forged");
    }

    [Theory]
    [InlineData(11, 200)]
    [InlineData(12, 400)]
    public async Task The_deepest_twin_that_is_taken_can_be_listed(int levels, int status)
    {
        var twin = "{\"tags\":" + string.Concat(Enumerable.Repeat("{\"a\":", levels - 1)) + "{}" + new string('}', levels);
        (await _server.ServiceAsync("PUT", "/enrollments/deep", $$"""{"attestation":{"type":"symmetricKey"},"initialTwin":{{twin}}}""")).Expect(status);
        (await _server.ServiceAsync("POST", "/enrollments/query", """{"query":"*"}""")).Expect(200);
    }
}
