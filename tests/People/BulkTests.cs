using System.Text;
using System.Text.Json;
using Homeport.Hub.Bulk;
using Homeport.People.Access;

namespace Homeport.Tests.People;

/// <summary>CSV files as people bring them, over the API.</summary>
public sealed class BulkTests(PeopleFixture fixture) : IClassFixture<PeopleFixture>
{
    private const string Key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

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

    [Theory]
    [InlineData("IOTC_DEVICEID,IOTC_SASKEY_PRIMARY\nr1,%%%\n", "InvalidKey")]
    [InlineData("IOTC_DEVICEID,IOTC_SASKEY_PRIMARY\nr1,AAEC\n", "InvalidKey")]
    [InlineData("IOTC_DEVICEID,IOTC_X509THUMBPRINT_PRIMARY\nr1,abc\n", "InvalidThumbprint")]
    [InlineData("IOTC_DEVICEID,IOTC_SASKEY_PRIMARY,IOTC_X509THUMBPRINT_PRIMARY\nr1," + Key + ",0123456789012345678901234567890123456789\n", "ConflictingCredentials")]
    [InlineData("IOTC_DEVICEID,IOTC_DEVICENAME\n,x\n", "MissingDeviceId")]
    [InlineData("IOTC_DEVICEID\nd@1\nd@1\n", "DuplicateInFile")]
    [InlineData("IOTC_DEVICEID,TAG:a.b\nr2,x\n", "ArgumentInvalid")]
    public async Task A_row_is_refused_by_its_code_and_no_key_is_in_the_error_file(string file, string code)
    {
        var report = await RunAsync(Encoding.UTF8.GetBytes(file));
        report.Failed.ShouldBe(1);
        report.ErrorFile.ShouldContain(code);
        report.ErrorFile.ShouldNotContain(Key);
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

    [Fact]
    public async Task An_export_comes_back_with_the_same_keys_and_without_the_right_there_are_none()
    {
        await RunAsync(Encoding.UTF8.GetBytes($"IOTC_DEVICEID,IOTC_DEVICENAME,IOTC_SASKEY_PRIMARY,IOTC_SASKEY_SECONDARY,TAG:site\nback-1,\"=A, \"\"one\"\"\",{Key},{Key},North\n"));
        using var file = new MemoryStream();
        await fixture.Export.RunAsync(file, withKeys: true, spreadsheetSafe: false, default);
        (await fixture.Registry.DeleteAsync("back-1", null, Homeport.Hub.Registry.IfMatch.Absent, default)).ShouldBeNull();
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

    private async Task<ImportReport> RunAsync(byte[] file) => (await fixture.Import.RunAsync(new MemoryStream(file), new ImportOptions(), null, default)).Value.ShouldNotBeNull();

    private static byte[] Latin(byte[] file, string prefix) => Encoding.Latin1.GetBytes(Encoding.Latin1.GetString(file).Replace("{0}", prefix, StringComparison.Ordinal));
}
