using System.Diagnostics;
using System.Globalization;
using System.Text;
using Homeport.Hub.Live;
using Homeport.Hub.Registry;
using Homeport.Hub.Twins;
using Homeport.Provisioning.Allocation;
using Homeport.Provisioning.Attestation;
using Homeport.Provisioning.Attestation.Tpm;
using Homeport.Provisioning.Bulk;
using Homeport.Provisioning.Certificates;
using Homeport.Provisioning.Enrollments;
using Homeport.Provisioning.Lifecycle;
using Homeport.Provisioning.Registrations;
using Homeport.Storage;
using Homeport.Storage.Sqlite;
using Homeport.Tests.Benchmarks.Measure;
using Microsoft.Data.Sqlite;

namespace Homeport.Tests.Benchmarks;

internal sealed record FleetOptions(int Devices, int Repeats);

/// <summary>
/// A fleet as its operators use it, by the code that the server has, in this process: the import of its CSV file, then pages of the list of
/// devices as the console shows them, with the identity of each row.
/// </summary>
internal static class FleetBenchmark
{
    private const int Page = 51;
    private static readonly string[] Sites = ["Aachen", "Berlin", "Cork", "Delft", "Espoo"];

    public static async Task<string> RunAsync(FleetOptions options, CancellationToken cancellationToken)
    {
        var folder = Directory.CreateTempSubdirectory("homeport-bench-");
        try
        {
            using var database = SqliteDatabase.Open(Path.Combine(folder.FullName, "homeport.db"));
            using var seal = SecretSeal.Open(Path.Combine(folder.FullName, "seal.key"));
            var live = new LiveConnections();
            var registry = new IdentityRegistry(new SqliteIdentityStore(database, seal, "hub1"), live, TimeProvider.System);
            var twins = new DeviceTwins(new SqliteTwinStore(database, "hub1"), registry, live, TimeProvider.System);
            var imported = await ImportAsync(Import(database, seal, registry, twins), options, cancellationToken);
            Mix(Path.Combine(folder.FullName, "homeport.db"));
            return $"{imported}\n{await ListAsync(new SqliteDeviceStore(database, "default"), registry, options, cancellationToken)}\n{Rounds.MachineLine()}";
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static DeviceImport Import(SqliteDatabase database, SecretSeal seal, IdentityRegistry registry, DeviceTwins twins)
    {
        var time = TimeProvider.System;
        var own = new OwnHub(registry, twins);
        var allocator = new HubAllocator([new LinkedHub("hub1.test", own)]);
        var enrollments = new EnrollmentService(new SqliteEnrollmentStore(database, seal, "default"), new SqliteEndorsementStore(database, "default"), allocator, time);
        var authorities = new ProvisioningAuthorities(new SqliteCertificateStore(database, "provisioning of default"), new SqliteRevocationStore(database, "default"), time);
        var attestation = new DeviceAttestation(enrollments, authorities, new ChallengeKeys(time), time);
        var registrations = new RegistrationService(attestation, new SqliteRegistrationStore(database, "default"), allocator, time);
        return new DeviceImport(registry, twins, new DeviceLifecycle(new SqliteDeviceStore(database, "default"), own, allocator, registrations, enrollments, time), enrollments, new ConnectionCredentials("0ne00000001", enrollments, authorities));
    }

    private static async Task<string> ImportAsync(DeviceImport import, FleetOptions options, CancellationToken cancellationToken)
    {
        var before = Resident();
        var half = 0L;
        var most = before;
        var window = new UsageWindow(Environment.ProcessId);
        await using var file = new DeviceCsv(options.Devices);
        var outcome = await import.RunAsync(file, new ImportOptions(), report =>
        {
            most = Math.Max(most, Resident());
            if (half == 0 && report.Processed >= options.Devices / 2)
                half = Resident();
        }, cancellationToken);
        var usage = window.Close();
        var report = outcome.Value ?? throw new InvalidDataException(outcome.Refusal!.Text);
        if (report.Created != options.Devices)
            throw new InvalidDataException($"{report.Created} of {options.Devices} rows made a device.");
        var table = new MarkdownTable("import", "rows", "seconds", "rows/s", "CPU s", "RSS before MB", "RSS half-way MB", "RSS most MB", "others' CPU");
        table.Add("CSV", $"{options.Devices:N0}", $"{usage.Elapsed.TotalSeconds:N0}", $"{options.Devices / usage.Elapsed.TotalSeconds:N0}", $"{usage.Server.TotalSeconds:N0}",
            $"{before / 1e6:N0}", $"{half / 1e6:N0}", $"{most / 1e6:N0}", $"{usage.OtherShare:P0}");
        return table.ToString();
    }

    /// <summary>A fleet in use: most devices came, some are blocked, a few wait, and half of them have a template.</summary>
    private static void Mix(string file)
    {
        using var connection = new SqliteConnection($"Data Source={file};Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = """
            UPDATE devices SET provisioned = substr(device_id, -2, 1) <> '7', blocked = substr(device_id, -2) = '13', approved = substr(device_id, -4) <> '4711',
                template = CASE WHEN substr(device_id, -1) < '5' THEN 'dtmi:com:example:Pump;' || substr(device_id, -1) END
            """;
        command.CommandTimeout = 600;
        command.ExecuteNonQuery();
    }

    private static async Task<string> ListAsync(SqliteDeviceStore devices, IdentityRegistry registry, FleetOptions options, CancellationToken cancellationToken)
    {
        var middle = (await devices.FindAsync(DeviceCsv.Id(options.Devices / 2), cancellationToken))!;
        (string Name, DeviceFilter Filter, DeviceFacts? After)[] queries =
        [
            ("first page", new DeviceFilter(), null),
            ("page in the middle", new DeviceFilter(), middle),
            ("state: blocked", new DeviceFilter { Status = DeviceStatus.Blocked }, null),
            ("state: waiting for approval", new DeviceFilter { Status = DeviceStatus.WaitingForApproval }, null),
            ("template", new DeviceFilter { Template = "dtmi:com:example:Pump;3" }, null),
            ("unassociated", new DeviceFilter { Unassociated = true }, null),
            ("search: whole id", new DeviceFilter { Search = DeviceCsv.Id(options.Devices - 7) }, null),
            ("search: beginning of all ids", new DeviceFilter { Search = "device-" }, null),
            ("search: beginning of a name", new DeviceFilter { Search = "espoo pump 00" }, null),
            ("search: nothing", new DeviceFilter { Search = "zzz" }, null),
            ("search and state", new DeviceFilter { Search = "device-0", Status = DeviceStatus.Blocked }, null),
            ("search by name and a rare state", new DeviceFilter { Search = "espoo", Status = DeviceStatus.WaitingForApproval }, null),
            ("ordered by name", new DeviceFilter { Order = DeviceOrder.Name }, null),
            ("ordered by name, the middle", new DeviceFilter { Order = DeviceOrder.Name }, middle),
            ("condition: part of a name", new DeviceFilter { Where = d => d.DisplayName!.Contains("999", StringComparison.Ordinal) }, null),
        ];
        var table = new MarkdownTable("list", "rows", "first ms", "p50 ms", "most ms");
        foreach (var (name, filter, after) in queries)
        {
            var times = new List<double>();
            var rows = 0;
            for (var i = 0; i <= options.Repeats; i++)
            {
                var start = Stopwatch.GetTimestamp();
                var page = await devices.ListAsync(filter, after, Page, cancellationToken);
                foreach (var device in page)
                    await registry.GetAsync(device.DeviceId, null, cancellationToken);
                times.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
                rows = page.Count;
            }
            var warm = times.Skip(1).Order().ToList();
            table.Add(name, $"{rows}", Milliseconds(times[0]), Milliseconds(warm[warm.Count / 2]), Milliseconds(warm[^1]));
        }
        var counting = Stopwatch.GetTimestamp();
        var counts = await devices.CountAsync(cancellationToken);
        table.Add("count of each state", $"{counts.Count}", Milliseconds(Stopwatch.GetElapsedTime(counting).TotalMilliseconds), "", "");
        return table.ToString();
    }

    private static string Milliseconds(double value) => value.ToString("N1", CultureInfo.InvariantCulture);

    private static long Resident() => ProcessUsage.ResidentBytes(Environment.ProcessId);

    /// <summary>A CSV of devices that is made while it is read.</summary>
    private sealed class DeviceCsv(int count) : MadeText("IOTC_DEVICEID,IOTC_DEVICENAME,TAG:site\r\n", count)
    {
        public static string Id(int number) => $"device-{number:D7}";

        protected override string Row(int number)
        {
            var site = Sites[number % Sites.Length];
            return $"{Id(number)},{site} pump {number / Sites.Length:D6},{site}\r\n";
        }
    }
}

/// <summary>A text whose rows are made while it is read.</summary>
/// <param name="head">The first rows.</param>
/// <param name="count">Rows behind them.</param>
internal abstract class MadeText(string head, int count) : Stream
{
    private byte[] _row = Encoding.UTF8.GetBytes(head);
    private int _at;
    private int _made;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    protected abstract string Row(int number);

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override int Read(Span<byte> buffer)
    {
        var written = 0;
        while (written < buffer.Length && (_at < _row.Length || Next()))
        {
            var part = _row.AsSpan(_at, Math.Min(_row.Length - _at, buffer.Length - written));
            part.CopyTo(buffer[written..]);
            (_at, written) = (_at + part.Length, written + part.Length);
        }
        return written;
    }

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    private bool Next()
    {
        if (_made == count)
            return false;
        (_row, _at) = (Encoding.UTF8.GetBytes(Row(_made)), 0);
        _made++;
        return true;
    }
}
