using System.Text;
using System.Text.Json.Nodes;
using Homeport.Tests.Interop.Harness;

namespace Homeport.Tests.Interop;

/// <summary>Requests and refusals over HTTPS as curl sees them.</summary>
[Collection(SharedServerTests.Name)]
public sealed class HttpsTests(SharedServer shared)
{
    private string Host => shared.Server.Ready.Hub.HostName;

    [Fact]
    public async Task An_unknown_path_is_not_found_in_the_shape_of_every_error()
    {
        var answer = await CurlAsync("/no/such/path?api-version=2021-04-12", authorized: true);
        answer.Status.ShouldBe(404);
        ShouldBeHubError(answer);
    }

    [Theory]
    [InlineData("GET", "/devices/{id}", null, 404, "DeviceNotFound")]
    [InlineData("DELETE", "/devices/{id}", null, 404, "DeviceNotFound")]
    [InlineData("GET", "/devices/{id}/modules/m", null, 404, null)]
    [InlineData("PUT", "/devices/{id}", "{ this is not JSON", 400, null)]
    [InlineData("PUT", "/devices/{id}", "{\"deviceId\":\"another\"}", 400, null)]
    public async Task A_refusal_names_its_code_in_header_and_body(string method, string path, string? body, int status, string? code)
    {
        var answer = await CurlAsync(path.Replace("{id}", SharedServer.NewId("none"), StringComparison.Ordinal) + "?api-version=2021-04-12", method, body, authorized: true);
        answer.Status.ShouldBe(status, answer.Body);
        ShouldBeHubError(answer);
        if (code is not null)
            answer.Headers["iothub-errorcode"].ShouldBe(code);
    }

    [Fact]
    public async Task A_request_without_a_token_is_unauthorized()
    {
        var answer = await CurlAsync("/devices/any?api-version=2021-04-12");
        answer.Status.ShouldBe(401);
        ShouldBeHubError(answer);
        answer.Headers["iothub-errorcode"].ShouldStartWith("IotHubUnauthorized");
    }

    [Fact]
    public async Task The_key_of_a_device_does_not_open_the_registry()
    {
        var device = await shared.Server.Hub.CreateDeviceAsync(SharedServer.NewId("curious"));
        var answer = await shared.Server.Hub.SendAsync(HttpMethod.Get, $"devices/{device.Id}", token: SasToken.ForDevice(Host, device.Id, device.PrimaryKey));
        answer.Status.ShouldBe(401, answer.Body);
    }

    [Fact]
    public async Task An_expired_token_of_a_policy_is_unauthorized()
    {
        var token = SasToken.ForService(shared.Server.Hub.Credential, TimeSpan.FromHours(-1));
        (await shared.Server.Hub.SendAsync(HttpMethod.Get, "devices/any", token: token)).Status.ShouldBe(401);
    }

    [Fact]
    public async Task A_missing_api_version_is_a_bad_request()
    {
        var device = await shared.Server.Hub.CreateDeviceAsync(SharedServer.NewId("version"));
        var answer = await CurlAsync($"/devices/{device.Id}", authorized: true);
        answer.Status.ShouldBe(400);
        ShouldBeHubError(answer);
    }

    [Theory]
    [InlineData("/devices/{id}?api-version=2016-11-14")]
    [InlineData("/Devices/{id}?api-version=2021-04-12")]
    [InlineData("/DEVICES/{id}/?api-version=2030-01-01")]
    public async Task Paths_ignore_case_and_a_last_slash_and_every_version_is_spoken(string path)
    {
        var device = await shared.Server.Hub.CreateDeviceAsync(SharedServer.NewId("case"));
        var answer = await CurlAsync(path.Replace("{id}", device.Id, StringComparison.Ordinal), authorized: true);
        answer.Status.ShouldBe(200, answer.Body);
        answer.Headers["content-type"].ShouldBeOneOf("application/json; charset=utf-8", "application/json; charset=UTF-8");
        ((string?)JsonNode.Parse(answer.Body)!["deviceId"]).ShouldBe(device.Id);
    }

    [Fact]
    public async Task A_body_of_many_megabytes_is_refused()
    {
        var body = $"{{\"deviceId\":\"big\",\"statusReason\":\"{new string('x', 5_000_000)}\"}}";
        using var folder = new TempFolder();
        await File.WriteAllTextAsync(folder.File("body.json"), body);
        var answer = await CurlAsync("/devices/big?api-version=2021-04-12", "PUT", "@" + folder.File("body.json"), authorized: true);
        (answer.Status, answer.Headers["iothub-errorcode"]).ShouldBe((413, "MessageTooLarge"));
    }

    /// <summary>A client that sends all before it reads: a reset would take the answer away from it.</summary>
    [Theory]
    [InlineData("Content-Length: 16777216", 16)]
    [InlineData("Transfer-Encoding: chunked", 16)]
    public async Task The_answer_to_a_too_large_body_waits_for_the_one_who_is_still_sending(string framing, int megabytes)
    {
        await using var stream = await OpenPutAsync(framing);
        for (var i = 0; i < megabytes; i++)
            await SendMegabyteAsync(stream, chunked: framing.StartsWith('T'));
        var text = await new StreamReader(stream).ReadToEndAsync().WaitAsync(TimeSpan.FromSeconds(30));
        text.ShouldStartWith("HTTP/1.1 413 ");
        text.ShouldContain("Connection: close");
        text.ShouldEndWith("}");
    }

    [Fact]
    public async Task One_who_never_stops_sending_is_cut_off()
    {
        await using var stream = await OpenPutAsync("Content-Length: 1099511627776");
        var sent = 0;
        await Should.ThrowAsync<IOException>(async () =>
        {
            for (; sent < 400; sent++)
                await SendMegabyteAsync(stream, chunked: false);
        });
        sent.ShouldBeInRange(16, 200);
    }

    private async Task<Stream> OpenPutAsync(string framing)
    {
        var stream = await shared.Server.Trust.ConnectTlsAsync(SharedServer.HttpsPort);
        var token = SasToken.ForService(shared.Server.Hub.Credential);
        await stream.WriteAsync(Encoding.ASCII.GetBytes(
            $"PUT /devices/big?api-version=2021-04-12 HTTP/1.1\r\nHost: {Host}\r\nAuthorization: {token}\r\nContent-Type: application/json\r\n{framing}\r\n\r\n"));
        return stream;
    }

    private static async Task SendMegabyteAsync(Stream stream, bool chunked)
    {
        if (chunked)
            await stream.WriteAsync("100000\r\n"u8.ToArray());
        await stream.WriteAsync(Enumerable.Repeat((byte)' ', 1024 * 1024).ToArray());
        if (chunked)
            await stream.WriteAsync("\r\n"u8.ToArray());
    }

    private static void ShouldBeHubError(CurlAnswer answer)
    {
        answer.Headers["content-type"].ShouldStartWith("application/json");
        var code = answer.Headers.GetValueOrDefault("iothub-errorcode").ShouldNotBeNull("the header iothub-errorcode");
        var body = JsonNode.Parse(answer.Body)!;
        ((string?)body["Message"]).ShouldNotBeNull().ShouldStartWith($"ErrorCode:{code};");
        ((string?)body["ExceptionMessage"]).ShouldNotBeNull().ShouldStartWith("Tracking ID:");
    }

    private async Task<CurlAnswer> CurlAsync(string path, string method = "GET", string? body = null, bool authorized = false)
    {
        List<string> arguments = ["-sS", "-i", "--http1.1", "--cacert", shared.Server.Ready.CaFile, "-X", method, $"https://{Host}{path}"];
        // Sends without asking first, as most clients do.
        arguments.AddRange(["-H", "Expect:"]);
        if (authorized)
            arguments.AddRange(["-H", "Authorization: " + SasToken.ForService(shared.Server.Hub.Credential)]);
        if (body is not null)
            arguments.AddRange(["-H", "Content-Type: application/json", "--data-binary", body]);
        var result = await ExternalProgram.RunAsync("curl", arguments);
        result.Output.ShouldNotBeEmpty(result.ToString());
        return CurlAnswer.Parse(result.Output);
    }

    private sealed record CurlAnswer(int Status, IReadOnlyDictionary<string, string> Headers, string Body)
    {
        public static CurlAnswer Parse(string text)
        {
            var parts = text.ReplaceLineEndings("\n").Split("\n\n", 2);
            var lines = parts[0].Split('\n');
            var headers = lines.Skip(1).Select(l => l.Split(": ", 2)).GroupBy(h => h[0], StringComparer.OrdinalIgnoreCase)
                .ToDictionary(g => g.Key, g => g.First()[1], StringComparer.OrdinalIgnoreCase);
            return new CurlAnswer(int.Parse(lines[0].Split(' ')[1]), headers, parts[1]);
        }
    }
}
