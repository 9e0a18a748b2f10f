using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Homeport.Hub.Live;
using Homeport.Hub.Registry;
using Homeport.Hub.Twins;

namespace Homeport.Tests.Transcripts;

/// <summary>The transcripts in Scripts, each against a hub of its own.</summary>
public sealed class TranscriptTests
{
    private static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly string Folder = Path.Combine(AppContext.BaseDirectory, "Scripts");

    public static TheoryData<string> Scripts => [.. Directory.EnumerateFiles(Folder, "*.txt").Select(f => Path.GetFileNameWithoutExtension(f)).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Scripts))]
    public async Task Transcript(string name)
    {
        await using var hub = new HubFixture(Start);
        foreach (var device in (string[])["dev1", "dev2", "dev3", "dev1/m1"])
            await hub.RegisterAsync(device);
        await hub.RegisterAsync("disabled", enabled: false);
        await new Script(hub).RunAsync(await File.ReadAllLinesAsync(Path.Combine(Folder, name + ".txt")));
        foreach (var line in hub.LogLines)
            line.ShouldNotMatch("sig=[A-Za-z0-9+/%]");
    }

    [Fact]
    public void Every_way_to_end_a_connection_is_in_a_transcript()
    {
        var ends = Directory.EnumerateFiles(Folder, "*.txt").SelectMany(File.ReadLines).Where(l => l.TrimStart("abcdefghijklmnopqrstuvwxyz".ToCharArray()).StartsWith("! ", StringComparison.Ordinal))
            .Select(l => l.Split(' ')[1]).Distinct().Order(StringComparer.Ordinal);
        ends.ShouldBe(Enum.GetNames<CloseReason>().Where(n => n != nameof(CloseReason.None)).Order(StringComparer.Ordinal));
    }

    /// <summary>The recorded bytes of a Node client, with the key of the recording and a clock at its time.</summary>
    [Fact]
    public async Task The_recorded_session_of_a_Node_client_is_served()
    {
        await using var hub = new HubFixture(DateTimeOffset.FromUnixTimeSeconds(1795328459 - 3600));
        var key = "probe-key-probe-key-probe-key-32"u8.ToArray();
        await hub.RegisterAsync("dev1", authentication: new Authentication(AuthenticationType.Sas, key, key));
        var client = new Client(hub.Door);
        string[][] answers = [["CONNACK 0"], ["SUBACK #49834 1", "PUBACK #49835"], ["SUBACK #49836 0", "SUBACK #49837 0"]];
        var lines = await File.ReadAllLinesAsync(Path.Combine(AppContext.BaseDirectory, "Fixtures", "node-session.hex"));
        for (var i = 0; i < lines.Length; i++)
        {
            await client.SendAsync(Convert.FromHexString(lines[i]));
            foreach (var answer in answers.ElementAtOrDefault(i) ?? [])
                (await client.ReceiveAsync()).ShouldBe(answer);
        }
        (await client.EndAsync()).ShouldBe(CloseReason.ClientDisconnected);
        (await hub.StoredAsync("dev1")).ShouldBe(["""[$.mid="mid-1" $.cid="corr-1" $.ct="application/json" $.ce="utf-8" p 1="v/1"] {"t":1}"""]);
        hub.Problems.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_healthy_device_keeps_its_acknowledgements_while_twenty_others_flood_garbage()
    {
        await using var hub = new HubFixture(Start);
        await hub.RegisterAsync("dev1");
        var healthy = new Client(hub.Door);
        await healthy.SendAsync(PacketText.Connect("dev1", "hub.example/dev1/?api-version=2021-04-12", hub.Token("hub.example/devices/dev1", HubFixture.KeyOf("dev1"), 3600), 180));
        (await healthy.ReceiveAsync()).ShouldBe("CONNACK 0");

        byte[][] seeds = [PacketText.Encode("PUBLISH q1 #1 devices/dev1/messages/events/ | x"), PacketText.Connect("dev1", "hub.example/dev1/?api-version=2021-04-12", "SharedAccessSignature sr=a&sig=b&se=1", 60)];
        var garbage = Mutation.Of(seeds, 2000).ToArray();
        using var stop = new CancellationTokenSource();
        var floods = Enumerable.Range(0, 20).Select(i => Task.Run(() => FloodAsync(hub, garbage[(i * 100)..], stop.Token))).ToList();
        for (var i = 1; i <= 300; i++)
        {
            await healthy.SendAsync(PacketText.Encode($"PUBLISH q1 #{i} devices/dev1/messages/events/ | {i}"));
            (await healthy.ReceiveAsync()).ShouldBe($"PUBACK #{i}");
        }
        await stop.CancelAsync();
        (await Task.WhenAll(floods)).Sum().ShouldBeGreaterThan(20);
        (await hub.StoredAsync("dev1")).ShouldBe(Enumerable.Range(1, 300).Select(i => $"[] {i}"));
        await healthy.SendAsync(PacketText.Encode("DISCONNECT"));
        (await healthy.EndAsync()).ShouldBe(CloseReason.ClientDisconnected);
        hub.OpenConnections.ShouldBe(0);
        hub.Problems.ShouldBeEmpty(string.Join('\n', hub.LogLines));
    }

    [Fact]
    public async Task A_device_that_does_not_read_its_patches_holds_up_no_service_and_is_ended()
    {
        await using var hub = new HubFixture(Start);
        await hub.RegisterAsync("dev1");
        var client = new Client(hub.Door);
        await client.SendAsync(PacketText.Connect("dev1", "hub.example/dev1/?api-version=2021-04-12", hub.Token("hub.example/devices/dev1", HubFixture.KeyOf("dev1"), 3600), 600));
        (await client.ReceiveAsync()).ShouldBe("CONNACK 0");
        await client.SendAsync(PacketText.Encode("SUBSCRIBE #1 $iothub/twin/PATCH/properties/desired/# 0"));
        (await client.ReceiveAsync()).ShouldBe("SUBACK #1 0");
        var text = new string('x', 4000);
        for (var i = 0; i < 500; i++)
        {
            var patch = new TwinPatch(null, new JsonObject { ["a"] = text, ["i"] = i });
            (await hub.Twins.PatchAsync("dev1", null, patch, IfMatch.Absent, default).WaitAsync(TimeSpan.FromSeconds(10))).Refusal.ShouldBeNull();
        }
        for (var i = 0; i < 10 && !client.IsOver; i++)
        {
            hub.Time.Advance(TimeSpan.FromSeconds(10));
            await Task.Delay(20);
        }
        (await client.EndAsync()).ShouldBe(CloseReason.SlowClient);
        (hub.OpenConnections, hub.Live.Count).ShouldBe((0, 0));
        (await hub.Twins.GetAsync("dev1", null, default)).Value!.Desired.Version.ShouldBe(501);
        hub.Problems.ShouldBeEmpty(string.Join('\n', hub.LogLines));
    }

    [Fact]
    public async Task Patches_reach_a_reconnecting_device_in_order_and_at_most_once()
    {
        await using var hub = new HubFixture(Start);
        await hub.RegisterAsync("dev1");
        using var stop = new CancellationTokenSource();
        var writers = Enumerable.Range(0, 4).Select(w => Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
                (await hub.Twins.PatchAsync("dev1", null, new TwinPatch(null, new JsonObject { ["w"] = w }), IfMatch.Absent, default)).Refusal.ShouldBeNull();
        })).ToList();
        var last = 0L;
        for (var round = 0; round < 10; round++)
        {
            var client = new Client(hub.Door);
            await client.SendAsync(PacketText.Connect("dev1", "hub.example/dev1/?api-version=2021-04-12", hub.Token("hub.example/devices/dev1", HubFixture.KeyOf("dev1"), 3600), 600));
            var connack = await client.ReceiveAsync();
            connack.ShouldBe(round == 0 ? "CONNACK 0" : "CONNACK 0 session-present", "nothing may come before it");
            if (round == 0)
                await client.SendAsync(PacketText.Encode("SUBSCRIBE #1 $iothub/twin/PATCH/properties/desired/# 0"));
            for (var i = 0; i < 100; i++)
            {
                var packet = await client.ReceiveAsync();
                if (packet == "SUBACK #1 0")
                    continue;
                var match = Regex.Match(packet, """^PUBLISH q0 \$iothub/twin/PATCH/properties/desired/\?\$version=(?<topic>\d+) \| \{"w":\d,"\$version":(?<body>\d+)}$""",
                    RegexOptions.ExplicitCapture, TimeSpan.FromSeconds(1));
                match.Success.ShouldBeTrue(packet);
                match.Groups["topic"].Value.ShouldBe(match.Groups["body"].Value);
                var version = long.Parse(match.Groups["topic"].Value);
                if (i > 1)
                    version.ShouldBe(last + 1, "no gap and no other order while connected");
                version.ShouldBeGreaterThan(last);
                last = version;
            }
            client.Hang();
            await client.DrainAsync();
            (await client.EndAsync()).ShouldBe(CloseReason.ClientGone);
        }
        await stop.CancelAsync();
        await Task.WhenAll(writers);
        hub.Problems.ShouldBeEmpty(string.Join('\n', hub.LogLines));
    }

    [Theory]
    [InlineData("")]
    [InlineData("dev1")]
    public async Task Mutated_sessions_end_by_a_named_reason_and_never_by_a_fault(string device)
    {
        await using var hub = new HubFixture(Start);
        await hub.RegisterAsync("dev1");
        var connect = PacketText.Connect("dev1", "hub.example/dev1/?api-version=2021-04-12", hub.Token("hub.example/devices/dev1", HubFixture.KeyOf("dev1"), 3600), 180);
        byte[][] seeds =
        [
            device.Length == 0 ? connect : [],
            [.. PacketText.Encode("SUBSCRIBE #1 devices/dev1/messages/devicebound/# 1 $iothub/twin/res/# 0"), .. PacketText.Encode("PUBLISH q0 $iothub/twin/GET/?$rid=1")],
            [.. PacketText.Encode("PUBLISH q1 #1 devices/dev1/messages/events/%24.mid=1&a=%20&b | {}"), .. PacketText.Encode("PINGREQ"), .. PacketText.Encode("UNSUBSCRIBE #2 $iothub/twin/res/#")],
            [.. PacketText.Encode("SUBSCRIBE #1 $iothub/twin/res/# 0"), .. PacketText.Encode("PUBLISH q1 #2 $iothub/twin/PATCH/properties/reported/?$rid=1 | {\"a\":[1]}"), .. PacketText.Encode("PUBLISH q0 $iothub/methods/res/200/?$rid=1 | {}")],
        ];
        var reasons = new Dictionary<CloseReason, int>();
        foreach (var bytes in Mutation.Of(seeds, 1500))
        {
            var client = new Client(hub.Door);
            if (device.Length > 0)
                await client.SendAsync(connect);
            await client.SendAsync(bytes);
            client.Hang();
            var reason = await client.EndAsync();
            reasons[reason] = reasons.GetValueOrDefault(reason) + 1;
            // A device may not connect a thousand times in a second.
            hub.Time.Advance(TimeSpan.FromSeconds(0.2));
        }
        reasons.Keys.ShouldBeSubsetOf([
            CloseReason.ClientGone, CloseReason.ClientDisconnected, CloseReason.MalformedPacket, CloseReason.PacketTooLarge, CloseReason.ProtocolViolation, CloseReason.QosNotSupported,
            CloseReason.TopicNotAllowed, CloseReason.AuthenticationFailed, CloseReason.VersionNotSupported]);
        reasons[CloseReason.MalformedPacket].ShouldBeGreaterThan(10);
        hub.OpenConnections.ShouldBe(0);
        hub.Problems.ShouldBeEmpty(string.Join('\n', hub.LogLines.Take(20)));
    }

    private static async Task<int> FloodAsync(HubFixture hub, byte[][] garbage, CancellationToken stop)
    {
        var connections = 0;
        while (!stop.IsCancellationRequested || connections == 0)
        {
            var client = new Client(hub.Door);
            connections++;
            for (var i = 0; i < 50 && !client.IsOver && !stop.IsCancellationRequested; i++)
                await client.TrySendAsync(garbage[(connections + i) % garbage.Length]);
            client.Hang();
            (await client.EndAsync()).ShouldNotBe(CloseReason.ServerFault);
        }
        return connections;
    }
}
