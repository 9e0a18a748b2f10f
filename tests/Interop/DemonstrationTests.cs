using System.Diagnostics;
using Homeport.Tests.Interop.Harness;

namespace Homeport.Tests.Interop;

/// <summary>The demonstration, as a user starts it, with a software TPM.</summary>
public sealed class DemonstrationTests
{
    [Fact]
    public async Task It_plays_from_the_tpm_to_the_stored_message_and_stops_with_the_server()
    {
        using var folder = new TempFolder();
        await using var server = await ServerProcess.StartAsync(new ServerSettings(folder.Path), "--demo");
        await PrintedAsync(server, "PUBACK: the message is on the hub's disk");
        foreach (var step in new[] { "registration id = base32(SHA-256(EK))", "401 Unauthorized", "202 Accepted", "new TpmDevice(0).GetSASToken()", "CONNACK 0" })
            server.Printed.ShouldContain(step);
        var registration = server.Printed.Split("base32(SHA-256(EK)): ")[1].Split('\n')[0].Trim();
        await PrintedAsync(server, $"{registration}: {{\"number\":2");
        (await server.Reader.WaitAsync(registration, 2))[0].Text.ShouldBe("""{"number":1,"temperature":20.4}""");

        // Keys are shown with their beginning at most.
        var key = (string)(await server.Hub.SendAsync(HttpMethod.Get, $"devices/{registration}")).Json["authentication"]!["symmetricKey"]!["primaryKey"]!;
        server.Printed.ShouldNotContain(key[..16]);

        var (exitCode, took) = await server.StopAsync();
        exitCode.ShouldBe(0);
        took.ShouldBeLessThan(TimeSpan.FromSeconds(5));
        Process.GetProcessesByName("swtpm").Count(p => CommandLine(p).Contains(folder.Path, StringComparison.Ordinal)).ShouldBe(0, "the software TPM ends with the server");
    }

    private static string CommandLine(Process process) => File.Exists($"/proc/{process.Id}/cmdline") ? File.ReadAllText($"/proc/{process.Id}/cmdline") : "";

    private static async Task PrintedAsync(ServerProcess server, string text)
    {
        var watch = Stopwatch.StartNew();
        while (!server.Printed.Contains(text, StringComparison.Ordinal))
        {
            watch.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(60), $"'{text}' was not printed, but:\n{server.Printed}");
            await Task.Delay(50);
        }
    }
}
