using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Homeport.Tests.Interop.Harness;

namespace Homeport.Tests.Interop;

/// <summary>Files from the Node SDK and the storage client it brings along to the built-in blob store.</summary>
[Collection(SharedServerTests.Name)]
public sealed class FileUploadTests(SharedServer shared)
{
    private const string Notifications = "messages/serviceBound/filenotifications";

    private HubService Hub => shared.Server.Hub;

    private string Host => shared.Server.Ready.Hub.HostName;

    [Theory]
    [InlineData("f.txt", 1)]
    [InlineData("logs/2026 January/a & b + (c).bin", 9_000_001)]
    public async Task The_sdk_uploads_a_file_and_the_service_hears_of_it(string name, int size)
    {
        var device = await Hub.CreateDeviceAsync(SharedServer.NewId("upload"));
        // ASCII only: the SDK counts the characters of its request in place of the bytes.
        var results = await RunAsync(device, new { upload = name, size });
        var note = await TakeNotificationAsync(device.Id);
        ((string?)note["blobName"]).ShouldBe($"{device.Id}/{name}");
        ((long)note["blobSizeInBytes"]!).ShouldBe(size);
        ((string?)note["blobUri"]).ShouldStartWith($"https://{Host}/uploads-hub1/{device.Id}/");
        DateTimeOffset.Parse((string)note["lastUpdatedTime"]!).ShouldBe(DateTimeOffset.UtcNow, TimeSpan.FromMinutes(1));

        var stored = await FetchAsync((string)note["blobUri"]!);
        Convert.ToHexStringLower(SHA256.HashData(stored)).ShouldBe((string?)results[0]!["digest"]);
    }

    [Fact]
    public async Task A_device_with_a_certificate_uploads_too()
    {
        using var certificate = new DeviceCertificate("files-x509");
        var device = await Hub.CreateX509DeviceAsync(SharedServer.NewId("x509"), certificate.Sha256);
        var results = await shared.Node.RunAsync("upload.mjs", new
        {
            connectionString = $"HostName={Host};DeviceId={device.Id};x509=true",
            x509 = new { cert = certificate.CertificatePem, key = certificate.KeyPem },
            actions = new object[] { new { ticket = "f" }, new { put = 10 }, new { notify = true } },
        });
        results["results"]!.AsArray().ShouldAllBe(r => (bool)r!["ok"]!, results.ToJsonString());
        ((long)(await TakeNotificationAsync(device.Id))["blobSizeInBytes"]!).ShouldBe(10);
    }

    [Fact]
    public async Task The_storage_client_writes_in_blocks_or_at_once_and_reads_back()
    {
        var device = await Hub.CreateDeviceAsync(SharedServer.NewId("blob"));
        var results = await RunAsync(device,
            new { ticket = "data.bin" },
            new { stream = 5 * 1024 * 1024 + 17 }, new { download = true }, new { download = true, offset = 1_000_000, count = 100 },
            new { put = 3_000_000 }, new { download = true },
            new { put = 5, conditions = new { ifNoneMatch = "*" } },
            new { put = 5, conditions = new { ifMatch = "\"0x1\"" } },
            new { put = 0 }, new { download = true },
            new { notify = true });
        var ticket = results[0]!["ticket"]!;
        ((string?)ticket["hostName"]).ShouldBe(Host);
        ((string?)ticket["blobName"]).ShouldBe($"{device.Id}/data.bin");
        ((string?)ticket["sasToken"]).ShouldStartWith("?sv=");
        ((string?)results[2]!["digest"]).ShouldBe((string?)results[1]!["digest"]);
        ((int)results[3]!["size"]!).ShouldBe(100);
        ((string?)results[5]!["digest"]).ShouldBe((string?)results[4]!["digest"]);
        ((string?)results[4]!["md5"]).ShouldNotBeNull();
        ((string?)results[5]!["contentType"]).ShouldBe("text/plain");
        ((string?)results[5]!["metadata"]!["made"]).ShouldBe("here");
        ((string?)results[6]!["error"]!["code"]).ShouldBe("BlobAlreadyExists");
        ((string?)results[7]!["error"]!["code"]).ShouldBe("ConditionNotMet");
        ((int)results[9]!["size"]!).ShouldBe(0);
        ((long)(await TakeNotificationAsync(device.Id))["blobSizeInBytes"]!).ShouldBe(0);
    }

    [Fact]
    public async Task A_container_is_listed_in_pages_and_its_blobs_are_deleted()
    {
        var device = await Hub.CreateDeviceAsync(SharedServer.NewId("list"));
        var access = (await Hub.SendAsync(HttpMethod.Get, "homeport/v1/files/access")).Json;
        var container = (string)access["containerUri"]!;
        var sas = (string)access["sasToken"]!;
        List<object> actions = [];
        foreach (var name in (string[])["a", "b/ <&>", "c"])
            actions.AddRange([new { ticket = name }, new { put = name.Length }, new { notify = false }]);
        actions.AddRange([
            new { list = container + sas, prefix = device.Id + "/", page = 2 },
            new { drop = $"{container}/{device.Id}/a{sas}" },
            new { list = container + sas, prefix = device.Id + "/" },
            new { drop = $"{container}/{device.Id}/a{sas}" },
        ]);
        var results = await RunAsync(device, [.. actions]);
        results[9]!["pages"]!.ToJsonString().ShouldBe(
            new JsonArray(
                new JsonArray(Item(device.Id + "/a", 1), Item(device.Id + "/b/ <&>", 6)),
                new JsonArray(Item(device.Id + "/c", 1))).ToJsonString());
        ((int)results[10]!["status"]!).ShouldBe(202);
        results[11]!["pages"]![0]!.AsArray().Count.ShouldBe(2);
        ((string?)results[12]!["error"]!["code"]).ShouldBe("BlobNotFound");
    }

    [Fact]
    public async Task Only_a_known_open_upload_can_be_reported_and_only_once()
    {
        var device = await Hub.CreateDeviceAsync(SharedServer.NewId("report"));
        var results = await RunAsync(device, new { ticket = "f" }, new { notify = false }, new { notify = false });
        ((bool)results[1]!["ok"]!).ShouldBeTrue();
        ((bool)results[2]!["ok"]!).ShouldBeFalse();
        var token = SasToken.ForDevice(Host, device.Id, device.PrimaryKey);
        // The C SDK ends its paths with a slash, and has the id in the body.
        var answer = await Hub.SendAsync(HttpMethod.Post, $"devices/{device.Id}/files/notifications/?api-version=2016-11-14",
            JsonNode.Parse("""{"correlationId":"corr1", "isSuccess":false, "statusCode":400, "statusDescription":""}"""), token: token);
        answer.Status.ShouldBe(400);
        answer.Header("iothub-errorcode").ShouldBe("InvalidFileUploadCorrelationId");

        var ticket = (await Hub.SendAsync(HttpMethod.Post, $"Devices/{device.Id}/FILES/?api-version=2016-11-14", JsonNode.Parse("""{"blobName":"f.txt"}"""), token: token)).Json;
        var report = new JsonObject { ["correlationId"] = (string?)ticket["correlationId"], ["isSuccess"] = true, ["statusCode"] = 200, ["statusDescription"] = null };
        (await Hub.SendAsync(HttpMethod.Post, $"devices/{device.Id}/files/notifications/?api-version=2016-11-14", report, token: token)).Status.ShouldBe(204);
        (await Hub.SendAsync(HttpMethod.Get, Notifications)).Status.ShouldBe(204, "a file that is not there is not announced");
    }

    [Fact]
    public async Task The_eleventh_open_upload_is_refused_until_one_ends()
    {
        var device = await Hub.CreateDeviceAsync(SharedServer.NewId("many"));
        var token = SasToken.ForDevice(Host, device.Id, device.PrimaryKey);
        Task<RestAnswer> OpenAsync() => Hub.SendAsync(HttpMethod.Post, $"devices/{device.Id}/files", JsonNode.Parse("""{"blobName":"f.txt"}"""), token: token);
        var opened = await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => OpenAsync()));
        opened.ShouldAllBe(a => a.Status == 200);
        var refused = await OpenAsync();
        refused.Status.ShouldBe(403);
        refused.Header("iothub-errorcode").ShouldBe("DeviceMaximumActiveFileUploadLimitExceeded");
        var id = (string)opened[3].Json["correlationId"]!;
        (await Hub.SendAsync(HttpMethod.Post, $"devices/{device.Id}/files/notifications/{id}", JsonNode.Parse("""{"isSuccess":false}"""), token: token)).Status.ShouldBe(204);
        (await OpenAsync()).Status.ShouldBe(200);
    }

    [Fact]
    public async Task Another_devices_key_and_no_key_open_no_upload()
    {
        var mine = await Hub.CreateDeviceAsync(SharedServer.NewId("mine"));
        var yours = await Hub.CreateDeviceAsync(SharedServer.NewId("yours"));
        foreach (var token in (string[])["", SasToken.ForDevice(Host, mine.Id, mine.PrimaryKey), SasToken.ForDevice(Host, yours.Id, mine.PrimaryKey)])
            (await Hub.SendAsync(HttpMethod.Post, $"devices/{yours.Id}/files", JsonNode.Parse("""{"blobName":"f"}"""), token: token)).Status.ShouldBe(401);
    }

    [Fact]
    public async Task A_notification_is_locked_given_back_and_completed()
    {
        var device = await Hub.CreateDeviceAsync(SharedServer.NewId("queue"));
        await RunAsync(device, new { upload = "f", size = 3 });
        var first = await Hub.SendAsync(HttpMethod.Get, Notifications);
        first.Status.ShouldBe(200);
        var held = first.Header("ETag")!.Trim('"');
        (await Hub.SendAsync(HttpMethod.Get, Notifications)).Status.ShouldBe(204);
        (await Hub.SendAsync(HttpMethod.Post, $"{Notifications}/{held}/abandon")).Status.ShouldBe(204);
        var second = await Hub.SendAsync(HttpMethod.Get, "messages/servicebound/fileNotifications");
        second.Header("iothub-deliverycount").ShouldBe("1");
        var lost = await Hub.SendAsync(HttpMethod.Delete, $"{Notifications}/{held}");
        lost.Status.ShouldBe(412);
        lost.Header("iothub-errorcode").ShouldBe("DeviceMessageLockLost");
        (await Hub.SendAsync(HttpMethod.Delete, $"{Notifications}/{second.Header("ETag")!.Trim('"')}")).Status.ShouldBe(204);
        (await Hub.SendAsync(HttpMethod.Get, Notifications)).Status.ShouldBe(204);
        (await Hub.SendAsync(HttpMethod.Get, Notifications, token: SasToken.ForDevice(Host, device.Id, device.PrimaryKey))).Status.ShouldBe(401);
    }

    [Theory]
    [InlineData("{0}/f.txt", "", "GET", 401, "NoAuthenticationInformation")]
    [InlineData("{0}/other.txt", "{sas}", "GET", 403, "AuthenticationFailed")]
    [InlineData("{0}/f.txt", "{sas}x", "GET", 403, "AuthenticationFailed")]
    [InlineData("{0}/f.txt", "{sas}", "DELETE", 403, "AuthorizationPermissionMismatch")]
    [InlineData("{0}/f.txt", "{sas}", "GET", 404, "BlobNotFound")]
    [InlineData("{0}%2Ff.txt", "{sas}", "GET", 404, "BlobNotFound")]
    [InlineData("{0}/f.txt", "{sas}&comp=metadata", "PUT", 405, "UnsupportedHttpVerb")]
    [InlineData("", "{sas}&restype=container&comp=list", "GET", 403, "AuthorizationPermissionMismatch")]
    [InlineData("..%2f..%2fhomeport.db", "{sas}", "GET", 403, "AuthenticationFailed")]
    [InlineData("%EF%BF%BE", "{sas}", "GET", 400, "InvalidResourceName")]
    public async Task A_refusal_of_the_store_is_the_xml_of_storage_clients(string path, string query, string method, int status, string code)
    {
        var device = await Hub.CreateDeviceAsync(SharedServer.NewId("refuse"));
        var sas = (string)(await RunAsync(device, new { ticket = "f.txt" }))[0]!["ticket"]!["sasToken"]!;
        var url = $"https://{Host}/uploads-hub1/{path.Replace("{0}", device.Id, StringComparison.Ordinal)}{query.Replace("{sas}", sas, StringComparison.Ordinal)}";
        var result = await ExternalProgram.RunAsync("curl", ["-sS", "-i", "--path-as-is", "--cacert", shared.Server.Ready.CaFile, "-X", method, url]);
        result.Output.ShouldStartWith($"HTTP/1.1 {status} ", customMessage: result.ToString());
        result.Output.ShouldContain($"x-ms-error-code: {code}");
        result.Output.ShouldContain($"<Error><Code>{code}</Code>");
        result.Output.ShouldContain("x-ms-request-id: ");
    }

    [Fact]
    public async Task Curl_puts_a_file_of_many_megabytes_and_a_wrong_checksum_is_refused()
    {
        var device = await Hub.CreateDeviceAsync(SharedServer.NewId("curl"));
        var ticket = (await RunAsync(device, new { ticket = "big.bin" }))[0]!["ticket"]!;
        var url = $"https://{Host}/uploads-hub1/{device.Id}/big.bin{ticket["sasToken"]}";
        using var folder = new TempFolder();
        await File.WriteAllBytesAsync(folder.File("big.bin"), RandomNumberGenerator.GetBytes(20_000_000));
        string[] common = ["-sS", "-i", "--cacert", shared.Server.Ready.CaFile, "-T", folder.File("big.bin"), "-H", "x-ms-blob-type: BlockBlob"];
        var wrong = await ExternalProgram.RunAsync("curl", [.. common, "-H", "Content-MD5: AAAAAAAAAAAAAAAAAAAAAA==", url]);
        wrong.Output.ShouldContain("x-ms-error-code: Md5Mismatch", customMessage: wrong.ToString());
        foreach (var more in (string[][])[[], ["-H", "Transfer-Encoding: chunked"]])
        {
            var right = await ExternalProgram.RunAsync("curl", [.. common, .. more, url]);
            right.Output.ShouldContain("HTTP/1.1 201 ", customMessage: right.ToString());
            right.Output.ShouldContain("ETag: \"0x");
            (await FetchAsync(url.Split('?')[0])).ShouldBe(await File.ReadAllBytesAsync(folder.File("big.bin")));
        }
    }

    private static JsonObject Item(string name, int size) => new() { ["name"] = name, ["size"] = size };

    private async Task<JsonArray> RunAsync(TestDevice device, params object[] actions)
    {
        var result = await shared.Node.RunAsync("upload.mjs", new { connectionString = $"HostName={Host};DeviceId={device.Id};SharedAccessKey={device.PrimaryKey}", actions });
        return result["results"]!.AsArray();
    }

    /// <summary>The next notification, which must be of this device: tests run one after the other and leave none.</summary>
    private async Task<JsonNode> TakeNotificationAsync(string deviceId)
    {
        var answer = await Hub.SendAsync(HttpMethod.Get, Notifications);
        answer.Status.ShouldBe(200, answer.Body);
        (await Hub.SendAsync(HttpMethod.Delete, $"{Notifications}/{answer.Header("ETag")!.Trim('"')}")).Status.ShouldBe(204);
        ((string?)answer.Json["deviceId"]).ShouldBe(deviceId);
        return answer.Json;
    }

    private async Task<byte[]> FetchAsync(string uri)
    {
        var sas = (string)(await Hub.SendAsync(HttpMethod.Get, "homeport/v1/files/access")).Json["sasToken"]!;
        using var http = shared.Server.Trust.HttpClient(SharedServer.HttpsPort);
        using var answer = await http.GetAsync(new Uri(uri + sas));
        answer.StatusCode.ShouldBe(HttpStatusCode.OK, Encoding.UTF8.GetString(await answer.Content.ReadAsByteArrayAsync()));
        answer.Headers.GetValues("X-Content-Type-Options").ShouldBe(["nosniff"]);
        return await answer.Content.ReadAsByteArrayAsync();
    }
}
