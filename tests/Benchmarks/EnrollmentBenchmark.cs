using System.Diagnostics;
using System.Security.Cryptography;
using Homeport.Provisioning.Allocation;
using Homeport.Provisioning.Enrollments;
using Homeport.Storage;
using Homeport.Storage.Sqlite;
using Homeport.Tests.Benchmarks.Load;
using Homeport.Tests.Benchmarks.Measure;
using Homeport.Tests.Benchmarks.Targets;

namespace Homeport.Tests.Benchmarks;

internal sealed record EnrollmentOptions(int Count, int LookUps);

/// <summary>
/// Many enrollments: how long one is looked for among them, by the store that the server has, in this process; and how long a server takes for
/// the CSV of as many endorsement keys.
/// </summary>
internal static class EnrollmentBenchmark
{
    private const int Writers = 2000;

    public static async Task<string> RunAsync(TargetSet targets, EnrollmentOptions options, CancellationToken cancellationToken)
    {
        var table = new MarkdownTable("enrollments", "of each kind", "stored/s", "file MB", "look-up p50 µs", "look-up p99 µs", "RSS before MB", "RSS behind MB");
        var folder = Directory.CreateTempSubdirectory("homeport-bench-");
        try
        {
            foreach (var kind in Enum.GetValues<AttestationType>())
                table.Add(await MeasureAsync(kind, folder.FullName, options, cancellationToken));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
        return $"{table}\n{await ImportAsync(targets, options.Count, cancellationToken)}\n{Rounds.MachineLine()}";
    }

    private static async Task<string[]> MeasureAsync(AttestationType kind, string folder, EnrollmentOptions options, CancellationToken cancellationToken)
    {
        var file = Path.Combine(folder, $"{kind}.db");
        using var database = SqliteDatabase.Open(file);
        using var seal = SecretSeal.Open(Path.Combine(folder, "seal.key"));
        var store = new SqliteEnrollmentStore(database, seal, "default");
        var watch = Stopwatch.StartNew();
        var next = -1;
        await Task.WhenAll(Enumerable.Range(0, Writers).Select(async _ =>
        {
            for (var i = Interlocked.Increment(ref next); i < options.Count; i = Interlocked.Increment(ref next))
                await store.InsertAsync(Make(kind, i), int.MaxValue, cancellationToken);
        }));
        var rate = options.Count / watch.Elapsed.TotalSeconds;
        var service = new EnrollmentService(store, new SqliteEndorsementStore(database, "default"), new HubAllocator([]), TimeProvider.System);
        var before = Resident();
        var latencies = new LatencyHistogram();
        for (var i = 0; i < options.LookUps; i++)
        {
            var start = Stopwatch.GetTimestamp();
            var found = await service.GetAsync(EnrollmentKind.Individual, Id(Random.Shared.Next(options.Count)), cancellationToken);
            latencies.Add(Stopwatch.GetTimestamp() - start, 1);
            if (found.Value is null)
                throw new InvalidDataException("An enrollment is not found.");
        }
        return
        [
            kind.ToString(), $"{options.Count:N0}", $"{rate:N0}", $"{new FileInfo(file).Length / 1e6:N0}", $"{latencies.Quantile(0.5).TotalMicroseconds:N0}",
            $"{latencies.Quantile(0.99).TotalMicroseconds:N0}", $"{before / 1e6:N0}", $"{Resident() / 1e6:N0}",
        ];
    }

    private static async Task<string> ImportAsync(TargetSet targets, int count, CancellationToken cancellationToken)
    {
        await using var server = await targets.StartAsync(TargetSet.Homeport, devices: 1, cancellationToken);
        using var client = new ProvisioningServiceClient(server.Ready);
        await client.PutAsync("enrollmentGroups/list", new { enrollmentGroupId = "list", attestation = new { type = "tpm", tpm = new { } } }, cancellationToken);
        var before = ProcessUsage.ResidentBytes(server.Address.ProcessId);
        var (lines, last) = (0, "");
        var window = new UsageWindow(server.Address.ProcessId);
        await client.PostAsync("enrollmentGroups/list/endorsementKeys", new EndorsementCsv(count), line => (lines, last) = (lines + 1, line), cancellationToken);
        var usage = window.Close();
        var table = new MarkdownTable("import of endorsement keys", "seconds", "keys/s", "server CPU s", "progress lines", "RSS before MB", "RSS behind MB", "others' CPU");
        table.Add(
            $"{count:N0}", $"{usage.Elapsed.TotalSeconds:N1}", $"{count / usage.Elapsed.TotalSeconds:N0}", $"{usage.Server.TotalSeconds:N1}", $"{lines}",
            $"{before / 1e6:N0}", $"{ProcessUsage.ResidentBytes(server.Address.ProcessId) / 1e6:N0}", $"{usage.OtherShare:P0}");
        return $"{table}\nLast line: `{last}`";
    }

    private static Enrollment Make(AttestationType kind, int number) => new()
    {
        Kind = EnrollmentKind.Individual,
        Id = Id(number),
        ETag = $"{number}",
        Created = DateTimeOffset.UnixEpoch,
        Updated = DateTimeOffset.UnixEpoch,
        Settings = new EnrollmentSettings(),
        Attestation = kind switch
        {
            AttestationType.SymmetricKey => new AttestationMechanism(kind, RandomNumberGenerator.GetBytes(64), RandomNumberGenerator.GetBytes(64)),
            AttestationType.Tpm => new AttestationMechanism(kind, EndorsementKey: RandomNumberGenerator.GetBytes(316)),
            _ => new AttestationMechanism(kind, Certificates: new EnrolledCertificates(CertificateUse.Client, RandomNumberGenerator.GetBytes(800))),
        },
    };

    private static string Id(int number) => $"device-{number:D7}-of-the-benchmark";

    private static long Resident() => ProcessUsage.ResidentBytes(Environment.ProcessId);
}

/// <summary>A CSV of endorsement keys that are made while it is read: one key's text with another modulus in each row.</summary>
internal sealed class EndorsementCsv(int count) : MadeText("endorsementKey\n", count)
{
    private const int ModulusAt = 60;
    private static readonly byte[] Head = Convert.FromHexString("013A0001000B000300B20020837197674484B3F81A90CC8D46A5D724FD52D76E06520B64F2A1DA1B331469AA00060080004300100800000000000100");
    private readonly byte[] _key = new byte[316];

    protected override string Row(int number)
    {
        Head.CopyTo(_key, 0);
        RandomNumberGenerator.Fill(_key.AsSpan(ModulusAt));
        _key[ModulusAt] |= 0x80;
        _key[^1] |= 1;
        return Convert.ToBase64String(_key) + "\n";
    }
}
