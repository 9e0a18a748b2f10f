using System.Text.Json.Nodes;
using Homeport.Tests.Interop.Harness;

namespace Homeport.Tests.Interop;

/// <summary>Enrollments as the npm package azure-iot-provisioning-service keeps them.</summary>
[Collection(SharedServerTests.Name)]
public sealed class EnrollmentTests(SharedServer shared)
{
    [Fact]
    public async Task An_individual_enrollment_is_created_read_and_deleted()
    {
        var id = SharedServer.NewId("enroll");
        var steps = await ServiceAsync(
            ["createOrUpdateIndividualEnrollment", new { registrationId = id, deviceId = "d-" + id, attestation = new { type = "symmetricKey" } }],
            ["getIndividualEnrollment", id],
            ["getIndividualEnrollmentAttestationMechanism", id],
            ["deleteIndividualEnrollment", id],
            ["getIndividualEnrollment", id]);
        var created = steps[0].Success;
        ((string?)created["registrationId"]).ShouldBe(id);
        ((string?)created["deviceId"]).ShouldBe("d-" + id);
        ((string?)created["provisioningStatus"]).ShouldBe("enabled");
        ((string?)created["etag"]).ShouldNotBeNullOrEmpty();
        var key = (string)created["attestation"]!["symmetricKey"]!["primaryKey"]!;
        Convert.FromBase64String(key).Length.ShouldBe(64, "made keys have 64 bytes");

        ((string?)steps[1].Success["attestation"]!["type"]).ShouldBe("symmetricKey");
        steps[1].Success.ToJsonString().ShouldNotContain(key, customMessage: "reading an enrollment shows no key");
        ((string?)steps[2].Success["symmetricKey"]!["primaryKey"]).ShouldBe(key);
        steps[3].Ok.ShouldBeTrue(steps[3].Error?.ToJsonString());
        steps[4].Ok.ShouldBeFalse();
        ((int?)steps[4].Error!["status"]).ShouldBe(404);
    }

    [Fact]
    public async Task A_group_is_created_read_and_deleted()
    {
        var id = SharedServer.NewId("group");
        var key = SasToken.NewKey();
        var steps = await ServiceAsync(
            ["createOrUpdateEnrollmentGroup", new { enrollmentGroupId = id, attestation = new { type = "symmetricKey", symmetricKey = new { primaryKey = key, secondaryKey = key } } }],
            ["getEnrollmentGroup", id],
            ["getEnrollmentGroupAttestationMechanism", id],
            ["deleteEnrollmentGroup", id],
            ["getEnrollmentGroup", id]);
        ((string?)steps[0].Success["enrollmentGroupId"]).ShouldBe(id);
        ((string?)steps[1].Success["enrollmentGroupId"]).ShouldBe(id);
        steps[1].Success.ToJsonString().ShouldNotContain(key);
        ((string?)steps[2].Success["symmetricKey"]!["primaryKey"]).ShouldBe(key);
        steps[3].Ok.ShouldBeTrue(steps[3].Error?.ToJsonString());
        ((int?)steps[4].Error!["status"]).ShouldBe(404);
    }

    [Fact]
    public async Task A_tpm_enrollment_shows_its_endorsement_key()
    {
        await using var tpm = await SoftwareTpm.StartAsync();
        var identity = await shared.Node.RunAsync("tpm-identity.mjs", new { });
        var id = SharedServer.NewId("tpm");
        var attestation = new { type = "tpm", tpm = new { endorsementKey = (string)identity["endorsementKey"]! } };
        var steps = await ServiceAsync(["createOrUpdateIndividualEnrollment", new { registrationId = id, attestation }], ["getIndividualEnrollment", id]);
        _ = steps[0].Success;
        ((string?)steps[1].Success["attestation"]!["tpm"]!["endorsementKey"]).ShouldBe((string?)identity["endorsementKey"]);
    }

    [Fact]
    public async Task Creating_twice_conflicts_and_a_stale_etag_is_refused()
    {
        var id = SharedServer.NewId("etag");
        var enrollment = new { registrationId = id, attestation = new { type = "symmetricKey" } };
        var read = new Dictionary<string, object>(StringComparer.Ordinal) { ["$from"] = 2, ["path"] = "" };
        var steps = await ServiceAsync(
            ["createOrUpdateIndividualEnrollment", enrollment],
            ["createOrUpdateIndividualEnrollment", enrollment],
            ["getIndividualEnrollment", id],
            ["createOrUpdateIndividualEnrollment", read],
            ["createOrUpdateIndividualEnrollment", read],
            ["getIndividualEnrollmentAttestationMechanism", id]);
        ((int?)steps[1].Error!["status"]).ShouldBe(409);
        _ = steps[3].Success;
        ((int?)steps[4].Error!["status"]).ShouldBe(412);
        ((string?)steps[5].Success["symmetricKey"]!["primaryKey"]).ShouldBe(
            (string?)steps[0].Success["attestation"]!["symmetricKey"]!["primaryKey"], "an update without keys keeps them");
    }

    [Fact]
    public async Task A_query_lists_enrollments_without_keys_and_names_their_type()
    {
        var id = SharedServer.NewId("query");
        var created = (await ServiceAsync(["createOrUpdateIndividualEnrollment", new { registrationId = id, attestation = new { type = "symmetricKey" } }]))[0].Success;
        var answer = await shared.Server.Dps.SendAsync(HttpMethod.Post, "enrollments/query?api-version=2021-10-01", new JsonObject { ["query"] = "SELECT * FROM enrollments" });
        answer.Status.ShouldBe(200, answer.Body);
        answer.Header("x-ms-item-type").ShouldBe("Enrollment");
        answer.Json.AsArray().ShouldContain(e => (string?)e!["registrationId"] == id);
        answer.Body.ShouldNotContain((string)created["attestation"]!["symmetricKey"]!["primaryKey"]!);
    }

    [Theory]
    [InlineData("""{"registrationId":"UP","attestation":{"type":"none"}}""")]
    [InlineData("""{"registrationId":"bad","attestation":{"type":"tpm","tpm":{"endorsementKey":"AAAA"}}}""")]
    [InlineData("""{"registrationId":"bad","attestation":{"type":"symmetricKey","symmetricKey":{"primaryKey":"short","secondaryKey":"AA=="}}}""")]
    [InlineData("""{"registrationId":"sp ace","attestation":{"type":"symmetricKey"}}""")]
    public async Task A_malformed_enrollment_is_a_bad_request(string enrollment)
    {
        var step = (await ServiceAsync(["createOrUpdateIndividualEnrollment", JsonNode.Parse(enrollment)!]))[0];
        step.Ok.ShouldBeFalse(step.Value?.ToJsonString());
        ((int?)step.Error!["status"]).ShouldBe(400);
    }

    [Fact]
    public async Task A_wrong_key_of_the_policy_is_unauthorized()
    {
        var credential = shared.Server.Dps.Credential;
        var wrong = $"HostName={credential.HostName};SharedAccessKeyName={credential.Policy};SharedAccessKey={SasToken.NewKey()}";
        var step = (await shared.Node.StepsAsync("provisioning", wrong, ["getIndividualEnrollment", "any"]))[0];
        ((int?)step.Error!["status"]).ShouldBe(401);
    }

    [Fact]
    public async Task Bulk_calls_queries_in_pages_and_registration_states_work_as_the_client_has_them()
    {
        var (prefix, group) = (SharedServer.NewId("bulk"), SharedServer.NewId("group"));
        var key = SasToken.NewKey();
        _ = (await ServiceAsync(["createOrUpdateEnrollmentGroup", new { enrollmentGroupId = group, attestation = new { type = "symmetricKey", symmetricKey = new { primaryKey = SasToken.NewKey(), secondaryKey = key } } }]))[0].Success;
        var dps = shared.Server.Ready.Dps;
        foreach (var suffix in new[] { "a", "b", "c" })
        {
            var id = $"{group}-{suffix}";
            var token = SasToken.Create($"{dps.IdScope}/registrations/{id}", SasToken.DerivedKey(key, id), "registration");
            (await shared.Server.Dps.SendAsync(HttpMethod.Put, $"{dps.IdScope}/registrations/{id}/register?api-version=2021-06-01", new JsonObject(), token: token)).Status.ShouldBe(202);
        }

        var result = await shared.Node.RunAsync("enrollment-service.mjs", new { connectionString = dps.ServiceConnectionString, prefix, group, registered = group + "-b", pageSize = 2 });
        ((bool?)result["created"]!["isSuccessful"]).ShouldBe(true, result["created"]!.ToJsonString());
        ((bool?)result["again"]!["isSuccessful"]).ShouldBe(false);
        result["again"]!["errors"]!.AsArray().Count.ShouldBe(2);
        result["queried"]!.AsArray().SelectMany(p => p!.AsArray()).Count(e => ((string)e!["registrationId"]!).StartsWith(prefix, StringComparison.Ordinal)).ShouldBe(10);
        result["queried"]!.AsArray().ShouldAllBe(p => p!.AsArray().Count <= 2);
        result["groups"]!.AsArray().SelectMany(p => p!.AsArray()).ShouldContain(g => (string?)g!["enrollmentGroupId"] == group);
        result["states"]!.AsArray().SelectMany(p => p!.AsArray()).Select(s => (string?)s!["registrationId"]).ShouldBe([group + "-a", group + "-b", group + "-c"]);
        ((bool?)result["updated"]!["isSuccessful"]).ShouldBe(true);
        ((string?)result["one"]!["provisioningStatus"]).ShouldBe("disabled");
        ((bool?)result["stale"]!["isSuccessful"]).ShouldBe(false);
        ((bool?)result["matching"]!["isSuccessful"]).ShouldBe(true);
        ((string?)result["state"]!["credentialUsed"]).ShouldBe("secondaryKey", "which key a device last used");
        ((int?)result["gone"]!["status"]).ShouldBe(404);
        ((bool?)result["deleted"]!["isSuccessful"]).ShouldBe(true);
        result["disabled"]!.AsArray().SelectMany(p => p!.AsArray()).Select(e => (string?)e!["registrationId"]).ShouldBe([prefix + "-0", prefix + "-1", prefix + "-2"]);
        ((int?)result["wrong"]!["status"]).ShouldBe(400);
        result["wrong"]!.ToJsonString().ShouldContain("Query, position 36");
        ((string?)result["mechanism"]!["symmetricKey"]!["primaryKey"]).ShouldBe((string?)result["single"]!["attestation"]!["symmetricKey"]!["primaryKey"]);
        ((int?)result["staleDelete"]!["status"]).ShouldBe(412);
        ((string?)result["groupMechanism"]!["symmetricKey"]!["secondaryKey"]).ShouldBe((string?)result["whole"]!["attestation"]!["symmetricKey"]!["secondaryKey"]);
        result["calls"]!.AsArray().Select(c => (string?)c).ShouldBe(result["methods"]!.AsArray().Select(m => (string?)m), ignoreOrder: true, "every public method was called");
    }

    private Task<IReadOnlyList<StepResult>> ServiceAsync(params object[][] steps) =>
        shared.Node.StepsAsync("provisioning", shared.Server.Ready.Dps.ServiceConnectionString, steps);
}
