using System.Diagnostics;
using System.Globalization;
using System.Reflection;

namespace Homeport.Tests.Device;

/// <summary>A queue on a real file system that is full: a small one in memory, mounted for this program and its children alone.</summary>
public sealed class FullDiskTests(TestCertificates certificates) : IClassFixture<TestCertificates>, IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("full-disk-test-").FullName;

    private static string Victim => typeof(FullDiskTests).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(a => a.Key == "QueueVictim").Value!;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public async Task What_was_accepted_before_the_disk_was_full_arrives_and_the_refusal_names_the_fix()
    {
        await using var hub = new FakeHub(certificates.Server);
        // No hub while the queue fills; then room, and a hub.
        const string Script = """
            set -e
            mount -t tmpfs -o size=2m none "$1"
            if dotnet "$2" "$1/queue.db" 1 "$4" 0; then echo "it never filled"; exit 9; fi
            mount -o remount,size=32m "$1"
            dotnet "$2" "$1/queue.db" "$3" "$4" drain
            """;
        using var process = Process.Start(new ProcessStartInfo("unshare",
            [.. Namespace(), "sh", "-c", Script, "sh", _directory, Victim, hub.Port.ToString(CultureInfo.InvariantCulture), certificates.CaFile])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        })!;
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync().WaitAsync(TimeSpan.FromMinutes(2));
        process.ExitCode.ShouldBe(0, await output + await error);
        (await error).ShouldContain("There is no room for the queue");
        (await error).ShouldContain("What was accepted before is safe");
        var accepted = (await output).Split('\n').Where(static line => line.Length > 0 && char.IsDigit(line[0])).Select(static line => int.Parse(line, CultureInfo.InvariantCulture)).Last();
        accepted.ShouldBeGreaterThan(1000);
        var arrived = hub.Stored.Distinct().Select(static text => int.Parse(text, CultureInfo.InvariantCulture)).ToList();
        // What was accepted and not said any more may be there as well.
        arrived.ShouldBe(Enumerable.Range(0, arrived.Count));
        arrived.Count.ShouldBeGreaterThan(accepted);
    }

    /// <summary>Who is not root may mount in a user namespace.</summary>
    private static string[] Namespace() => Environment.IsPrivilegedProcess ? ["--mount"] : ["--mount", "--map-root-user"];
}
