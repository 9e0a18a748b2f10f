using System.Diagnostics;
using System.Globalization;
using System.Reflection;

namespace Homeport.Tests.Device;

/// <summary>
/// A device is killed at random moments while it accepts and sends messages, and started again on the same queue. Nothing that was accepted may be
/// missing at the hub, and what arrives for the first time arrives in order. The environment variable KILL_POINTS sets how often; 500 for the long run.
/// </summary>
public sealed class KillTests(TestCertificates certificates) : IClassFixture<TestCertificates>, IDisposable
{
    private const int DefaultKills = 15;

    private readonly string _directory = Directory.CreateTempSubdirectory("kill-test-").FullName;

    private static int Kills => int.TryParse(Environment.GetEnvironmentVariable("KILL_POINTS"), CultureInfo.InvariantCulture, out var kills) ? kills : DefaultKills;

    private static string Victim => typeof(KillTests).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(a => a.Key == "QueueVictim").Value!;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public async Task No_accepted_message_is_lost_or_overtaken_when_the_device_is_killed()
    {
        var random = new Random(4711);
        await using var hub = new FakeHub(certificates.Server);
        var intervals = new List<(long From, long Through)>();
        var next = 0L;
        for (var kill = 0; kill < Kills; kill++)
        {
            using var victim = Start(hub, next.ToString(CultureInfo.InvariantCulture));
            (await victim.StandardOutput.ReadLineAsync()).ShouldBe("ready", await Rest(victim));
            // One in five dies before it has said anything, the others within a tenth of a second after; some while the hub has cut the connection.
            var said = random.Next(5) == 0 ? "" : await victim.StandardOutput.ReadLineAsync() + "\n";
            var moment = Task.Delay(TimeSpan.FromMilliseconds(random.NextDouble() * random.NextDouble() * 100));
            if (random.Next(4) == 0)
                hub.Cut();
            await moment;
            victim.Kill();
            var accepted = Last(said + await victim.StandardOutput.ReadToEndAsync());
            await victim.WaitForExitAsync();
            // What was not said may have been accepted as well; the next one goes on behind it.
            next = (kill + 1) * 1_000_000L;
            if (accepted >= kill * 1_000_000L)
                intervals.Add((kill * 1_000_000L, accepted));
        }

        using var last = Start(hub, "drain");
        await last.WaitForExitAsync().WaitAsync(TimeSpan.FromMinutes(1));
        last.ExitCode.ShouldBe(0, await last.StandardError.ReadToEndAsync());

        var first = hub.Stored.Select(text => long.Parse(text, CultureInfo.InvariantCulture)).Distinct().ToList();
        first.SequenceEqual(first.Order()).ShouldBeTrue("a message overtook another");
        var stored = first.ToHashSet();
        foreach (var (from, through) in intervals)
        {
            for (var number = from; number <= through; number++)
                stored.ShouldContain(number, $"message {number} was accepted and is lost");
        }

        intervals.Count.ShouldBeGreaterThan(Kills / 2);
    }

    private static long Last(string output)
    {
        // A line that was cut off by the kill says nothing.
        var lines = output.Split('\n')[..^1];
        return lines.Length == 0 ? -1 : long.Parse(lines[^1], CultureInfo.InvariantCulture);
    }

    private static async Task<string> Rest(Process process) => process.HasExited ? await process.StandardError.ReadToEndAsync() : "";

    private Process Start(FakeHub hub, string number) => Process.Start(new ProcessStartInfo("dotnet",
        [Victim, Path.Combine(_directory, "queue.db"), hub.Port.ToString(CultureInfo.InvariantCulture), certificates.CaFile, number])
    {
        RedirectStandardOutput = true,
        RedirectStandardError = true,
        UseShellExecute = false,
    })!;
}
