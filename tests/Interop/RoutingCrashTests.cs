using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Homeport.Tests.Interop.Harness;

namespace Homeport.Tests.Interop;

/// <summary>
/// Routing over kill -9: the server ends while deliveries are under way, between the receiver's answer and the note of it too. The receiver
/// is others' code, see <see cref="RoutingTests"/>.
/// </summary>
public sealed class RoutingCrashTests(ConsoleBrowser console) : IClassFixture<ConsoleBrowser>, IDisposable
{
    private const string Address = "127.0.0.1";
    private const int Devices = 4;
    private const int Rounds = 3;
    private const int PerRound = 60;
    private readonly OpenSslPki _pki = new();
    private readonly TempFolder _folder = new();

    public void Dispose()
    {
        _pki.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task Every_acknowledged_message_reaches_the_webhook_in_the_order_of_its_device()
    {
        await _pki.ServerAsync("receiver", Address);
        var port = ServerSettings.FreePorts(1)[0];
        var routing = await RoutingOperator.SignInAsync(console);
        var endpoint = new JsonObject { ["type"] = "webhook", ["url"] = $"https://{Address}:{port}/", ["certificateAuthority"] = await _pki.ReadAsync("receiver.pem") };
        await routing.RouteAsync("crash", endpoint, "starts_with($connectionDeviceId, 'crash-')");
        // It answers late, so that the kill meets deliveries that were taken and not confirmed.
        await using var receiver = new NodeClient(console.Server.Ready.CaFile).Start("webhook-receiver.mjs",
            new { port, cert = _pki.PathOf("receiver.pem"), key = _pki.PathOf("receiver.key"), file = _folder.File("events.jsonl"), delay = 50 });
        await receiver.WaitForEventAsync("listening");
        var senders = new List<Sender>();
        for (var i = 0; i < Devices; i++)
            senders.Add(new Sender(await console.Server.Hub.CreateDeviceAsync($"crash-{i}")));

        var server = console.Server;
        for (var round = 1; round <= Rounds; round++)
        {
            var running = server;
            await Task.WhenAll(senders.Select(s => s.SendAsync(running, PerRound)));
            await server.KillAsync();
            if (server != console.Server)
                await server.DisposeAsync();
            server = await ServerProcess.StartAsync(console.Server.Settings);
        }
        await using var last = server;
        var arrived = await UntilAllAsync(senders, last);
        foreach (var sender in senders)
        {
            // What comes again comes in order too, from an earlier place on; of each number the first arrival counts.
            var numbers = arrived[sender.Device.Id].Distinct().ToList();
            numbers.ShouldBe([.. numbers.Order()], $"{sender.Device.Id}: the order of sending");
        }
    }

    private async Task<Dictionary<string, List<int>>> UntilAllAsync(List<Sender> senders, ServerProcess server)
    {
        var watch = Stopwatch.StartNew();
        while (true)
        {
            var arrived = (await File.ReadAllLinesAsync(_folder.File("events.jsonl"))).Select(l => JsonNode.Parse(l)!["event"]!)
                .GroupBy(e => (string)e["partitionkey"]!, StringComparer.Ordinal)
                .ToDictionary(g => g.Key, g => g.Select(e => int.Parse(System.Text.Encoding.ASCII.GetString(Convert.FromBase64String((string)e["data"]!["body"]!)), CultureInfo.InvariantCulture)).ToList(), StringComparer.Ordinal);
            var missing = senders.SelectMany(s => s.Acknowledged.Except(arrived.GetValueOrDefault(s.Device.Id, [])).Select(n => $"{s.Device.Id}: {n}")).ToList();
            if (missing.Count == 0)
                return arrived;
            watch.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(90), $"{missing.Count} are missing, {missing[0]} among them\n{server.Printed}");
            await Task.Delay(100);
        }
    }

    /// <summary>Sends numbers, one after the other.</summary>
    private sealed class Sender(TestDevice device)
    {
        private int _next = 1;

        public TestDevice Device { get; } = device;

        public List<int> Acknowledged { get; } = [];

        public async Task SendAsync(ServerProcess server, int count)
        {
            var (wire, _) = await MqttWire.ConnectAsync(server, Device);
            await using var connection = wire;
            for (var i = 0; i < count; i++, _next++)
            {
                await wire.PublishAndWaitAsync(Device.Id, $"{_next}", (_next % 65535) + 1);
                Acknowledged.Add(_next);
            }
        }
    }
}
