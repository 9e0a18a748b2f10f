using System.Text;
using Homeport.Contract.Errors;
using Homeport.Hub.Faults;
using Homeport.Log;

namespace Homeport.Tests.Hub.Faults;

/// <summary>Faults that the SDKs' own tests order: how they are read, in which protocol they exist, how long they last.</summary>
public sealed class FaultTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly FaultInjection _faults;

    public FaultTests() => _faults = new FaultInjection(_time);

    /// <summary>Orders as the SDKs' tests write them, and what they mean.</summary>
    public static TheoryData<string, FaultType, string, double, double> Orders => new()
    {
        { "Type=KillTcp&CloseReason=boom&DelayInSecs=5&DurationInSecs=5", FaultType.KillTcp, "boom", 5, 5 },
        { "Type=KillTcp&CloseReason= severs the TCP connection &DelayInSecs=2", FaultType.KillTcp, "severs the TCP connection", 2, 30 },
        { "Type=InvokeThrottling&CloseReason=20&DelayInSecs=1", FaultType.InvokeThrottling, "20", 1, 30 },
        { "Type=ShutDownMqtt&CloseReason=byebye&DelayInSecs=1", FaultType.ShutDownMqtt, "byebye", 1, 30 },
        { "DurationInSecs=5&DelayInSecs=0&Type=invokemaxmessagequota", FaultType.InvokeMaxMessageQuota, "", 0, 5 },
        { "Type=InvokeAuthError&DelayInSecs=-1&DurationInSecs=x", FaultType.InvokeAuthError, "", 0, 30 },
        { "Type=KillAmqpCBSLinkResp&DelayInSecs=999999999999&DurationInSecs=1e9", FaultType.KillAmqpCBSLinkResp, "", 3600, 30 },
        { "Type=KillAmqpSession&DelayInSecs=0.5&DurationInSecs=7200", FaultType.KillAmqpSession, "", 0.5, 3600 },
    };

    [Theory]
    [MemberData(nameof(Orders))]
    public void An_order_is_read_from_the_properties_of_a_message(string text, FaultType type, string reason, double delay, double duration)
    {
        var order = FaultOrder.Read(Block(text, ("other", "x"))).ShouldNotBeNull();
        order.ShouldBe(new FaultOrder(type, reason, TimeSpan.FromSeconds(delay), TimeSpan.FromSeconds(duration)));
    }

    [Theory]
    [InlineData("")]
    [InlineData("CloseReason=boom&DelayInSecs=1")]
    [InlineData("Type=")]
    [InlineData("Type=3")]
    [InlineData("Type=KillEverything")]
    [InlineData("Type2=KillTcp")]
    public void Other_messages_order_nothing(string text) => FaultOrder.Read(Block(text, ("name", "KillTcp"))).ShouldBeNull();

    [Fact]
    public void A_property_without_a_value_and_a_long_reason_do_no_harm()
    {
        FaultOrder.Read(Block("", ("AzIoTHub_FaultOperationType", null))).ShouldBeNull();
        FaultOrder.Read(Block("", ("x", "AzIoTHub_FaultOperationType"))).ShouldBeNull();
        FaultOrder.Read(Block($"Type=KillTcp&CloseReason={new string('x', 5000)}")).ShouldNotBeNull().CloseReason.Length.ShouldBe(128);
    }

    [Fact]
    public void A_message_without_an_order_costs_no_allocation()
    {
        var block = Block("", ("a", "b"), ("temperature", "20"));
        FaultOrder.Read(block);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 100; i++)
            FaultOrder.Read(block);
        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBe(0);
    }

    [Theory]
    [InlineData(FaultType.KillTcp, FaultProtocol.Mqtt, FaultEffect.Abort, false)]
    [InlineData(FaultType.KillTcp, FaultProtocol.Amqp, FaultEffect.Abort, true)]
    [InlineData(FaultType.KillTcp, FaultProtocol.Https, null, false)]
    [InlineData(FaultType.ShutDownMqtt, FaultProtocol.Mqtt, FaultEffect.ShutDown, false)]
    [InlineData(FaultType.ShutDownMqtt, FaultProtocol.Amqp, null, false)]
    [InlineData(FaultType.ShutDownAmqp, FaultProtocol.Amqp, FaultEffect.ShutDown, true)]
    [InlineData(FaultType.ShutDownAmqp, FaultProtocol.Mqtt, null, false)]
    [InlineData(FaultType.KillAmqpConnection, FaultProtocol.Amqp, FaultEffect.CloseConnection, true)]
    [InlineData(FaultType.KillAmqpSession, FaultProtocol.Amqp, FaultEffect.EndSession, true)]
    [InlineData(FaultType.KillAmqpCBSLinkReq, FaultProtocol.Amqp, FaultEffect.DetachLink, true)]
    [InlineData(FaultType.KillAmqpD2CLink, FaultProtocol.Amqp, FaultEffect.DetachLink, true)]
    [InlineData(FaultType.KillAmqpMethodRespLink, FaultProtocol.Amqp, FaultEffect.DetachLink, true)]
    [InlineData(FaultType.KillAmqpMethodRespLink, FaultProtocol.Mqtt, null, false)]
    [InlineData(FaultType.KillAmqpTwinLinkReq, FaultProtocol.Https, null, false)]
    public void A_fault_of_the_connection_comes_after_its_delay_where_it_exists(FaultType type, FaultProtocol protocol, FaultEffect? effect, bool acknowledged)
    {
        var action = _faults.Take("d", protocol, new FaultOrder(type, "boom", TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(5)));
        (action?.Effect).ShouldBe(effect);
        _faults.OnSend("d").ShouldBeNull();
        _faults.OnConnect("d").ShouldBeNull("the client is to come back");
        if (action is not null)
            (action.After, action.Acknowledge).ShouldBe((TimeSpan.FromSeconds(2), acknowledged));
    }

    [Theory]
    [InlineData(FaultType.InvokeThrottling, 429001, false)]
    [InlineData(FaultType.InvokeMaxMessageQuota, 403002, false)]
    [InlineData(FaultType.InvokeAuthError, 401003, true)]
    public void A_fault_of_the_service_lasts_from_its_delay_on_for_its_duration(FaultType type, int code, bool connections)
    {
        foreach (var protocol in (FaultProtocol[])[FaultProtocol.Mqtt, FaultProtocol.Amqp])
        {
            var key = $"d/{protocol}";
            var action = _faults.Take(key, protocol, new FaultOrder(type, "boom", TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(5))).ShouldNotBeNull();
            action.ShouldBe(new FaultAction(FaultEffect.None, TimeSpan.Zero, Acknowledge: true));
            Code(_faults.OnSend(key)).ShouldBe(null);
            _time.Advance(TimeSpan.FromSeconds(1));
            Code(_faults.OnSend(key)).ShouldBe(code);
            Code(_faults.OnConnect(key)).ShouldBe(connections ? code : null);
            _faults.OnSend("another").ShouldBeNull();
            _faults.OnSend("d").ShouldBeNull("a module's fault is its own");
            _time.Advance(TimeSpan.FromSeconds(5) - TimeSpan.FromTicks(1));
            Code(_faults.OnSend(key)).ShouldBe(code);
            _time.Advance(TimeSpan.FromTicks(1));
            _faults.OnSend(key).ShouldBeNull();
            _faults.OnConnect(key).ShouldBeNull();
        }
        _faults.Count.ShouldBe(0, "what is over is forgotten");
    }

    [Theory]
    [InlineData(FaultType.InvokeThrottling, 429001)]
    [InlineData(FaultType.InvokeMaxMessageQuota, 403002)]
    [InlineData(FaultType.InvokeAuthError, 401003)]
    public void Over_HTTPS_the_message_with_the_order_is_refused_and_no_other(FaultType type, int code)
    {
        var action = _faults.Take("d", FaultProtocol.Https, new FaultOrder(type, "boom", TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(5))).ShouldNotBeNull();
        (action.Effect, Code(action.Refusal)).ShouldBe((FaultEffect.Refuse, code));
        _time.Advance(TimeSpan.FromSeconds(2));
        _faults.OnSend("d").ShouldBeNull();
    }

    [Fact]
    public void A_newer_order_takes_the_place_of_an_older_one()
    {
        _faults.Take("d", FaultProtocol.Amqp, Lasting(FaultType.InvokeThrottling, 60));
        _faults.Take("d", FaultProtocol.Amqp, Lasting(FaultType.InvokeMaxMessageQuota, 5));
        Code(_faults.OnSend("d")).ShouldBe(403002);
        _time.Advance(TimeSpan.FromSeconds(5));
        _faults.OnSend("d").ShouldBeNull();
    }

    [Fact]
    public void The_memory_is_bounded()
    {
        for (var i = 0; i < FaultInjection.Capacity; i++)
            _faults.Take($"d{i}", FaultProtocol.Mqtt, Lasting(FaultType.InvokeThrottling, 5));
        _faults.Take("more", FaultProtocol.Mqtt, Lasting(FaultType.InvokeThrottling, 5));
        _faults.OnSend("more").ShouldBeNull();
        _faults.Count.ShouldBe(FaultInjection.Capacity);
        _time.Advance(TimeSpan.FromSeconds(5));
        _faults.Take("more", FaultProtocol.Mqtt, Lasting(FaultType.InvokeThrottling, 5));
        Code(_faults.OnSend("more")).ShouldBe(429001);
        _faults.Count.ShouldBe(1);
    }

    private static int? Code(Refusal? refusal) => refusal?.Error.Code;

    private static FaultOrder Lasting(FaultType type, int seconds) => new(type, "boom", TimeSpan.Zero, TimeSpan.FromSeconds(seconds));

    private static byte[] Block(string text, params (string Name, string? Value)[] more)
    {
        var ordered = text.Split('&', StringSplitOptions.RemoveEmptyEntries).Select(p => p.Split('=')).Select(p => ("AzIoTHub_FaultOperation" + p[0], (string?)p[1]));
        var (block, size) = (new byte[10_000], 0);
        foreach (var (name, value) in ordered.Concat(more))
        {
            var room = block.AsSpan(size);
            var nameLength = Encoding.UTF8.GetBytes(name, RecordProperties.NameRoom(room));
            int? valueLength = value is null ? null : Encoding.UTF8.GetBytes(value, RecordProperties.ValueRoom(room, nameLength));
            size += RecordProperties.Close(room, nameLength, valueLength);
        }
        return block[..size];
    }
}
