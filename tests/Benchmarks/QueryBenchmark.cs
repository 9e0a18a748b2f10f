using System.Diagnostics;
using System.Text;
using Homeport.Tests.Benchmarks.Load;
using Homeport.Tests.Benchmarks.Measure;
using Homeport.Tests.Benchmarks.Targets;

namespace Homeport.Tests.Benchmarks;

internal sealed record QueryOptions(int Devices, int Repeats);

/// <summary>
/// Queries over many twins: a filter that has no index reads them all, an aggregate too, and one on a tag, an id or the status uses its
/// index. Each is asked for a first page; a scan that finds nothing reads everything for it.
/// </summary>
internal static class QueryBenchmark
{
    private const int Ok = 200;
    private const int Bulk = 100;
    private const int Callers = 4;

    private static readonly (string Name, string Query)[] Queries =
    [
        ("scan: desired and reported property, no match", "SELECT deviceId FROM devices WHERE properties.desired.interval > 100 AND properties.desired.mode = 'none'"),
        ("scan: one match", "SELECT * FROM devices WHERE properties.desired.serial = 'serial-77777'"),
        ("scan: COUNT of all", "SELECT COUNT() AS n FROM devices"),
        ("scan: COUNT with a condition", "SELECT COUNT() AS n FROM devices WHERE properties.desired.interval >= 30"),
        ("scan: AVG, MIN, MAX by group", "SELECT properties.desired.mode AS mode, COUNT() AS n, AVG(properties.desired.interval) AS mean, MIN(properties.desired.interval) AS least FROM devices GROUP BY properties.desired.mode"),
        ("index: tag, 100 of them", "SELECT * FROM devices WHERE tags.line = 'line-777'"),
        ("index: id", "SELECT * FROM devices WHERE deviceId = 'bench-0000077777'"),
        ("index: start of the id, 1,000 of them", "SELECT deviceId FROM devices WHERE STARTSWITH(deviceId, 'bench-0000077')"),
        ("index: status, none disabled", "SELECT deviceId FROM devices WHERE status = 'disabled'"),
    ];

    public static async Task<string> RunAsync(TargetSet targets, QueryOptions options, CancellationToken cancellationToken)
    {
        await using var server = await targets.StartAsync(TargetSet.Homeport, devices: 1, cancellationToken);
        var endpoint = await server.ProbeHttpsAsync(cancellationToken);
        var requests = server.Requests();
        var watch = Stopwatch.StartNew();
        var next = -1;
        await Task.WhenAll(Enumerable.Range(0, Callers).Select(_ => CreateAsync(endpoint, requests, () => Interlocked.Increment(ref next), options.Devices, cancellationToken)));
        var created = options.Devices / watch.Elapsed.TotalSeconds;

        var table = new MarkdownTable("query", "first ms", "median ms", "worst ms", "server CPU ms", "answer bytes", "others' CPU");
        await using var caller = new HttpCaller(await endpoint.OpenAsync(cancellationToken));
        foreach (var (name, query) in Queries)
        {
            var post = requests.Post("/devices/query", "application/json; charset=utf-8", Encoding.UTF8.GetBytes($$"""{"query":"{{query}}"}"""));
            var times = new List<double>();
            var window = new UsageWindow(server.Address.ProcessId);
            var bytes = 0L;
            for (var i = 0; i < options.Repeats; i++)
            {
                var start = Stopwatch.GetTimestamp();
                bytes = (await caller.CallAsync(post, Ok, cancellationToken)).Length;
                times.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
            }
            var usage = window.Close();
            var first = times[0];
            times.Sort();
            table.Add(name, $"{first:N0}", $"{times[times.Count / 2]:N0}", $"{times[^1]:N0}", $"{usage.Server.TotalMilliseconds / options.Repeats:N0}", $"{bytes:N0}", $"{usage.OtherShare:P0}");
        }
        return $"{options.Devices:N0} devices with twins, created at {created:N0} a second in bulk; RSS {ProcessUsage.ResidentBytes(server.Address.ProcessId) / 1e6:N0} MB.\n\n{table}\n{Rounds.MachineLine()}";
    }

    private static async Task CreateAsync(TlsEndpoint endpoint, HttpRequests requests, Func<int> next, int devices, CancellationToken cancellationToken)
    {
        await using var caller = new HttpCaller(await endpoint.OpenAsync(cancellationToken));
        for (var bulk = next(); bulk * Bulk < devices; bulk = next())
        {
            var elements = Enumerable.Range(bulk * Bulk, Math.Min(Bulk, devices - (bulk * Bulk))).Select(Element);
            await caller.CallAsync(requests.Post("/devices", "application/json; charset=utf-8", Encoding.UTF8.GetBytes($"[{string.Join(',', elements)}]")), Ok, cancellationToken);
        }
    }

    private static string Element(int i) => $$$"""
        {"id":"bench-{{{i:D10}}}","importMode":"create","status":"enabled","authentication":{"type":"none"},"tags":{"line":"line-{{{i % 1000}}}","site":{"name":"site-{{{i % 17}}}"} },
        "properties":{"desired":{"interval":{{{i % 60}}},"mode":"{{{(i % 3 == 0 ? "eco" : "normal")}}}","serial":"serial-{{{i}}}","limits":{"low":{{{i % 10}}},"high":{{{(i % 10) + 50}}}} } } }
        """;
}
