using System.Security.Cryptography;
using System.Text;
using Homeport.Contract.Access;
using Homeport.Device;
using Homeport.Device.Client;
using Homeport.Device.Client.Errors;
using Homeport.Device.Hub;
using Homeport.Device.Hub.Mqtt;
using Homeport.Device.Identity;
using Microsoft.Extensions.Logging.Abstractions;

namespace Homeport.Tests.Device;

public sealed class MqttLinkTests : IClassFixture<TestCertificates>
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(30);

    private readonly TestCertificates _certificates;
    private readonly byte[] _key = RandomNumberGenerator.GetBytes(32);

    public MqttLinkTests(TestCertificates certificates) => _certificates = certificates;

    [Fact]
    public async Task Connecting_shows_ids_versions_and_token()
    {
        await using var peer = new MqttPeer(_certificates.Server);
        var connected = peer.ConnectAsync();
        await using var sender = await Connect(peer);
        var connect = await connected;
        connect.ClientId.ShouldBe("dev-1");
        connect.UserName.ShouldBe("localhost/dev-1/?api-version=2021-04-12&DeviceClientType=homeport-device");
        connect.CleanSession.ShouldBeFalse();
        connect.KeepAlive.ShouldBe(60);
        SharedAccessSignature.TryParse(connect.Password, out var token, out _).ShouldBeTrue();
        token!.IsSignedBy(_key).ShouldBeTrue();
        token.Resource.ShouldBe("localhost/devices/dev-1");
    }

    [Fact]
    public async Task A_message_is_sent_with_its_properties_and_waits_for_the_acknowledgement()
    {
        await using var peer = new MqttPeer(_certificates.Server);
        await using var sender = await Connected(peer);
        var message = new Message("{\"t\":21}"u8.ToArray())
        {
            MessageId = "m 1",
            ContentType = "application/json",
            ContentEncoding = "utf-8",
            CreationTimeUtc = new DateTime(2026, 1, 2, 3, 4, 5, DateTimeKind.Utc),
            Properties = { ["a/b"] = "x=y", ["flag"] = null, ["empty"] = "" },
        };
        var sending = Send(sender, message);
        var (topic, packetId, payload) = await peer.ReadPublishAsync();
        topic.ShouldBe(
            "devices/dev-1/messages/events/%24.mid=m%201&%24.ct=application%2Fjson&%24.ce=utf-8&%24.ctime=2026-01-02T03%3A04%3A05.0000000Z"
            + "&a%2Fb=x%3Dy&flag&empty=");
        payload.ShouldBe("{\"t\":21}");
        sending.IsCompleted.ShouldBeFalse();
        await peer.AcknowledgeAsync(packetId);
        await sending.WaitAsync(Soon);
        sender.InFlight.ShouldBe(0);
    }

    [Fact]
    public async Task Messages_do_not_wait_for_each_other_and_the_window_holds_back()
    {
        await using var peer = new MqttPeer(_certificates.Server);
        await using var sender = await Connected(peer, static options => options with { MaxInFlight = 3 });
        var stored = new List<Task>();
        for (var i = 0; i < 3; i++)
            stored.Add(await Publish(sender, Text($"{i}")));
        var fourth = Publish(sender, Text("3"));
        var ids = new List<ushort>();
        for (var i = 0; i < 3; i++)
        {
            var (_, packetId, payload) = await peer.ReadPublishAsync();
            payload.ShouldBe($"{i}");
            ids.Add(packetId);
        }

        ids.ShouldBe([1, 2, 3]);
        await Task.Delay(50);
        fourth.IsCompleted.ShouldBeFalse();
        sender.InFlight.ShouldBe(3);

        await peer.AcknowledgeAsync(1);
        await stored[0].WaitAsync(Soon);
        stored[1].IsCompleted.ShouldBeFalse();
        var last = await fourth.WaitAsync(Soon);
        (await peer.ReadPublishAsync()).Payload.ShouldBe("3");
        foreach (var id in new ushort[] { 2, 3, 4 })
            await peer.AcknowledgeAsync(id);
        await Task.WhenAll([.. stored, last]).WaitAsync(Soon);
    }

    [Fact]
    public async Task Many_messages_from_many_callers_arrive_once_each()
    {
        const int Count = 2000;
        await using var peer = new MqttPeer(_certificates.Server);
        await using var sender = await Connected(peer);
        var serving = Task.Run(async () =>
        {
            var seen = new HashSet<string>();
            for (var i = 0; i < Count; i++)
            {
                var (_, packetId, payload) = await peer.ReadPublishAsync();
                seen.Add(payload).ShouldBeTrue();
                await peer.AcknowledgeAsync(packetId);
            }

            return seen.Count;
        });
        await Task.WhenAll(Enumerable.Range(0, Count).Select(i => Send(sender, Text($"message {i}")))).WaitAsync(Soon);
        (await serving).ShouldBe(Count);
    }

    [Fact]
    public async Task An_acknowledgement_out_of_order_ends_the_connection()
    {
        await using var peer = new MqttPeer(_certificates.Server);
        await using var sender = await Connected(peer);
        var first = await Publish(sender, Text("1"));
        var second = await Publish(sender, Text("2"));
        await peer.AcknowledgeAsync(2);
        (await sender.Completion.WaitAsync(Soon)).End.ShouldBe(HubLinkEnd.ProtocolError);
        foreach (var task in new[] { first, second })
            (await Should.ThrowAsync<IotHubException>(() => task)).End.ShouldBe(HubLinkEnd.ProtocolError);
        (await Should.ThrowAsync<IotHubException>(() => Send(sender, Text("3")))).End.ShouldBe(HubLinkEnd.ProtocolError);
    }

    [Theory]
    [InlineData("f000")]
    [InlineData("0000")]
    [InlineData("20020000")]
    [InlineData("4001ff")]
    [InlineData("36050001610001")]
    [InlineData("30ffffff7f")]
    public async Task Bytes_that_do_not_belong_there_end_the_connection(string hex)
    {
        await using var peer = new MqttPeer(_certificates.Server);
        await using var sender = await Connected(peer);
        await peer.WriteAsync(Convert.FromHexString(hex));
        (await sender.Completion.WaitAsync(Soon)).End.ShouldBe(HubLinkEnd.ProtocolError);
    }

    [Fact]
    public async Task A_message_that_nobody_asked_for_is_acknowledged_and_dropped()
    {
        await using var peer = new MqttPeer(_certificates.Server);
        await using var sender = await Connected(peer);
        await peer.WriteAsync([0x32, 6, 0, 1, (byte)'a', 0, 9, 1]);
        var (first, body) = await peer.ReadAsync();
        first.ShouldBe((byte)0x40);
        body.ShouldBe([0, 9]);
        sender.Completion.IsCompleted.ShouldBeFalse();
    }

    [Fact]
    public async Task A_server_that_closes_fails_what_is_on_its_way()
    {
        await using var peer = new MqttPeer(_certificates.Server);
        await using var sender = await Connected(peer);
        var stored = await Publish(sender, Text("1"));
        await peer.ReadPublishAsync();
        await peer.CloseAsync();
        (await sender.Completion.WaitAsync(Soon)).End.ShouldBe(HubLinkEnd.ClosedByServer);
        (await Should.ThrowAsync<IotHubException>(() => stored)).End.ShouldBe(HubLinkEnd.ClosedByServer);
    }

    [Fact]
    public async Task A_ping_goes_out_and_its_absence_ends_the_connection()
    {
        await using var peer = new MqttPeer(_certificates.Server);
        await using var sender = await Connected(peer, static options => options with { KeepAlive = TimeSpan.FromSeconds(2) });
        (await peer.ReadAsync()).First.ShouldBe((byte)0xC0);
        await peer.WriteAsync([0xD0, 0]);
        (await peer.ReadAsync()).First.ShouldBe((byte)0xC0);
        (await sender.Completion.WaitAsync(Soon)).End.ShouldBe(HubLinkEnd.Silence);
    }

    [Fact]
    public async Task Disposing_says_goodbye_and_fails_what_is_on_its_way()
    {
        await using var peer = new MqttPeer(_certificates.Server);
        var sender = await Connected(peer);
        var stored = await Publish(sender, Text("1"));
        await sender.DisposeAsync();
        (await peer.ReadPublishAsync()).Payload.ShouldBe("1");
        (await peer.ReadAsync()).First.ShouldBe((byte)0xE0);
        (await sender.Completion).End.ShouldBe(HubLinkEnd.Disposed);
        (await Should.ThrowAsync<IotHubException>(() => stored)).End.ShouldBe(HubLinkEnd.Disposed);
        await sender.DisposeAsync();
    }

    [Theory]
    [InlineData(3, HubLinkEnd.Unavailable)]
    [InlineData(5, HubLinkEnd.Refused)]
    [InlineData(4, HubLinkEnd.Refused)]
    public async Task A_refusal_is_named(byte returnCode, HubLinkEnd end)
    {
        await using var peer = new MqttPeer(_certificates.Server);
        var serving = peer.ConnectAsync(returnCode);
        (await Should.ThrowAsync<IotHubException>(() => Connect(peer))).End.ShouldBe(end);
        await serving;
    }

    [Fact]
    public async Task Nobody_there_a_silent_server_and_an_untrusted_one_are_told_apart()
    {
        int port;
        await using (var gone = new MqttPeer(_certificates.Server))
            port = gone.Port;
        (await Should.ThrowAsync<IotHubException>(() => Connect(port))).End.ShouldBe(HubLinkEnd.Lost);

        await using var silent = new MqttPeer(_certificates.Server);
        var accepting = silent.AcceptAsync();
        (await Should.ThrowAsync<IotHubException>(() => Connect(silent.Port, static options => options with { ConnectLimit = TimeSpan.FromSeconds(2) })))
            .End.ShouldBe(HubLinkEnd.Silence);
        await accepting;

        await using var other = new MqttPeer(_certificates.OtherName);
        accepting = other.AcceptAsync();
        (await Should.ThrowAsync<IotHubException>(() => Connect(other))).End.ShouldBe(HubLinkEnd.Untrusted);
        await Record.ExceptionAsync(() => accepting);

        await using var unknown = new MqttPeer(_certificates.Server);
        accepting = unknown.AcceptAsync();
        (await Should.ThrowAsync<IotHubException>(() => Connect(unknown.Port, static options => options with { Trust = ServerTrust.System })))
            .End.ShouldBe(HubLinkEnd.Untrusted);
        await Record.ExceptionAsync(() => accepting);
    }

    [Fact]
    public async Task A_message_beyond_the_limits_is_not_sent()
    {
        await using var peer = new MqttPeer(_certificates.Server);
        await using var sender = await Connected(peer);
        (await Should.ThrowAsync<MessageTooLargeException>(() => Send(sender, new Message(new byte[(256 * 1024) + 1])))).Message.ShouldContain("262144");
        var wide = new Message { Properties = { ["a"] = new string(' ', 30_000) } };
        (await Should.ThrowAsync<MessageTooLargeException>(() => Send(sender, wide))).Message.ShouldContain("65000");

        var largest = Send(sender, new Message(Encoding.UTF8.GetBytes(new string('x', 256 * 1024))));
        var (_, packetId, payload) = await peer.ReadPublishAsync();
        payload.Length.ShouldBe(256 * 1024);
        await peer.AcknowledgeAsync(packetId);
        await largest.WaitAsync(Soon);
    }

    private static Message Text(string text) => new(Encoding.UTF8.GetBytes(text));

    private static async Task<Task> Publish(MqttLink link, params Message[] messages)
        => (await link.SendAsync(Array.ConvertAll(messages, m => m.ToOutgoing()), default)).Stored;

    private static async Task Send(MqttLink link, Message message) => await await Publish(link, message);

    private Task<MqttLink> Connect(MqttPeer peer) => Connect(peer.Port);

    private async Task<MqttLink> Connected(MqttPeer peer, Func<HubTarget, HubTarget>? change = null)
    {
        var accepted = peer.ConnectAsync();
        var sender = await Connect(peer.Port, change);
        await accepted;
        return sender;
    }

    private async Task<MqttLink> Connect(int port, Func<HubTarget, HubTarget>? change = null)
    {
        using var tokens = DeviceTokenProvider.ForHub(new SymmetricDeviceKey(_key), "localhost", "dev-1");
        var options = new HubTarget("localhost", "dev-1") { MqttPort = port, Trust = ServerTrust.FromPemFile(_certificates.CaFile) };
        return await MqttLink.ConnectAsync(
            change?.Invoke(options) ?? options, webSocket: false, await tokens.GetAsync(default), new HubEvents(_ => { }, _ => { }), TimeProvider.System, NullLogger.Instance, default);
    }
}
