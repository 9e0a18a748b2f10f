using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Homeport.Tests.Interop.Harness;

namespace Homeport.Tests.Interop;

/// <summary>The token service: the sample of the documentation stands between devices with passwords and the hub, mosquitto is the device.</summary>
[Collection(SharedServerTests.Name)]
public sealed class TokenServiceTests(SharedServer shared) : IDisposable
{
    private readonly TempFolder _folder = new();

    private string Host => shared.Server.Ready.Hub.HostName;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_device_without_a_key_gets_a_token_for_itself_from_the_sample()
    {
        var id = SharedServer.NewId("token");
        await shared.Server.Hub.CreateDeviceAsync(id, new JsonObject { ["type"] = "none" });
        await File.WriteAllTextAsync(_folder.File("devices.json"), new JsonObject { [id] = Convert.ToHexStringLower(SHA256.HashData("letmein"u8)) }.ToJsonString());
        var sample = Path.GetFullPath(Path.Combine(ServerProcess.Clients, "../../../samples/token-service/token-service.mjs"));
        using var process = ExternalProgram.Start("node", [sample], new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["HOMEPORT_CONNECTION_STRING"] = shared.Server.Ready.Hub.ServiceConnectionString,
            ["NODE_EXTRA_CA_CERTS"] = shared.Server.Ready.CaFile,
            ["DEVICES"] = _folder.File("devices.json"),
            ["PORT"] = "0",
        });
        try
        {
            var line = await process.StandardOutput.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(20));
            var address = line.ShouldNotBeNull()["token service at ".Length..];
            (await CurlAsync(address, $"{id}:wrong")).ShouldEndWith("401");
            var given = await CurlAsync(address, $"{id}:letmein");
            given.ShouldEndWith("200");
            var token = (string)JsonNode.Parse(given[..^3])!["token"]!;
            token.ShouldContain("skn=");
            (await PublishAsync(id, token)).ExitCode.ShouldBe(0);
            (await shared.Server.Reader.SingleAsync(id)).Text.ShouldBe("by token");
            var other = await shared.Server.Hub.CreateDeviceAsync(SharedServer.NewId("other"), new JsonObject { ["type"] = "none" });
            (await PublishAsync(other.Id, token)).ExitCode.ShouldNotBe(0, "it is for one device alone");
        }
        finally
        {
            process.Kill(entireProcessTree: true);
        }
    }

    [Theory]
    [InlineData("""{"expiresInSeconds":30}""", 400)]
    [InlineData("""{"expiresInSeconds":100000}""", 400)]
    [InlineData("""{"moduleId":"m1"}""", 404)]
    [InlineData("{", 400)]
    public async Task What_cannot_be_given_is_refused(string body, int status)
    {
        var device = await shared.Server.Hub.CreateDeviceAsync(SharedServer.NewId("refused"));
        var answer = await ExternalProgram.RunAsync("curl", ["-s", "--cacert", shared.Server.Ready.CaFile, "-X", "POST", "-H", "Authorization: " + SasToken.ForService(shared.Server.Hub.Credential),
            "-H", "Content-Type: application/json", "-d", body, "-w", "%{http_code}", $"https://{Host}/homeport/v1/devices/{device.Id}/token"]);
        answer.Output.Trim().ShouldEndWith($"{status}");
    }

    private static async Task<string> CurlAsync(string address, string user)
        => (await ExternalProgram.RunAsync("curl", ["-s", "-X", "POST", "-u", user, "-w", "%{http_code}", address])).Output.Trim();

    private Task<ProgramResult> PublishAsync(string id, string token) => ExternalProgram.RunAsync("mosquitto_pub", [
        "-h", Host, "-p", $"{SharedServer.MqttPort}", "--cafile", shared.Server.Ready.CaFile, "-V", "mqttv311", "-i", id, "-u", $"{Host}/{id}/?api-version=2021-04-12", "-P", token,
        "-q", "1", "-t", $"devices/{Uri.EscapeDataString(id)}/messages/events/", "-m", "by token"]);
}
