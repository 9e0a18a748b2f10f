using System.Text.Json;
using Homeport.Contract.Errors;
using Homeport.Contract.Rest;
using Homeport.Hub.Registry;
using Homeport.Provisioning;
using Homeport.Provisioning.Enrollments;

namespace Homeport.Tests.Provisioning;

public sealed class EnrollmentTests
{
    private readonly TestApplication _app = new("hub1.test", "hub2.test");

    [Fact]
    public async Task Every_member_comes_back_as_it_was_sent()
    {
        const string Sent = """
            {"registrationId":"R1","deviceId":"d1","optionalDeviceInformation":{"colour":"red","n":[1,2]},
            "attestation":{"type":"symmetricKey","symmetricKey":{"primaryKey":"MDEyMzQ1Njc4OWFiY2RlZg==","secondaryKey":"ZmVkY2JhOTg3NjU0MzIxMA=="}},
            "capabilities":{"iotEdge":true},"iotHubHostName":"hub2.test","initialTwin":{"tags":{"a":"b"},"properties":{"desired":{"t":{"x":1.50}}}},
            "provisioningStatus":"disabled","reprovisionPolicy":{"updateHubAssignment":true,"migrateDeviceData":false},
            "allocationPolicy":"static","iotHubs":["hub2.test"],"customAllocationDefinition":{"webhookUrl":"https://a.test/?k=1","apiVersion":"2019-03-31"}}
            """;
        var enrollment = await _app.EnrollAsync(Parse(Sent));
        var shown = JsonSerializer.SerializeToNode(EnrollmentForm.ShowWithKeys(enrollment), ProvisioningJson.Wire.EnrollmentDescription)!.AsObject();
        shown.Remove("etag", out var etag).ShouldBeTrue();
        etag!.GetValue<string>().ShouldMatch("^\"[0-9a-f-]{36}\"$");
        shown.Remove("createdDateTimeUtc").ShouldBeTrue();
        shown.Remove("lastUpdatedDateTimeUtc").ShouldBeTrue();
        JsonElement.DeepEquals(JsonSerializer.SerializeToElement(shown), JsonElement.Parse(Sent)).ShouldBeTrue(shown.ToJsonString());
    }

    [Fact]
    public async Task Keys_are_made_when_none_are_sent_and_shown_by_the_answer_to_PUT_only()
    {
        var enrollment = await _app.EnrollAsync(Parse("""{"registrationId":"r1","attestation":{"type":"symmetricKey","symmetricKey":{}}}"""));
        enrollment.Attestation.PrimaryKey!.Length.ShouldBe(64);
        enrollment.Attestation.SecondaryKey.ShouldNotBe(enrollment.Attestation.PrimaryKey);
        EnrollmentForm.ShowWithKeys(enrollment).Attestation!.SymmetricKey!.PrimaryKey.ShouldBe(Convert.ToBase64String(enrollment.Attestation.PrimaryKey));
        JsonSerializer.Serialize(EnrollmentForm.Show(enrollment), ProvisioningJson.Wire.EnrollmentDescription).ShouldContain("""
            "attestation":{"type":"symmetricKey"}
            """.Trim());
    }

    [Fact]
    public async Task An_update_without_keys_keeps_the_stored_ones()
    {
        var first = await _app.EnrollAsync(TestApplication.Individual("r1"));
        var second = await _app.EnrollAsync(EnrollmentForm.Show(first) with { ProvisioningStatus = "disabled" }, EnrollmentForm.Show(first).Etag);
        second.Attestation.PrimaryKey.ShouldBe(first.Attestation.PrimaryKey);
        second.Settings.Enabled.ShouldBeFalse();
        second.ETag.ShouldNotBe(first.ETag);
        second.Created.ShouldBe(first.Created);
    }

    [Theory]
    [InlineData(null, 409201)]
    [InlineData("other", 412001)]
    [InlineData("\"other\"", 412001)]
    [InlineData("ETAG", 0)]
    [InlineData("\"ETAG\"", 0)]
    [InlineData("*", 0)]
    [InlineData("\"*\"", 0)]
    public async Task If_Match_decides_over_an_update(string? condition, int code)
    {
        var first = await _app.EnrollAsync(TestApplication.Individual("r1"));
        var outcome = await _app.PutAsync(TestApplication.Individual("R1"), condition?.Replace("ETAG", first.ETag, StringComparison.Ordinal));
        (outcome.Refusal?.Error.Code ?? 0).ShouldBe(code);
        outcome.Value?.Id.ShouldBe("r1");
    }

    [Theory]
    [InlineData("*", 0)]
    [InlineData("\"etag\"", 404201)]
    public async Task If_Match_decides_over_a_creation(string condition, int code)
        => ((await _app.PutAsync(TestApplication.Individual("r1"), condition)).Refusal?.Error.Code ?? 0).ShouldBe(code);

    [Fact]
    public async Task Deletion_minds_If_Match_and_says_what_is_not_there()
    {
        await _app.EnrollAsync(TestApplication.Group("g1"));
        (await DeleteAsync(EnrollmentKind.Group, "g1", "\"stale\"")).ShouldBe(ProvisioningErrors.PreconditionFailed);
        (await DeleteAsync(EnrollmentKind.Individual, "g1", null)).ShouldBe(ProvisioningErrors.EnrollmentNotFound);
        (await DeleteAsync(EnrollmentKind.Group, "G1", null)).ShouldBeNull();
        (await DeleteAsync(EnrollmentKind.Group, "g1", null)).ShouldBe(ProvisioningErrors.EnrollmentNotFound);
    }

    [Theory]
    [InlineData("""{"registrationId":"r1"}""", "attestation")]
    [InlineData("""{"registrationId":"r1","attestation":{}}""", "attestation.type")]
    [InlineData("""{"registrationId":"r1","attestation":{"type":"none"}}""", "attestation.type")]
    [InlineData("""{"registrationId":"r1","attestation":{"type":"symmetricKey","symmetricKey":{"primaryKey":"c2hvcnQ="}}}""", "primaryKey: it has 5 bytes")]
    [InlineData("""{"registrationId":"r1","attestation":{"type":"symmetricKey","symmetricKey":{"secondaryKey":"***"}}}""", "secondaryKey")]
    [InlineData("""{"registrationId":"r1","attestation":{"type":"tpm"}}""", "endorsementKey: it is missing")]
    [InlineData("""{"registrationId":"r1","attestation":{"type":"tpm","tpm":{"endorsementKey":"AToAAQ=="}}}""", "announces 314 bytes but 2 follow")]
    [InlineData("""{"enrollmentGroupId":"g1","attestation":{"type":"tpm","tpm":{"endorsementKey":"AToAAQ=="}}}""", "a group has no endorsement key of its own")]
    [InlineData("""{"registrationId":"r1","attestation":{"type":"x509","x509":{"clientCertificates":{"primary":{"certificate":"MII="}}}}}""", "no X.509 certificate")]
    [InlineData("""{"enrollmentGroupId":"g1","attestation":{"type":"X509"}}""", "there is no certificate in it")]
    [InlineData("""{"registrationId":"r 1","attestation":{"type":"symmetricKey"}}""", "id: ")]
    [InlineData("""{"registrationId":"r1","deviceId":"a/b","attestation":{"type":"symmetricKey"}}""", "deviceId")]
    [InlineData("""{"registrationId":"r1","provisioningStatus":"maybe","attestation":{"type":"symmetricKey"}}""", "provisioningStatus")]
    [InlineData("""{"registrationId":"r1","allocationPolicy":"random","attestation":{"type":"symmetricKey"}}""", "allocationPolicy")]
    [InlineData("""{"registrationId":"r1","allocationPolicy":"static","attestation":{"type":"symmetricKey"}}""", "needs one hub")]
    [InlineData("""{"registrationId":"r1","iotHubHostName":"hub9.test","attestation":{"type":"symmetricKey"}}""", "iotHubHostName: 'hub9.test' is not linked")]
    [InlineData("""{"registrationId":"r1","iotHubs":["hub1.test","hub9.test"],"attestation":{"type":"symmetricKey"}}""", "iotHubs: 'hub9.test' is not linked")]
    [InlineData("""{"registrationId":"r1","initialTwin":[],"attestation":{"type":"symmetricKey"}}""", "initialTwin")]
    [InlineData("""{"registrationId":"r1","initialTwin":{"properties":{"desired":1}},"attestation":{"type":"symmetricKey"}}""", "properties.desired")]
    public async Task What_is_wrong_is_named(string json, string expected)
    {
        var refusal = (await _app.PutAsync(Parse(json))).Bad();
        refusal.Error.ShouldBe(ProvisioningErrors.InvalidArgument);
        refusal.Seen.ShouldContain(expected);
    }

    [Fact]
    public async Task The_body_has_the_id_of_the_address_or_none()
    {
        var sent = TestApplication.Individual("other");
        (await _app.Enrollments.PutAsync(EnrollmentKind.Individual, "r1", sent, IfMatch.Absent, TestApplication.None)).Bad().Seen.ShouldContain("registrationId");
        (await _app.Enrollments.PutAsync(EnrollmentKind.Individual, "r1", sent with { RegistrationId = null }, IfMatch.Absent, TestApplication.None)).Good().Id.ShouldBe("r1");
    }

    [Theory]
    [InlineData("create", "r1,r2", "r1:409201")]
    [InlineData("update", "r1,r2", "")]
    [InlineData("updateIfMatchETag", "r1", "r1:400006")]
    [InlineData("delete", "r1,r2", "r2:404201")]
    public async Task A_bulk_call_reports_each_change(string mode, string ids, string errors)
    {
        await _app.EnrollAsync(TestApplication.Individual("r1"));
        var explained = new List<Refusal>();
        var sent = new BulkEnrollmentDescription { Mode = mode, Enrollments = [.. ids.Split(',').Select(id => TestApplication.Individual(id))] };
        var result = (await new BulkEnrollment(_app.Enrollments).RunAsync(EnrollmentKind.Individual, sent, explained.Add, TestApplication.None)).Good();
        string.Join(',', result.Errors.Select(e => $"{e.RegistrationId}:{e.ErrorCode}")).ShouldBe(errors);
        result.IsSuccessful.ShouldBe(errors.Length == 0);
        explained.Count.ShouldBe(result.Errors.Count);
    }

    [Fact]
    public async Task A_bulk_call_is_bounded()
    {
        var sent = new BulkEnrollmentDescription { Mode = "create", Enrollments = [.. Enumerable.Range(0, 11).Select(i => TestApplication.Individual($"r{i}"))] };
        (await new BulkEnrollment(_app.Enrollments).RunAsync(EnrollmentKind.Individual, sent, _ => { }, TestApplication.None)).Bad().Seen.ShouldContain("11");
    }

    [Fact]
    public async Task Of_many_creations_at_once_one_succeeds()
    {
        var outcomes = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => Task.Run(() => _app.PutAsync(TestApplication.Individual("r1")))));
        outcomes.Count(o => o.Refusal is null).ShouldBe(1);
        outcomes.Where(o => o.Refusal is not null).ShouldAllBe(o => o.Refusal!.Error == ProvisioningErrors.AlreadyExists);
    }

    private static EnrollmentDescription Parse(string json) => JsonBody.Read(System.Text.Encoding.UTF8.GetBytes(json), ProvisioningJson.Received.EnrollmentDescription).Good();

    private async Task<ServiceError?> DeleteAsync(EnrollmentKind kind, string id, string? ifMatch)
        => (await _app.Enrollments.DeleteAsync(kind, id, IfMatch.Parse(ifMatch), TestApplication.None))?.Error;
}
