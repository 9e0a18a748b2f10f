using System.Diagnostics;
using Homeport.Tests.Interop.Harness;

namespace Homeport.Tests.Interop;

/// <summary>One server on free ports for connections that misbehave.</summary>
public sealed class NeighbourServer : IAsyncLifetime
{
    private readonly TempFolder _folder = new();
    private ServerProcess? _server;

    public ServerProcess Server => _server ?? throw new InvalidOperationException("the server did not start");

    public async ValueTask InitializeAsync() => _server = await ServerProcess.StartAsync(new ServerSettings(_folder.Path));

    public async ValueTask DisposeAsync()
    {
        if (_server is not null)
            await _server.DisposeAsync();
        _folder.Dispose();
    }
}

/// <summary>A connection that floods, stalls or talks nonsense does not disturb a healthy one.</summary>
public sealed class NeighbourTests(NeighbourServer shared) : IClassFixture<NeighbourServer>
{
    private static readonly Dictionary<string, Func<string, byte[]>> BadPackets = new(StringComparer.Ordinal)
    {
        ["a second CONNECT"] = id => MqttWire.Connect(id, "u", "p"),
        ["packet type 0"] = _ => [0x00, 0x00],
        ["packet type 15"] = _ => [0xF0, 0x00],
        ["a packet only servers send"] = _ => [0x20, 0x02, 0x00, 0x00],
        ["quality of service 3"] = id => [0x36, .. MqttWire.Publish($"devices/{id}/messages/events/", "x"u8).AsSpan(1)],
        ["SUBSCRIBE with wrong flags"] = _ => [0x80, 0x06, 0x00, 0x01, 0x00, 0x01, (byte)'a', 0x00],
        ["SUBSCRIBE without a filter"] = _ => [0x82, 0x02, 0x00, 0x01],
        ["packet id 0"] = id => MqttWire.Publish($"devices/{id}/messages/events/", "x"u8, 1, 0),
        ["a remaining length of five bytes"] = _ => [0x30, 0xFF, 0xFF, 0xFF, 0xFF, 0x01],
        ["a packet of 256 MB announced"] = _ => [0x32, 0xFF, 0xFF, 0xFF, 0x7F, 0x00, 0x03],
        ["a message above 256 KB"] = id => MqttWire.Publish($"devices/{id}/messages/events/", new byte[262_145]),
        ["a topic that is no UTF-8"] = _ => [0x30, 0x05, 0x00, 0x03, 0xFF, 0xFE, 0xFD],
        ["a topic longer than the packet"] = _ => [0x30, 0x04, 0xFF, 0xFF, 0x61, 0x61],
        ["a wildcard in a topic"] = id => MqttWire.Publish($"devices/{id}/messages/events/#", "x"u8),
        ["the topic of another device"] = _ => MqttWire.Publish("devices/healthy/messages/events/", "forged"u8),
        ["a topic of no meaning"] = _ => MqttWire.Publish("home/kitchen", "x"u8),
        ["PINGREQ with a body"] = _ => [0xC0, 0x01, 0x00],
    };

    private static readonly Dictionary<string, Func<byte[]>> BadGreetings = new(StringComparer.Ordinal)
    {
        ["random bytes"] = () => [.. Enumerable.Range(0, 4096).Select(i => (byte)((i * 7919) >> 3))],
        ["an HTTP request"] = () => "GET /devices/any?api-version=2021-04-12 HTTP/1.1\r\nHost: hub.homeport.test\r\nUser-Agent: lost\r\nAccept: */*\r\n\r\n"u8.ToArray(),
        ["PUBLISH before CONNECT"] = () => MqttWire.Publish("devices/d/messages/events/", "x"u8),
        ["PINGREQ before CONNECT"] = () => [0xC0, 0x00],
        ["another protocol name"] = () => [0x10, 0x0C, 0x00, 0x06, (byte)'M', (byte)'Q', (byte)'I', (byte)'s', (byte)'d', (byte)'p', 0x03, 0x02, 0x00, 0x3C],
        ["a CONNECT of 256 MB announced"] = () => [0x10, 0xFF, 0xFF, 0xFF, 0x7F, 0x00, 0x04, (byte)'M', (byte)'Q', (byte)'T', (byte)'T'],
        ["the reserved connect flag"] = () => [0x10, 0x0D, 0x00, 0x04, (byte)'M', (byte)'Q', (byte)'T', (byte)'T', 0x04, 0x01, 0x00, 0x3C, 0x00, 0x01, (byte)'a'],
        ["a password without a user name"] = () => MqttWire.Connect("a", null, "p"),
        ["an empty client id"] = () => MqttWire.Connect("", "u", "p"),
        ["a user name of no meaning"] = () => MqttWire.Connect("a", "b", "c"),
    };

    public static TheoryData<string> PacketNames => [.. BadPackets.Keys];

    public static TheoryData<string> GreetingNames => [.. BadGreetings.Keys];

    [Theory]
    [MemberData(nameof(PacketNames))]
    public async Task A_bad_packet_ends_its_own_connection_only(string name)
    {
        await using var healthy = await HealthyDevice.ConnectAsync(shared.Server);
        var attacker = await shared.Server.Hub.CreateDeviceAsync(SharedServer.NewId("attacker"));
        var (wire, _) = await MqttWire.ConnectAsync(shared.Server, attacker);
        await using var connection = wire;
        await SendCarelesslyAsync(wire, BadPackets[name](attacker.Id));
        await wire.ExpectCloseAsync();
        await healthy.StillWellAsync();
        (await shared.Server.Reader.ReadAsync("healthy")).ShouldNotContain(m => m.Text == "forged");
        (await shared.Server.Reader.ReadAsync(attacker.Id)).ShouldBeEmpty();
    }

    [Theory]
    [MemberData(nameof(GreetingNames))]
    public async Task A_bad_greeting_is_not_let_in(string name)
    {
        await using var healthy = await HealthyDevice.ConnectAsync(shared.Server);
        await using var wire = await MqttWire.OpenAsync(shared.Server);
        await SendCarelesslyAsync(wire, BadGreetings[name]());
        if (await ReadLenientAsync(wire) is { } answer)
        {
            answer.Header.ShouldBe(MqttPacket.ConnAck);
            answer.Content[1].ShouldBeOneOf((byte)1, (byte)2, (byte)5);
            await wire.ExpectCloseAsync();
        }

        await healthy.StillWellAsync();
    }

    [Fact]
    public async Task Plain_text_on_the_tls_port_is_closed()
    {
        await using var healthy = await HealthyDevice.ConnectAsync(shared.Server);
        await using var stream = await ServerTrust.ConnectAsync(shared.Server.Ready.Ports.Mqtt);
        await stream.WriteAsync(MqttWire.Connect("a", "u", "p"));
        await using var wire = new MqttWire(stream);
        await wire.ExpectCloseAsync();
        await healthy.StillWellAsync();
    }

    [Fact]
    public async Task A_client_that_breaks_off_in_the_middle_of_a_packet_disturbs_nobody()
    {
        await using var healthy = await HealthyDevice.ConnectAsync(shared.Server);
        var attacker = await shared.Server.Hub.CreateDeviceAsync(SharedServer.NewId("half"));
        var (wire, _) = await MqttWire.ConnectAsync(shared.Server, attacker);
        var packet = MqttWire.Publish($"devices/{attacker.Id}/messages/events/", new byte[1000]);
        await wire.SendAsync(packet.AsMemory(0, 500));
        await wire.DisposeAsync();
        await healthy.StillWellAsync();
        (await shared.Server.Reader.ReadAsync(attacker.Id)).ShouldBeEmpty("half a message is none");
    }

    [Fact]
    public async Task Many_silent_connections_do_not_keep_a_device_out()
    {
        var silent = new List<Stream>();
        for (var i = 0; i < 200; i++)
            silent.Add(i % 2 == 0 ? await ServerTrust.ConnectAsync(shared.Server.Ready.Ports.Mqtt) : await shared.Server.Trust.ConnectTlsAsync(shared.Server.Ready.Ports.Mqtt));
        await using (var healthy = await HealthyDevice.ConnectAsync(shared.Server))
            await healthy.StillWellAsync();
        foreach (var stream in silent)
            await stream.DisposeAsync();
    }

    [Fact]
    public async Task A_client_that_never_reads_is_held_or_closed_and_costs_little_memory()
    {
        await using var healthy = await HealthyDevice.ConnectAsync(shared.Server);
        var attacker = await shared.Server.Hub.CreateDeviceAsync(SharedServer.NewId("deaf"));
        var (wire, _) = await MqttWire.ConnectAsync(shared.Server, attacker);
        var before = shared.Server.ResidentBytes();
        byte[] pings = [.. Enumerable.Repeat(new byte[] { 0xC0, 0x00 }, 8192).SelectMany(p => p)];
        long sent = 0;
        var watch = Stopwatch.StartNew();
        try
        {
            while (sent < 64_000_000 && watch.Elapsed < TimeSpan.FromSeconds(20))
            {
                await wire.SendAsync(pings, TimeSpan.FromSeconds(3));
                sent += pings.Length;
            }
        }
        catch (Exception e) when (e is OperationCanceledException or IOException)
        {
            // Held back or closed: both keep the answers from piling up.
        }

        await healthy.StillWellAsync();
        (shared.Server.ResidentBytes() - before).ShouldBeLessThan(150_000_000, $"after {sent} bytes of PINGREQ whose answers nobody reads");
        wire.Abort();
    }

    private static async Task SendCarelesslyAsync(MqttWire wire, byte[] bytes)
    {
        try
        {
            await wire.SendAsync(bytes);
        }
        catch (IOException)
        {
            // The server may close as soon as it has seen enough.
        }
    }

    private static async Task<MqttPacket?> ReadLenientAsync(MqttWire wire)
    {
        try
        {
            return await wire.ReadAsync();
        }
        catch (OperationCanceledException e)
        {
            throw new TimeoutException("the server neither answered nor closed", e);
        }
    }
}
