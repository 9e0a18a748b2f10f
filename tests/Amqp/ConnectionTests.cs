using Homeport.Amqp;
using Homeport.Amqp.Encoding;
using Homeport.Amqp.Performatives;
using Homeport.Amqp.Sasl;

namespace Homeport.Tests.Amqp;

/// <summary>Connections and sessions between a client and a server of this engine.</summary>
public sealed class ConnectionTests
{
    [Fact]
    public void Both_open_and_close()
    {
        var peers = Peers.Open();
        peers.Server.Peer!.ContainerId.ShouldBe("client");
        peers.Client.Close();
        peers.Pump();
        (peers.Server.IsEnded, peers.Client.IsEnded, peers.ServerSide.Closed).ShouldBe((true, true, null));
    }

    [Fact]
    public void Sasl_plain_goes_before_open()
    {
        var peers = new Peers(client: new ConnectionSettings { ContainerId = "client", Sasl = new SaslInit("PLAIN", [0, 1, 0, 2], "host") });
        peers.Pump();
        peers.ServerSide.Sasl.ShouldBe(["PLAIN 00010002"]);
        peers.Client.IsOpen.ShouldBeTrue();
    }

    [Fact]
    public void A_mechanism_may_challenge()
    {
        var peers = new Peers(client: new ConnectionSettings { ContainerId = "client", Sasl = new SaslInit("TPM", [9], null) });
        peers.Pump();
        peers.ServerSide.Sasl.ShouldBe(["TPM 09", "07"]);
        peers.ClientSide.Sasl.ShouldBe(["00"]);
        peers.Client.IsOpen.ShouldBeTrue();
    }

    [Fact]
    public void Bad_credentials_end_the_connection_with_the_outcome_auth()
    {
        var peers = new Peers(client: new ConnectionSettings { ContainerId = "client", Sasl = new SaslInit("PLAIN", [], null) });
        peers.ServerSide.Code = SaslCode.Auth;
        peers.Pump();
        (peers.Server.IsEnded, peers.Client.IsEnded).ShouldBe((true, true));
        peers.ClientSide.Closed!.Description!.ShouldContain("Auth");
    }

    [Theory]
    [InlineData("474554202f20485454502f312e310d0a", "414d515003010000")] // GET / HTTP/1.1
    [InlineData("414d515000000901", "414d515003010000")] // AMQP 0.9.1
    public void Another_protocol_is_answered_with_the_header_that_is_spoken_here(string hex, string answer)
    {
        var server = AmqpConnection.Server(Peers.Settings, new Peers.Quiet(), TimeProvider.System);
        Peers.Give(server, Convert.FromHexString(hex));
        server.IsEnded.ShouldBeTrue();
        Convert.ToHexStringLower(Output(server)).ShouldBe(answer);
    }

    [Theory]
    [InlineData("0000000e02000000005311c00100", ErrorCondition.NotAllowed)] // begin before open
    [InlineData("0000000702000000", ErrorCondition.FramingError)] // shorter than its header
    [InlineData("0000000801000000", ErrorCondition.FramingError)] // extension inside the header
    [InlineData("ffffffff02000000", ErrorCondition.FramingError)] // 4 GB
    [InlineData("0000000c0201000000534045", ErrorCondition.FramingError)] // SASL frame behind the header
    [InlineData("0000000c0200000000531045", ErrorCondition.DecodeError)] // open without container-id
    public void A_bad_first_frame_is_answered_by_open_and_close_with_the_condition(string hex, string condition)
    {
        var client = new Peers.End();
        var peers = new Peers();
        Peers.Give(peers.Server, [.. "AMQP\0\u0001\0\0"u8, .. Convert.FromHexString(hex)]);
        var reader = AmqpConnection.Client(new ConnectionSettings { ContainerId = "c" }, client, TimeProvider.System);
        Peers.Carry(peers.Server, reader);
        client.Closed.ShouldNotBeNull().Condition.ShouldBe(condition);
        peers.ServerSide.Closed!.Condition.ShouldBe(condition);
    }

    [Fact]
    public void A_channel_without_session_and_one_with_two_end_the_connection()
    {
        foreach (var (bytes, condition) in ((string, string)[])
        [
            ("0000000e02000007005313c00100", ErrorCondition.NotAllowed),
            ("0000000e02000000005311c00100", ErrorCondition.NotAllowed),
            ("0000000e0200ffff005311c00100", ErrorCondition.FramingError),
        ])
        {
            var peers = Peers.Open();
            Peers.Give(peers.Server, Convert.FromHexString(bytes));
            peers.ServerSide.Closed.ShouldNotBeNull(bytes).Condition.ShouldBe(condition);
        }
    }

    [Fact]
    public void A_silent_peer_gets_heartbeats_and_is_given_up()
    {
        var time = new ManualTime();
        var peers = new Peers(client: new ConnectionSettings { ContainerId = "client", IdleTimeout = TimeSpan.FromSeconds(10) }, time: time);
        peers.Pump();
        time.Forward(TimeSpan.FromSeconds(7));
        peers.Server.Tick();
        peers.Server.OutputLength.ShouldBe(0);
        time.Forward(TimeSpan.FromSeconds(1));
        peers.Server.Tick();
        Convert.ToHexStringLower(Output(peers.Server)).ShouldBe("0000000802000000");
        time.Forward(Peers.Settings.IdleTimeout * 2);
        peers.Server.Tick();
        peers.ServerSide.Closed!.Condition.ShouldBe(ErrorCondition.ResourceLimitExceeded);
    }

    [Fact]
    public void Too_many_links_end_the_session()
    {
        var peers = Peers.Open(Peers.Settings with { MaxLinks = 2 });
        for (var i = 0; i < 3; i++)
            peers.Session.AttachSender($"l{i}", new Source(), new Target { Address = "q" }, peers.ClientSide);
        peers.Pump();
        peers.ClientSide.Ended!.Condition.ShouldBe(ErrorCondition.ResourceLimitExceeded);
        peers.Server.LinkCount.ShouldBe(0);
        peers.Client.IsOpen.ShouldBeTrue();
    }

    [Fact]
    public void A_link_attached_again_takes_the_place_of_the_old_one()
    {
        var peers = Peers.Open();
        peers.Session.AttachSender("same", new Source(), new Target { Address = "q" }, peers.ClientSide);
        peers.Pump();
        var other = peers.Client.BeginSession();
        other.AttachSender("same", new Source(), new Target { Address = "q" }, peers.ClientSide);
        peers.Pump();
        peers.ServerSide.Detached.ShouldBeEmpty("the same name in another session is another link");
        peers.ServerSide.Links.Count.ShouldBe(2);
    }

    private static byte[] Output(AmqpConnection connection)
    {
        var bytes = new System.Buffers.ArrayBufferWriter<byte>();
        connection.TakeOutput(bytes);
        return bytes.WrittenSpan.ToArray();
    }

    private sealed class ManualTime : TimeProvider
    {
        private long _ticks = 1;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => _ticks;

        public void Forward(TimeSpan time) => _ticks += time.Ticks;
    }
}
