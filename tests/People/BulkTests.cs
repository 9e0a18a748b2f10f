using System.Text;
using System.Text.Json;
using Homeport.Contract.Access;
using Homeport.Contract.Errors;
using Homeport.Hub.Registry;
using Homeport.People.Access;
using Homeport.Provisioning.Bulk;
using Homeport.Provisioning.Enrollments;
using Homeport.Provisioning.Lifecycle;

namespace Homeport.Tests.People;

/// <summary>CSV files as people bring them, over the API.</summary>
public sealed class BulkTests(PeopleFixture fixture) : IClassFixture<PeopleFixture>
{
    private const string Key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    private const string Header = "IOTC_DEVICEID,IOTC_DEVICENAME,IOTC_SASKEY_PRIMARY,IOTC_SASKEY_SECONDARY,IOTC_X509THUMBPRINT_PRIMARY,IOTC_X509THUMBPRINT_SECONDARY";

    public static TheoryData<string, byte[]> Forms => new()
    {
        { "plain", Encoding.UTF8.GetBytes("IOTC_DEVICEID,IOTC_DEVICENAME\n{0}1,Pump one\n{0}2,\n") },
        { "official sample: mark and CRLF", [0xef, 0xbb, 0xbf, .. Encoding.UTF8.GetBytes("IOTC_DEVICEID,IOTC_DEVICENAME\r\n{0}1,Pump one\r\n{0}2,\r\n")] },
        { "semicolons", Encoding.UTF8.GetBytes("IOTC_DeviceID;IOTC_DeviceName\r\n{0}1;Pump one\r\n{0}2;") },
        { "tabs and other columns", Encoding.UTF8.GetBytes("note\tiotc_devicename\tiotc_deviceid\nx\tPump one\t{0}1\n\n\t\t{0}2\n") },
        { "quotes", Encoding.UTF8.GetBytes("\"IOTC_DEVICEID\",\"IOTC_DEVICENAME\"\n\"{0}1\",\"Pump one\"\n{0}2,\"\"\n") },
        { "UTF-16", [.. Encoding.Unicode.Preamble, .. Encoding.Unicode.GetBytes("IOTC_DEVICEID,IOTC_DEVICENAME\n{0}1,Pump one\n{0}2,\n")] },
    };

    [Theory]
    [MemberData(nameof(Forms))]
    public async Task Every_form_of_the_file_is_read(string name, byte[] file)
    {
        var prefix = "f" + Math.Abs(name.GetHashCode(StringComparison.Ordinal)) + "-";
        var text = file[0] == 0xff ? Encoding.Unicode.GetBytes(Encoding.Unicode.GetString(file).Replace("{0}", prefix, StringComparison.Ordinal)) : Latin(file, prefix);
        var report = await RunAsync(text);
        (report.Created, report.Failed).ShouldBe((2, 0), name);
        var twin = (await fixture.Twins.GetAsync(prefix + "1", null, default)).Value!;
        Encoding.UTF8.GetString(twin.Tags.Span).ShouldBe("""{"displayName":"Pump one"}""");
    }

    [Fact]
    public async Task One_bad_row_of_many_fails_alone_and_the_same_file_can_be_imported_again()
    {
        var file = new StringBuilder("IOTC_DEVICEID,IOTC_SASKEY_PRIMARY,TAG:site\n");
        for (var i = 0; i < 2000; i++)
            file.Append(i == 700 ? "bad id,,A\n" : $"many-{i},,A\n");
        var token = await fixture.TokenAsync(Role.Operator);
        var (status, body) = await fixture.SendAsync("POST", "/api/x/devices/import", token, file.ToString());
        status.ShouldBe(200);
        body!["status"]!.GetValue<string>().ShouldBe("succeededWithErrors");
        body["progress"]!["created"]!.GetValue<long>().ShouldBe(1999);
        var errors = ((string)body["errorFile"]!).Split("\r\n");
        errors[0].ShouldBe("IOTC_DEVICEID,IOTC_SASKEY_PRIMARY,TAG:site,IOTC_ROW,IOTC_ERRORCODE,IOTC_ERRORMESSAGE");
        errors[1].ShouldStartWith("bad id,,A,702,InvalidDeviceId,");
        var (_, again) = await fixture.SendAsync("POST", "/api/x/devices/import", token, file.ToString());
        again!["progress"]!["skipped"]!.GetValue<long>().ShouldBe(1999);
    }

    public static TheoryData<string, string> BadRows => new()
    {
        { "IOTC_DEVICEID,IOTC_DEVICENAME\n,x\n", "MissingDeviceId" },
        { "IOTC_DEVICEID\nbad id\n", "InvalidDeviceId" },
        { "IOTC_DEVICEID\nnul\0id\n", "InvalidDeviceId" },
        { $"IOTC_DEVICEID\n{new string('x', 129)}\n", "DeviceIdTooLong" },
        { $"IOTC_DEVICEID,IOTC_DEVICENAME\nr0,{new string('x', 149)}\n", "DeviceNameTooLong" },
        { "IOTC_DEVICEID\nd@1\nd@1\n", "DuplicateInFile" },
        { "IOTC_DEVICEID,IOTC_TEMPLATE\nr1,dtmi:nowhere;1\n", "TemplateNotFound" },
        { "IOTC_DEVICEID,IOTC_TEMPLATE\nr1,dtmi:bulk:draft;1\n", "TemplateNotPublished" },
        { "IOTC_DEVICEID,IOTC_ORGANIZATION\nr1,nowhere\n", "OrganizationNotFound" },
        { "IOTC_DEVICEID,IOTC_ORGANIZATION\nr1,others\n", "OrganizationForbidden" },
        { "IOTC_DEVICEID,IOTC_SASKEY_PRIMARY\nr1,%%%\n", "InvalidKey" },
        { "IOTC_DEVICEID,IOTC_SASKEY_PRIMARY\nr1,AAEC\n", "InvalidKey" },
        { "IOTC_DEVICEID,IOTC_X509THUMBPRINT_PRIMARY\nr1,abc\n", "InvalidThumbprint" },
        { "IOTC_DEVICEID,IOTC_SASKEY_PRIMARY,IOTC_X509THUMBPRINT_PRIMARY\nr1," + Key + ",0123456789012345678901234567890123456789\n", "ConflictingCredentials" },
        { "IOTC_DEVICEID,TAG:a.b\nr2,x\n", "ArgumentInvalid" },
    };

    [Theory]
    [MemberData(nameof(BadRows))]
    public async Task A_row_is_refused_by_its_code_and_no_key_is_in_the_error_file(string file, string code)
    {
        await fixture.TemplateAsync("dtmi:bulk:draft;1", published: false);
        var report = await RunAsync(Encoding.UTF8.GetBytes(file), new ImportOptions { CheckOrganization = Known });
        report.Failed.ShouldBe(1);
        report.FirstFailed.ShouldHaveSingleItem().Code.ShouldBe(code);
        report.ErrorFile.ShouldContain(code);
        report.ErrorFile.ShouldNotContain(Key);
    }

    [Fact]
    public async Task A_device_that_is_there_is_an_error_when_the_caller_wants_that()
    {
        await RunAsync("IOTC_DEVICEID\nthere-1\n"u8.ToArray());
        var report = await RunAsync("IOTC_DEVICEID\nthere-1\n"u8.ToArray(), new ImportOptions(OnExisting.Fail));
        report.FirstFailed.ShouldHaveSingleItem().Code.ShouldBe("AlreadyExists");
    }

    [Fact]
    public async Task Keys_of_failed_rows_come_back_to_those_who_may_see_them()
    {
        var (_, body) = await fixture.SendAsync("POST", "/api/x/devices/import", await fixture.TokenAsync(Role.Operator), $"IOTC_DEVICEID,IOTC_SASKEY_PRIMARY\nno id,{Key}\n");
        ((string)body!["errorFile"]!).ShouldContain(Key);
    }

    [Theory]
    [InlineData("")]
    [InlineData("id,name\nx,y\n")]
    [InlineData("IOTC_DEVICEID\n\"open\n")]
    public async Task A_file_that_cannot_be_read_is_refused_as_a_whole(string file)
    {
        var outcome = await fixture.Import.RunAsync(new MemoryStream(Encoding.UTF8.GetBytes(file)), new ImportOptions(), null, default);
        outcome.Refusal.ShouldNotBeNull();
    }

    [Theory]
    [InlineData("a line without end", "IOTC_DEVICEID\n", "x")]
    [InlineData("an open quote", "IOTC_DEVICEID\n\"", "x\n")]
    [InlineData("a million columns", "IOTC_DEVICEID", ",a")]
    public async Task What_never_ends_is_refused_before_it_fills_the_memory(string name, string head, string part)
    {
        var before = GC.GetTotalAllocatedBytes();
        await using var file = new EndlessStream(head, part, 400_000_000);
        var outcome = await fixture.Import.RunAsync(file, new ImportOptions(), null, default);
        outcome.Refusal.ShouldNotBeNull(name);
        file.Taken.ShouldBeLessThan(16_000_000);
        (GC.GetTotalAllocatedBytes() - before).ShouldBeLessThan(400_000_000);
    }

    [Theory]
    [InlineData("\r\n")]
    [InlineData("\n")]
    [InlineData("\r")]
    public async Task Line_ends_inside_quotes_belong_to_the_name(string end)
    {
        var id = $"lines-{Convert.ToHexString(Encoding.ASCII.GetBytes(end))}";
        (await RunAsync(Encoding.UTF8.GetBytes($"IOTC_DEVICEID,TAG:note{end}{id},\"one{end}two\"{end}{end}"))).Created.ShouldBe(1);
        using var tags = JsonDocument.Parse((await fixture.Twins.GetAsync(id, null, default)).Value!.Tags);
        tags.RootElement.GetProperty("note").GetString().ShouldBe("one\ntwo");
    }

    [Fact]
    public async Task Template_and_organization_are_those_of_the_row_else_those_of_the_file()
    {
        await fixture.TemplateAsync("dtmi:bulk:file;1");
        await fixture.TemplateAsync("dtmi:bulk:row;1");
        var file = "IOTC_DEVICEID,IOTC_TEMPLATE,IOTC_ORGANIZATION\nplace-1,,\nplace-2,dtmi:bulk:row;1,north\nplace-3,Unassociated,\n"u8.ToArray();
        (await RunAsync(file, new ImportOptions { Template = "dtmi:bulk:file;1", Organization = "south" })).Created.ShouldBe(3);
        (await PlaceAsync("place-1")).ShouldBe(("dtmi:bulk:file;1", "south"));
        (await PlaceAsync("place-2")).ShouldBe(("dtmi:bulk:row;1", "north"));
        (await PlaceAsync("place-3")).ShouldBe((null, "south"));
        (await fixture.Templates.Association.TemplateOfAsync("place-2", default)).ShouldNotBeNull().Id.ShouldBe("dtmi:bulk:row;1");

        var token = await fixture.TokenAsync(Role.Operator);
        (await fixture.SendAsync("POST", "/api/x/devices/import?template=dtmi:nowhere;1", token, "IOTC_DEVICEID\nplace-4\n")).Status.ShouldBe(400);
        (await fixture.SendAsync("POST", "/api/x/devices/import?template=dtmi:bulk:row;1&onExisting=update", token, "IOTC_DEVICEID\nplace-1\nplace-4\n")).Status.ShouldBe(200);
        (await PlaceAsync("place-1")).ShouldBe(("dtmi:bulk:row;1", "south"));
        (await PlaceAsync("place-4")).ShouldBe(("dtmi:bulk:row;1", null));
        var (_, shown) = await fixture.SendAsync("GET", "/api/x/devices/export?id=place-1&id=place-4&columns=template,organization,status,idScope", token);
        ((string)shown!).Split("\r\n").ShouldBe(
        [
            "IOTC_DEVICEID,IOTC_DEVICENAME,IOTC_SASKEY_PRIMARY,IOTC_SASKEY_SECONDARY,IOTC_X509THUMBPRINT_PRIMARY,IOTC_X509THUMBPRINT_SECONDARY,IOTC_IDSCOPE,IOTC_STATUS,IOTC_TEMPLATE,IOTC_ORGANIZATION",
            $"place-1,,,,,,{PeopleFixture.IdScope},registered,\"dtmi:bulk:row;1\",south", $"place-4,,,,,,{PeopleFixture.IdScope},registered,\"dtmi:bulk:row;1\",", "",
        ]);
    }

    [Theory]
    [InlineData("?columns=color")]
    [InlineData("?columns=7")]
    [InlineData("?columns=connectionString")]
    [InlineData("?$filter=color eq 1")]
    public async Task An_export_that_cannot_be_made_is_refused(string query)
        => (await fixture.SendAsync("GET", "/api/x/devices/export" + query, await fixture.TokenAsync(Role.Operator))).Status.ShouldBe(400);

    [Fact]
    public async Task A_device_that_waits_goes_on_waiting()
    {
        await fixture.Approval.SetPolicyAsync(new ApprovalPolicy(AutoApprove: false), default);
        try
        {
            await fixture.KnockAsync("wait-1");
        }
        finally
        {
            await fixture.Approval.SetPolicyAsync(new ApprovalPolicy(), default);
        }
        var file = Encoding.UTF8.GetBytes($"IOTC_DEVICEID,IOTC_DEVICENAME,IOTC_SASKEY_PRIMARY\nwait-1,Gate,{Key}\n");
        (await RunAsync(file)).Skipped.ShouldBe(1);
        (await RunAsync(file, new ImportOptions(OnExisting.Fail))).FirstFailed[0].Code.ShouldBe("AlreadyExists");
        (await RunAsync(file, new ImportOptions(OnExisting.Update))).Updated.ShouldBe(1);
        var facts = (await fixture.Lifecycle.GetAsync("wait-1", default)).Value!;
        (facts.Status, facts.DisplayName).ShouldBe((DeviceStatus.WaitingForApproval, "Gate"));
        (await fixture.Registry.GetAsync("wait-1", null, default)).Refusal.ShouldNotBeNull("it is in no hub");
    }

    [Fact]
    public async Task An_export_that_is_imported_after_all_was_deleted_has_the_same_keys()
    {
        // In no hub: derived keys of the default group; of a group: of that one; its own enrollment: its own keys; in the hub alone: those of the hub.
        var token = await fixture.TokenAsync(Role.Builder);
        await fixture.SendAsync("PUT", "/api/devices/trip-new", token, """{"displayName":"New"}""");
        await fixture.SendAsync("PUT", "/api/devices/trip-own", token, "{}");
        await fixture.SendAsync("PUT", "/api/devices/trip-own/attestation", token, $$$"""{"type":"symmetricKey","symmetricKey":{"primaryKey":"{{{Key}}}","secondaryKey":"{{{Key}}}"}}""");
        await fixture.SendAsync("PUT", "/api/devices/trip-tpm", token, "{}");
        (await fixture.SendAsync("PUT", "/api/devices/trip-tpm/attestation", token, $$$"""{"type":"tpm","tpm":{"endorsementKey":"{{{PeopleFixture.EndorsementKey}}}"}}""")).Status.ShouldBe(200);
        await fixture.KnockAsync("trip-group");
        await RunAsync(Encoding.UTF8.GetBytes($"IOTC_DEVICEID,IOTC_SASKEY_PRIMARY,IOTC_SASKEY_SECONDARY\ntrip-hub,{Key},{Key}\n"));
        await RunAsync("IOTC_DEVICEID,IOTC_X509THUMBPRINT_PRIMARY\ntrip-x509,0123456789012345678901234567890123456789\n"u8.ToArray());

        var first = await ExportAsync("trip-", token);
        first["trip-new"][2].ShouldBe(await DerivedAsync("SAS-IoT-Devices", "trip-new"));
        first["trip-group"][2].ShouldBe(await DerivedAsync(PeopleFixture.Group, "trip-group"));
        (first["trip-own"][2], first["trip-hub"][2], first["trip-tpm"][2]).ShouldBe((Key, Key, ""));
        first["trip-x509"][2..6].ShouldBe(["", "", "0123456789012345678901234567890123456789", ""]);
        first["trip-hub"][6].ShouldBe($"\"HostName=hub1.test;DeviceId=trip-hub;SharedAccessKey={Key}\"");

        foreach (var id in first.Keys)
            (await fixture.Lifecycle.DeleteAsync(id, default)).ShouldBeNull();
        (await ExportAsync("trip-", token)).ShouldBeEmpty();
        var report = await RunAsync(Encoding.UTF8.GetBytes(string.Join("\r\n", first.Values.Select(f => string.Join(',', f[..6])).Prepend(Header))), new ImportOptions { Enroll = true });
        (report.Created, report.Failed).ShouldBe((6, 0));
        var again = await ExportAsync("trip-", token);
        foreach (var (id, fields) in first.Where(f => f.Key != "trip-tpm"))
            again[id][2..6].ShouldBe(fields[2..6], id);
        // With enrollments of their own they also register with the keys that they had.
        (await fixture.Enrollments.GetAsync(EnrollmentKind.Individual, "trip-own", default)).Value.ShouldNotBeNull();
        (await fixture.Enrollments.GetAsync(EnrollmentKind.Individual, "trip-x509", default)).Value.ShouldBeNull();
    }

    [Fact]
    public async Task Formulas_come_back_as_they_were_and_without_the_right_there_are_no_keys()
    {
        await RunAsync(Encoding.UTF8.GetBytes($"IOTC_DEVICEID,IOTC_DEVICENAME,IOTC_SASKEY_PRIMARY,IOTC_SASKEY_SECONDARY,TAG:site\nback-1,\"=A, \"\"one\"\"\",{Key},{Key},North\n"));
        using var file = new MemoryStream();
        await fixture.Export.RunAsync(file, new ExportOptions { WithKeys = true }, default);
        (await fixture.Registry.DeleteAsync("back-1", null, IfMatch.Absent, default)).ShouldBeNull();
        (await RunAsync(file.ToArray())).Created.ShouldBe(1);
        var device = (await fixture.Registry.GetAsync("back-1", null, default)).Value!;
        Convert.ToBase64String(device.Authentication.PrimaryKey!).ShouldBe(Key);
        using var tags = JsonDocument.Parse((await fixture.Twins.GetAsync("back-1", null, default)).Value!.Tags);
        tags.RootElement.EnumerateObject().Count().ShouldBe(2);
        tags.RootElement.GetProperty("displayName").GetString().ShouldBe("=A, \"one\"");
        tags.RootElement.GetProperty("site").GetString().ShouldBe("North");

        (await fixture.SendAsync("GET", "/api/x/devices/export?keys=true", await fixture.TokenAsync(Role.Auditor))).Status.ShouldBe(403);
        var (status, plain) = await fixture.SendAsync("GET", "/api/x/devices/export?spreadsheetSafe=true", await fixture.TokenAsync(Role.Auditor));
        status.ShouldBe(200);
        ((string)plain!).ShouldNotContain(Key);
        ((string)plain!).ShouldContain("\"'=A, \"\"one\"\"\"");
    }

    [Fact]
    public async Task The_OpenAPI_document_has_every_endpoint()
    {
        var (status, document) = await fixture.SendAsync("GET", "/api/x/openapi.json", await fixture.TokenAsync(Role.Operator));
        status.ShouldBe(200);
        var operations = document!["paths"]!.AsObject().SelectMany(p => p.Value!.AsObject()).Select(m => (string)m.Value!["operationId"]!).ToList();
        operations.Count.ShouldBe(fixture.Endpoints.Count);
        operations.ShouldContain("importDevices");
    }

    private static Task<Refusal?> Known(string organization, CancellationToken token) => Task.FromResult(organization switch
    {
        "nowhere" => new Refusal(new ServiceError("OrganizationNotFound", 404900, "There is no such organization."), "nowhere", "Make it."),
        "others" => new Refusal(new ServiceError("OrganizationForbidden", 403900, "You are not in this organization."), "others", "Ask somebody who is."),
        _ => null,
    });

    private async Task<ImportReport> RunAsync(byte[] file, ImportOptions? options = null)
        => (await fixture.Import.RunAsync(new MemoryStream(file), options ?? new ImportOptions(), null, default)).Value.ShouldNotBeNull();

    private async Task<(string? Template, string? Organization)> PlaceAsync(string id)
    {
        var facts = (await fixture.Lifecycle.GetAsync(id, default)).Value!;
        return (facts.Template, facts.Organization);
    }

    /// <summary>Exported rows by their ids.</summary>
    private async Task<Dictionary<string, string[]>> ExportAsync(string prefix, string token)
    {
        var (status, file) = await fixture.SendAsync("GET", $"/api/x/devices/export?keys=true&columns=connectionString&search={prefix}", token);
        status.ShouldBe(200);
        return ((string)file!).Split("\r\n", StringSplitOptions.RemoveEmptyEntries).Skip(1).Select(r => r.Split(',')).ToDictionary(f => f[0]);
    }

    private async Task<string> DerivedAsync(string group, string id)
    {
        var enrollment = (await fixture.Enrollments.GetAsync(EnrollmentKind.Group, group, default)).Value!;
        return Convert.ToBase64String(DerivedKey.FromGroupKey(enrollment.Attestation.PrimaryKey!, id));
    }

    /// <summary>A file that is made while it is read, and of which most is never read.</summary>
    private sealed class EndlessStream(string head, string part, long length) : Stream
    {
        private readonly byte[] _head = Encoding.UTF8.GetBytes(head);
        private readonly byte[] _part = Encoding.UTF8.GetBytes(part);

        public long Taken { get; private set; }

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => Taken; set => throw new NotSupportedException(); }

        public override int Read(byte[] buffer, int offset, int count)
        {
            var read = 0;
            for (; read < count && Taken < length; read++, Taken++)
                buffer[offset + read] = Taken < _head.Length ? _head[Taken] : _part[(Taken - _head.Length) % _part.Length];
            return read;
        }

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }

    private static byte[] Latin(byte[] file, string prefix) => Encoding.Latin1.GetBytes(Encoding.Latin1.GetString(file).Replace("{0}", prefix, StringComparison.Ordinal));
}
