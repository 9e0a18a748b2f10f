using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using Homeport.Contract.Access;
using Homeport.People.Access;
using Homeport.People.Audit;

namespace Homeport.Tests.People;

/// <summary>Devices, groups and what they prove themselves with, over REST in the form of IoT Central.</summary>
public sealed class DeviceTests(PeopleFixture fixture) : IClassFixture<PeopleFixture>
{
    [Fact]
    public async Task A_device_is_made_listed_changed_blocked_and_deleted()
    {
        var token = await fixture.TokenAsync(Role.Operator);
        await fixture.TemplateAsync("dtmi:pump;1");
        (await fixture.SendAsync("PUT", "/api/devices/pump-0", token, """{"template":"dtmi:nothing;1"}""")).Status.ShouldBe(404);
        var made = await SendAsync(token, "PUT", "/api/devices/pump-1", """{"displayName":"Pump 1","template":"dtmi:pump;1"}""");
        made.ToJsonString().ShouldContain("\"enabled\":true");
        Text(made, "status").ShouldBe("registered");
        ((bool)made["provisioned"]!).ShouldBeFalse();
        Text(made, "template").ShouldBe("dtmi:pump;1");

        Text(await SendAsync(token, "PATCH", "/api/devices/pump-1", """{"displayName":"Pump one"}"""), "template").ShouldBe("dtmi:pump;1");
        Text(await SendAsync(token, "PATCH", "/api/devices/pump-1", """{"enabled":false}"""), "status").ShouldBe("blocked");
        Text(await SendAsync(token, "PATCH", "/api/devices/pump-1", """{"enabled":true,"template":null}"""), "status").ShouldBe("registered");
        var shown = await SendAsync(token, "GET", "/api/devices/pump-1");
        Text(shown, "displayName").ShouldBe("Pump one");
        shown["template"].ShouldBeNull();
        (await fixture.SendAsync("PATCH", "/api/devices/pump-1", token, """{"displayName":"late","etag":"1"}""")).Status.ShouldBe(412);
        (await fixture.SendAsync("DELETE", "/api/devices/pump-1", token)).Status.ShouldBe(204);
        (await fixture.SendAsync("GET", "/api/devices/pump-1", token)).Status.ShouldBe(404);
    }

    [Theory]
    [InlineData("""{"enabled":"yes"}""")]
    [InlineData("""{"organizations":["a","b"]}""")]
    [InlineData("""{"displayName":7}""")]
    [InlineData("""[]""")]
    [InlineData("""{""")]
    public async Task A_body_of_another_form_is_refused(string body)
        => (await fixture.SendAsync("PUT", "/api/devices/never", await fixture.TokenAsync(Role.Operator), body)).Status.ShouldBe(400);

    [Fact]
    public async Task Lists_come_in_pages_with_filters_and_order()
    {
        var token = await fixture.TokenAsync(Role.Operator);
        await fixture.TemplateAsync("dtmi:list;1");
        for (var i = 1; i <= 5; i++)
            await SendAsync(token, "PUT", $"/api/devices/list-{i}", $$"""{"displayName":"Item {{(char)('F' - i)}}","template":"dtmi:list;1"}""");
        var filter = Uri.EscapeDataString("template eq 'dtmi:list;1'");
        var names = new List<string>();
        for (var next = $"/api/devices?api-version=2022-07-31&$filter={filter}&$top=2&$orderby=displayName"; next is not null;)
        {
            var page = await SendAsync(token, "GET", next);
            names.AddRange(page["value"]!.AsArray().Select(d => Text(d!, "displayName")!));
            next = page["nextLink"] is { } link ? new Uri((string)link!).PathAndQuery : null;
        }
        names.ShouldBe(["Item A", "Item B", "Item C", "Item D", "Item E"]);
        (await CountAsync(token, "indexof(displayName, 'item') ge 0 and not (id eq 'list-1' or id eq 'list-2')")).ShouldBe(3);
        (await CountAsync(token, "template eq 'dtmi:list;1' and enabled eq false")).ShouldBe(0);
        (await CountAsync(token, "status eq 'blocked'")).ShouldBe(0);
        foreach (var bad in new[] { "nothing eq 1", "id eq", "id eq 'x", "id like 'x'", "(id eq 'x'", new string('(', 100) + "id eq 'x'" })
            (await fixture.SendAsync("GET", $"/api/devices?api-version=2022-07-31&$filter={Uri.EscapeDataString(bad)}", token)).Status.ShouldBe(400, bad);
    }

    [Fact]
    public async Task Credentials_are_derived_from_the_default_group_and_an_individual_enrollment_goes_before()
    {
        var token = await fixture.TokenAsync(Role.Builder);
        await SendAsync(token, "PUT", "/api/devices/sn-007", "{}");
        var credentials = await SendAsync(token, "GET", "/api/devices/sn-007/credentials");
        Text(credentials, "idScope").ShouldBe(PeopleFixture.IdScope);
        var group = await SendAsync(token, "GET", "/api/enrollmentGroups/SAS-IoT-Devices");
        var groupKey = Convert.FromBase64String(Text(group["attestation"]!["symmetricKey"]!, "primaryKey")!);
        Text(credentials["symmetricKey"]!, "primaryKey").ShouldBe(Convert.ToBase64String(DerivedKey.FromGroupKey(groupKey, "sn-007")));

        var own = Convert.ToBase64String(RandomNumberGenerator.GetBytes(32));
        await SendAsync(token, "PUT", "/api/devices/sn-007/attestation", $$$"""{"type":"symmetricKey","symmetricKey":{"primaryKey":"{{{own}}}","secondaryKey":"{{{own}}}"}}""");
        Text((await SendAsync(token, "GET", "/api/devices/sn-007/credentials"))["symmetricKey"]!, "primaryKey").ShouldBe(own);
        Text(await SendAsync(token, "GET", "/api/devices/sn-007/attestation"), "type").ShouldBe("symmetricKey");
        (await fixture.SendAsync("DELETE", "/api/devices/sn-007/attestation", token)).Status.ShouldBe(204);
        (await fixture.SendAsync("GET", "/api/devices/sn-007/attestation", token)).Status.ShouldBe(404);
        (await fixture.SendAsync("GET", "/api/devices/sn-007/credentials", await fixture.TokenAsync(Role.Auditor))).Status.ShouldBe(403);
        (await fixture.Audit.SearchAsync(new AuditFilter { Action = "getDeviceCredentials" }, 10, default)).ShouldContain(e => e.EntityId == "sn-007" && e.Result == AuditResult.Done);
    }

    [Fact]
    public async Task A_device_that_waits_is_approved_alone_or_with_all_others()
    {
        var token = await fixture.TokenAsync(Role.Builder);
        await SendAsync(token, "PUT", "/api/enrollmentGroups/gate", """{"displayName":"The gate","attestation":{"type":"symmetricKey"},"approval":"manual"}""");
        foreach (var id in new[] { "w1", "w2", "w3" })
            (await fixture.RegisterAsync("gate", id)).ShouldBe(400209);
        (await CountAsync(token, "status eq 'waitingForApproval'")).ShouldBe(3);
        Text(await SendAsync(token, "POST", "/api/x/devices/w1/approve"), "status").ShouldBe("registered");
        (await fixture.RegisterAsync("gate", "w1")).ShouldBe(0);
        Text(await SendAsync(token, "GET", "/api/devices/w1"), "status").ShouldBe("provisioned");
        Text(await SendAsync(token, "POST", "/api/x/devices/w1/block"), "status").ShouldBe("blocked");
        (await fixture.RegisterAsync("gate", "w1")).ShouldBe(400209);
        Text(await SendAsync(token, "POST", "/api/x/devices/w1/unblock"), "status").ShouldBe("provisioned");
        var result = await SendAsync(token, "POST", "/api/x/devices/approve", """{"filter":"status eq 'waitingForApproval'"}""");
        ((int)result["count"]!).ShouldBe(2);
        ((int)(await SendAsync(token, "GET", "/api/x/devices/counts"))["waitingForApproval"]!).ShouldBe(0);
        (await fixture.Audit.SearchAsync(new AuditFilter { Action = "approveDevices" }, 10, default)).ShouldContain(e => e.EntityId == "2 devices" && e.Detail!.Contains("waitingForApproval", StringComparison.Ordinal));
        (await fixture.SendAsync("POST", "/api/x/devices/approve", token, """{"deviceIds":["w1"],"filter":"id eq 'w1'"}""")).Status.ShouldBe(400);
    }

    [Fact]
    public async Task Who_may_not_write_groups_sees_no_keys_of_them()
    {
        var builder = await fixture.TokenAsync(Role.Builder);
        var made = await SendAsync(builder, "PUT", "/api/enrollmentGroups/keys", """{"attestation":{"type":"symmetricKey"},"type":"iotEdge"}""");
        Text(made["attestation"]!["symmetricKey"]!, "primaryKey").ShouldNotBeNull();
        Text(made, "type").ShouldBe("iotEdge");
        var seen = await SendAsync(await fixture.TokenAsync(Role.Operator), "GET", "/api/enrollmentGroups/keys");
        seen["attestation"]!["symmetricKey"].ShouldBeNull();
        (await SendAsync(await fixture.TokenAsync(Role.Operator), "GET", "/api/enrollmentGroups")).ToJsonString().ShouldNotContain("primaryKey");
        var patched = await SendAsync(builder, "PATCH", "/api/enrollmentGroups/keys", """{"enabled":false}""");
        ((bool)patched["enabled"]!).ShouldBeFalse();
        patched["attestation"]!.ToJsonString().ShouldBe(made["attestation"]!.ToJsonString(), "the keys stay");
        (await fixture.SendAsync("DELETE", "/api/enrollmentGroups/keys", builder)).Status.ShouldBe(204);
    }

    [Fact]
    public async Task A_certificate_of_a_group_counts_once_its_key_was_proved()
    {
        var token = await fixture.TokenAsync(Role.Builder);
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var authority = Authority("Factory", key);
        await SendAsync(token, "PUT", "/api/enrollmentGroups/factory", """{"attestation":{"type":"x509"}}""");
        const string path = "/api/enrollmentGroups/factory/certificates/primary";
        (await fixture.SendAsync("GET", path, token)).Status.ShouldBe(404);
        var put = await SendAsync(token, "PUT", path, new JsonObject { ["certificate"] = authority.ExportCertificatePem() }.ToJsonString());
        ((bool)put["verified"]!).ShouldBeFalse();
        Text(put["info"]!, "sha1Thumbprint").ShouldBe(authority.Thumbprint);

        var code = Text(await SendAsync(token, "POST", path + "/generateVerificationCode"), "verificationCode")!;
        using var stranger = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var other = Authority("Factory", stranger);
        foreach (var wrong in new[] { Proof(code + "x", authority), Proof(code, other), Proof(code, authority, fixture.Time.GetUtcNow().AddDays(-3)) })
            (await fixture.SendAsync("POST", path + "/verify", token, wrong)).Status.ShouldBe(400);
        (await fixture.SendAsync("POST", path + "/verify", token, Proof(code, authority))).Status.ShouldBe(204);
        ((bool)(await SendAsync(token, "GET", path))["verified"]!).ShouldBeTrue();
        (await fixture.SendAsync("POST", path + "/verify", token, Proof(code, authority))).Status.ShouldBe(400, "a code is good for one proof");
        var group = await SendAsync(token, "GET", "/api/enrollmentGroups/factory");
        ((bool)group["attestation"]!["x509"]!["signingCertificates"]!["primary"]!["verified"]!).ShouldBeTrue();
        (await fixture.SendAsync("DELETE", path, token)).Status.ShouldBe(204);
        (await fixture.SendAsync("GET", "/api/enrollmentGroups/factory/certificates/third", token)).Status.ShouldBe(404);
    }

    [Fact]
    public async Task The_connection_says_who_is_let_in()
    {
        var token = await fixture.TokenAsync(Role.Builder);
        var shown = await SendAsync(token, "GET", "/api/x/connection");
        Text(shown, "idScope").ShouldBe(PeopleFixture.IdScope);
        ((bool)shown["autoApprove"]!).ShouldBeTrue();
        await SendAsync(token, "PATCH", "/api/x/connection", """{"autoApprove":false}""");
        await SendAsync(token, "PUT", "/api/enrollmentGroups/inherits", """{"attestation":{"type":"symmetricKey"}}""");
        (await fixture.RegisterAsync("inherits", "i1")).ShouldBe(400209);
        await SendAsync(token, "PATCH", "/api/x/connection", """{"autoApprove":true}""");
        (await fixture.RegisterAsync("inherits", "i1")).ShouldBe(400209, "it waited before");
        (await fixture.RegisterAsync("inherits", "i2")).ShouldBe(0);
        await SendAsync(token, "POST", "/api/x/devices/i1/approve");
    }

    private async Task<JsonNode> SendAsync(string token, string method, string path, string? body = null)
    {
        var (status, answer) = await fixture.SendAsync(method, path, token, body);
        status.ShouldBe(200, answer?.ToJsonString());
        return answer!;
    }

    private async Task<int> CountAsync(string token, string filter)
        => (await SendAsync(token, "GET", $"/api/devices?api-version=2022-07-31&$top=100&$filter={Uri.EscapeDataString(filter)}"))["value"]!.AsArray().Count;

    private X509Certificate2 Authority(string name, ECDsa key)
    {
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        return request.CreateSelfSigned(fixture.Time.GetUtcNow().AddDays(-10), fixture.Time.GetUtcNow().AddYears(1));
    }

    private string Proof(string name, X509Certificate2 authority, DateTimeOffset? until = null)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        using var proof = request.Create(authority, fixture.Time.GetUtcNow().AddDays(-5), until ?? fixture.Time.GetUtcNow().AddDays(1), [1, 2, 3]);
        return new JsonObject { ["certificate"] = proof.ExportCertificatePem() }.ToJsonString();
    }

    private static string? Text(JsonNode node, string member) => (string?)node[member];
}
