using System.Net;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Homeport.Tests.Interop.Harness;

namespace Homeport.Tests.Interop;

/// <summary>
/// Files of devices in stores elsewhere. The stores are strangers': s3rver speaks the S3 protocol, azurite is Microsoft's emulator of a
/// storage account. The Node SDK uploads to both without knowing where its files go.
/// </summary>
public sealed class UploadStoreTests : IDisposable
{
    private const string Address = "127.0.0.1";
    private const string Container = "uploads-hub1";
    private const string Notifications = "messages/serviceBound/filenotifications";
    private readonly TempFolder _folder = new();
    private readonly OpenSslPki _pki = new();

    public void Dispose()
    {
        _pki.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task A_bucket_takes_the_files_that_come_in_by_the_blob_door()
    {
        var port = ServerSettings.FreePorts(1)[0];
        await using var server = await StartAsync($"Endpoint=http://{Address}:{port};Bucket=files;AccessKeyId=S3RVER;SecretAccessKey=S3RVER", null);
        var node = new NodeClient(server.Ready.CaFile);
        var device = await server.Hub.CreateDeviceAsync("dev1");
        await using (await BucketAsync(port))
        {
            var results = await RunAsync(node, server, device,
                new { upload = "logs/January (1).bin", size = 9_000_001 },
                new { ticket = "data.bin" }, new { stream = 5 * 1024 * 1024 + 17 }, new { download = true }, new { download = true, offset = 1_000_000, count = 100 },
                new { put = 30_000 }, new { download = true },
                new { put = 5, conditions = new { ifNoneMatch = "*" } }, new { put = 5, conditions = new { ifMatch = "\"0x1\"" } },
                new { put = 0 }, new { download = true }, new { notify = true });
            ((bool)results[0]!["ok"]!).ShouldBeTrue(results.ToJsonString());
            var note = await TakeNotificationAsync(server);
            ((string?)note["blobName"], (long?)note["blobSizeInBytes"]).ShouldBe(("dev1/logs/January (1).bin", 9_000_001));
            DigestOfObject("dev1/logs/January (1).bin").ShouldBe((string?)results[0]!["digest"], "the object itself, on the disk of the store");

            ((string?)results[1]!["ticket"]!["hostName"]).ShouldBe(server.Ready.Hub.HostName);
            ((string?)results[3]!["digest"]).ShouldBe((string?)results[2]!["digest"]);
            ((int)results[4]!["size"]!).ShouldBe(100);
            ((string?)results[6]!["digest"], (string?)results[6]!["contentType"], (string?)results[6]!["metadata"]!["made"]).ShouldBe(((string?)results[5]!["digest"], "text/plain", "here"));
            ((string?)results[7]!["error"]!["code"], (string?)results[8]!["error"]!["code"]).ShouldBe(("BlobAlreadyExists", "ConditionNotMet"));
            ((int)results[10]!["size"]!, (long)(await TakeNotificationAsync(server))["blobSizeInBytes"]!).ShouldBe((0, 0));
            await ListsAndDeletesAsync(node, server, device);
        }
        await WithoutItsBucketAsync(node, server, device, port);
        server.Printed.ShouldNotContain("SecretAccessKey");
    }

    [Fact]
    public async Task A_bucket_takes_a_file_of_more_than_one_part()
    {
        var port = ServerSettings.FreePorts(1)[0];
        await using var server = await StartAsync($"Endpoint=http://{Address}:{port};Bucket=files;Region=eu-west-1;AccessKeyId=S3RVER;SecretAccessKey=S3RVER", null);
        var node = new NodeClient(server.Ready.CaFile);
        var device = await server.Hub.CreateDeviceAsync("dev1");
        await using var bucket = await BucketAsync(port);
        var ticket = (await RunAsync(node, server, device, new { ticket = "big.bin" }))[0]!["ticket"]!;
        var content = RandomNumberGenerator.GetBytes(70_000_000);
        await File.WriteAllBytesAsync(_folder.File("big.bin"), content);
        var put = await ExternalProgram.RunAsync("curl",
            ["-sS", "-i", "--cacert", server.Ready.CaFile, "-T", _folder.File("big.bin"), "-H", "x-ms-blob-type: BlockBlob", $"https://{server.Ready.Hub.HostName}/{Container}/dev1/big.bin{ticket["sasToken"]}"],
            TimeSpan.FromSeconds(120));
        put.Output.ShouldContain("HTTP/1.1 201 ", customMessage: put.ToString());
        DigestOfObject("dev1/big.bin").ShouldBe(Convert.ToHexStringLower(SHA256.HashData(content)));
        Directory.EnumerateFiles(Path.Combine(server.Settings.Data, "uploads"), "*", SearchOption.AllDirectories).ShouldBeEmpty("what the bucket has leaves the disk");
    }

    [Fact]
    public async Task An_account_takes_the_files_of_devices_that_the_hub_sends_there()
    {
        var port = ServerSettings.FreePorts(1)[0];
        await _pki.ServerAsync("azurite", Address);
        // Azurite's own well-known account.
        const string Key = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
        var account = $"DefaultEndpointsProtocol=https;AccountName=devstoreaccount1;AccountKey={Key};BlobEndpoint=https://{Address}:{port}/devstoreaccount1";
        // Loose: in its strict mode it refuses a header of the storage client that it has no use for.
        await using var azurite = new RunningScenario("azurite", ExternalProgram.Start("node",
            [Path.Combine(ServerProcess.Clients, "node_modules/azurite/dist/src/blob/main.js"), "--blobHost", Address, "--blobPort", $"{port}", "--location", _folder.File("azurite"),
             "--cert", _pki.PathOf("azurite.pem"), "--key", _pki.PathOf("azurite.key"), "--disableTelemetry", "--skipApiVersionCheck", "--loose"], null));
        await using var server = await StartAsync(account, new Dictionary<string, string>(StringComparer.Ordinal) { ["SSL_CERT_FILE"] = _pki.PathOf("azurite.pem") });
        await File.WriteAllTextAsync(_folder.File("trusted.pem"), await File.ReadAllTextAsync(server.Ready.CaFile) + await _pki.ReadAsync("azurite.pem"));
        var node = new NodeClient(_folder.File("trusted.pem"));
        await azurite.WaitForLineAsync("successfully listens");
        ((bool?)(await node.RunAsync("blob-account.mjs", new { connectionString = account, container = Container }))["created"]).ShouldBe(true);

        var device = await server.Hub.CreateDeviceAsync("dev1");
        var results = await RunAsync(node, server, device, new { upload = "logs/January.bin", size = 9_000_001 }, new { ticket = "f" });
        ((bool)results[0]!["ok"]!).ShouldBeTrue(results.ToJsonString());
        ((string?)results[1]!["ticket"]!["hostName"]).ShouldBe($"{Address}:{port}/devstoreaccount1");
        var note = await TakeNotificationAsync(server);
        ((string?)note["blobUri"], (long?)note["blobSizeInBytes"]).ShouldBe(($"https://{Address}:{port}/devstoreaccount1/{Container}/dev1/logs/January.bin", 9_000_001));
        var read = await node.RunAsync("blob-account.mjs", new { connectionString = account, container = Container, read = "dev1/logs/January.bin" });
        ((string?)read["digest"]).ShouldBe((string?)results[0]!["digest"]);
        server.Printed.ShouldNotContain(Key);
        foreach (var file in Directory.EnumerateFiles(server.Settings.Data, "*", SearchOption.AllDirectories).Where(f => Path.GetFileName(f) != "lock"))
            (await File.ReadAllBytesAsync(file)).AsSpan().IndexOf(System.Text.Encoding.ASCII.GetBytes(Key)).ShouldBe(-1, $"the key is in {file}");
    }

    private async Task<ServerProcess> StartAsync(string account, IReadOnlyDictionary<string, string>? environment)
    {
        await File.WriteAllTextAsync(_folder.File("account.txt"), account);
        var settings = new ServerSettings(_folder.File("data"), SharedServer.HttpsPort, SharedServer.MqttPort, SharedServer.CrlPort, SharedServer.AmqpPort) { Environment = environment };
        return await ServerProcess.StartAsync(settings, "--blob-storage", _folder.File("account.txt"));
    }

    private async Task<RunningScenario> BucketAsync(int port)
    {
        // s3rver hides where a page ended with DES, which OpenSSL has in its legacy provider only.
        var arguments = System.Text.Json.JsonSerializer.Serialize(new { port, directory = _folder.File("s3"), bucket = "files" });
        var running = new RunningScenario("s3rver", ExternalProgram.Start("node", ["--openssl-legacy-provider", Path.Combine(ServerProcess.Clients, "s3-store.mjs"), arguments], null));
        await running.WaitForEventAsync("listening");
        return running;
    }

    private static async Task ListsAndDeletesAsync(NodeClient node, ServerProcess server, TestDevice device)
    {
        var access = (await server.Hub.SendAsync(HttpMethod.Get, "homeport/v1/files/access")).Json;
        var (container, sas) = ((string)access["containerUri"]!, (string)access["sasToken"]!);
        var results = await RunAsync(node, server, device,
            new { list = container + sas, prefix = "dev1/", page = 1 }, new { drop = $"{container}/dev1/data.bin{sas}" }, new { drop = $"{container}/dev1/data.bin{sas}" }, new { list = container + sas });
        results[0]!["pages"]!.AsArray().SelectMany(p => p!.AsArray()).Select(b => ((string?)b!["name"], (long?)b["size"])).ShouldBe([("dev1/data.bin", 0), ("dev1/logs/January (1).bin", 9_000_001)]);
        ((int)results[1]!["status"]!, (string?)results[2]!["error"]!["code"]).ShouldBe((202, "BlobNotFound"));
        results[3]!["pages"]![0]!.AsArray().Count.ShouldBe(1);
    }

    /// <summary>A store that is away is an error that clients try again, and nothing that was acknowledged depends on it.</summary>
    private async Task WithoutItsBucketAsync(NodeClient node, ServerProcess server, TestDevice device, int port)
    {
        var away = await RunAsync(node, server, device, new { ticket = "later.bin" }, new { put = 1000 }, new { notify = true });
        ((string?)away[1]!["error"]!["code"]).ShouldBe("ServerBusy", away.ToJsonString());
        ((bool)away[2]!["ok"]!).ShouldBeFalse("the device reports again when the store is back");
        (await server.Hub.SendAsync(HttpMethod.Get, Notifications)).Status.ShouldBe((int)HttpStatusCode.NoContent);
        await using var bucket = await BucketAsync(port);
        var back = await RunAsync(node, server, device, new { ticket = "later.bin" }, new { put = 1000 }, new { notify = true });
        back.ShouldAllBe(r => (bool)r!["ok"]!, back.ToJsonString());
        ((long?)(await TakeNotificationAsync(server))["blobSizeInBytes"]).ShouldBe(1000);
    }

    /// <summary>How s3rver keeps an object.</summary>
    private string DigestOfObject(string key)
        => Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(Path.Combine(_folder.File("s3"), "files", key + "._S3rver_object"))));

    private static async Task<JsonArray> RunAsync(NodeClient node, ServerProcess server, TestDevice device, params object[] actions)
    {
        var connectionString = $"HostName={server.Ready.Hub.HostName};DeviceId={device.Id};SharedAccessKey={device.PrimaryKey}";
        return (await node.RunAsync("upload.mjs", new { connectionString, actions }))["results"]!.AsArray();
    }

    private static async Task<JsonNode> TakeNotificationAsync(ServerProcess server)
    {
        var answer = await server.Hub.SendAsync(HttpMethod.Get, Notifications);
        answer.Status.ShouldBe(200, answer.Body);
        (await server.Hub.SendAsync(HttpMethod.Delete, $"{Notifications}/{answer.Header("ETag")!.Trim('"')}")).Status.ShouldBe(204);
        return answer.Json;
    }
}
