using System.Text;
using Homeport.Amqp;
using Homeport.Amqp.Performatives;

namespace Homeport.Tests.Amqp;

/// <summary>Links: credit, settlement, outcomes, deliveries in parts, refusals.</summary>
public sealed class LinkTests
{
    [Fact]
    public void Deliveries_arrive_in_order_and_are_settled_with_their_outcome()
    {
        var peers = Peers.Open();
        var link = Sender(peers);
        for (var i = 0; i < 5; i++)
            link.Send(Encoding.UTF8.GetBytes($"m{i}"), context: i).ShouldNotBeNull();
        peers.Pump();
        peers.ServerSide.Deliveries.Select(d => d.Payload).ShouldBe(["m0", "m1", "m2", "m3", "m4"]);
        peers.ClientSide.Outcomes.ShouldBe(Enumerable.Range(0, 5).Select(i => ((DeliveryState?)DeliveryState.Accepted, true, (object?)i)));
        link.Unsettled.ShouldBe(0);
        ((ReceivingLink)peers.ServerSide.Links[0]).Unsettled.ShouldBe(0);
    }

    [Fact]
    public void Credit_stops_a_sender_until_there_is_more()
    {
        var peers = Peers.Open();
        peers.ServerSide.Answer = null;
        var link = Sender(peers);
        for (var i = 0; i < 10; i++)
            link.Send("x"u8).ShouldNotBeNull();
        (link.CanSend, link.Send("x"u8)).ShouldBe((false, null));
        peers.Pump();
        link.CanSend.ShouldBeFalse("nothing was answered");
        var receiving = (ReceivingLink)peers.ServerSide.Links[0];
        receiving.Settle(peers.ServerSide.Deliveries[0].Id, peers.ServerSide.Deliveries[4].Id, DeliveryState.Released);
        peers.Pump();
        link.Credit.ShouldBe(5u);
        peers.ClientSide.Outcomes.Count(o => o.State!.Kind == DeliveryStateKind.Released).ShouldBe(5);
        receiving.Hold();
        receiving.Settle(peers.ServerSide.Deliveries[5].Id, peers.ServerSide.Deliveries[9].Id, DeliveryState.Accepted);
        peers.Pump();
        link.Credit.ShouldBe(5u, "half a window is not reached while one is held back");
        receiving.Unhold();
        peers.Pump();
        link.Credit.ShouldBe(10u);
    }

    [Fact]
    public void A_message_larger_than_a_frame_goes_in_parts()
    {
        var peers = Peers.Open(Peers.Settings with { MaxFrameSize = 512 });
        var link = Sender(peers);
        var text = string.Concat(Enumerable.Range(0, 5000).Select(i => (char)('a' + i % 26)));
        link.Send(Encoding.UTF8.GetBytes(text));
        link.Send("next"u8);
        peers.Pump();
        peers.ServerSide.Deliveries.Select(d => d.Payload).ShouldBe([text, "next"]);
    }

    [Fact]
    public void A_small_session_window_delays_and_loses_nothing()
    {
        var peers = Peers.Open(Peers.Settings with { MaxFrameSize = 512, IncomingWindow = 2 });
        var link = Sender(peers);
        var sent = 0;
        peers.ClientSide.WhenCredit = l =>
        {
            while (sent < 40 && l.CanSend)
            {
                l.Send(Encoding.UTF8.GetBytes(new string((char)('a' + sent % 26), 1500)));
                sent++;
            }
        };
        peers.ClientSide.OnCredit(link);
        peers.Pump();
        peers.ServerSide.Deliveries.Count.ShouldBe(40);
        peers.ServerSide.Deliveries.Select(d => d.Payload[0]).ShouldBe(Enumerable.Range(0, 40).Select(i => (char)('a' + i % 26)));
    }

    [Fact]
    public void A_transfer_without_credit_and_one_too_large_end_the_link_alone()
    {
        var peers = Peers.Open(Peers.Settings with { MaxMessageSize = 1000 });
        var link = Sender(peers);
        link.Send(new byte[2000]);
        peers.Pump();
        peers.ClientSide.Detached.ShouldHaveSingleItem()!.Condition.ShouldBe(ErrorCondition.MessageSizeExceeded);
        peers.ServerSide.Window = 0;
        var second = peers.Session.AttachSender("second", new Source(), new Target { Address = "q" }, peers.ClientSide);
        peers.Pump();
        second.CanSend.ShouldBeFalse();
        // By hand: transfer with handle, id and tag, and no credit for it.
        Peers.Give(peers.Server, Sized(Convert.FromHexString("0000001b02000000" + "005314c00b05" + "5200" + "5201" + "a00101" + "43" + "42" + "005377"), second));
        peers.Pump();
        peers.ClientSide.Detached.Count.ShouldBe(2);
        peers.ClientSide.Detached[1]!.Condition.ShouldBe(ErrorCondition.TransferLimitExceeded);
        peers.Client.IsOpen.ShouldBeTrue();
    }

    [Fact]
    public void Settling_second_waits_for_the_sender()
    {
        var peers = Peers.Open();
        var receiving = peers.Session.AttachReceiver("in", new Source { Address = "q" }, new Target(), peers.ClientSide, mode: ReceiverSettleMode.Second);
        peers.Pump();
        receiving.SetCredit(10);
        peers.Pump();
        var sending = (SendingLink)peers.ServerSide.Links.Single();
        sending.Send("x"u8, new byte[16], context: "ctx").ShouldNotBeNull();
        peers.Pump();
        peers.ServerSide.Outcomes.ShouldHaveSingleItem().ShouldBe((DeliveryState.Accepted, false, "ctx"));
        sending.Unsettled.ShouldBe(0, "the handler settled");
    }

    [Fact]
    public void A_drain_uses_the_credit_up()
    {
        var peers = Peers.Open();
        var receiving = peers.Session.AttachReceiver("in", new Source { Address = "q" }, new Target(), peers.ClientSide);
        peers.Pump();
        var left = 3;
        peers.ServerSide.WhenCredit = l =>
        {
            while (left > 0 && l.CanSend)
            {
                l.Send("x"u8);
                left--;
            }
            l.CompleteDrain();
        };
        receiving.SetCredit(10, drain: true);
        peers.Pump();
        peers.ClientSide.Deliveries.Count.ShouldBe(3);
        receiving.Credit.ShouldBe(0u);
        ((SendingLink)peers.ServerSide.Links.Single()).Credit.ShouldBe(0u);
    }

    [Fact]
    public void A_refused_link_has_no_terminus_and_is_detached_with_the_reason()
    {
        var peers = Peers.Open();
        peers.ServerSide.Refusal = new AmqpError(ErrorCondition.Redirect, "elsewhere", new() { ["address"] = "amqps://x" });
        peers.Session.AttachReceiver("in", new Source { Address = "q" }, new Target(), peers.ClientSide);
        peers.Pump();
        peers.ClientSide.Answers.ShouldHaveSingleItem().Source.ShouldBeNull();
        var error = peers.ClientSide.Detached.ShouldHaveSingleItem()!;
        (error.Condition, error.Info!.Text("address")).ShouldBe((ErrorCondition.Redirect, "amqps://x"));
        peers.Server.LinkCount.ShouldBe(0);
    }

    [Fact]
    public void A_link_that_is_detached_before_its_answer_is_refused_so_that_the_peer_knows_it()
    {
        var peers = Peers.Open();
        peers.ServerSide.AnswersLater = true;
        peers.Session.AttachReceiver("in", new Source { Address = "q" }, new Target(), peers.ClientSide);
        peers.Pump();
        var link = peers.ServerSide.Links.Single();
        link.Detach(new AmqpError(ErrorCondition.Stolen, "another one came"));
        peers.ServerSide.Accept(link, peers.ServerSide.Attaches[0]);
        peers.Pump();
        peers.ClientSide.Answers.ShouldHaveSingleItem().Source.ShouldBeNull();
        peers.ClientSide.Detached.ShouldHaveSingleItem()!.Condition.ShouldBe(ErrorCondition.Stolen);
        (peers.Client.IsOpen, peers.Server.LinkCount).ShouldBe((true, 0));
    }

    [Fact]
    public void A_resumed_delivery_that_is_not_known_is_ignored_and_the_link_goes_on()
    {
        var peers = Peers.Open();
        var link = Sender(peers);
        link.Send("one"u8);
        peers.Pump();
        // By hand, in two frames: transfer with handle, id, tag, format, settled, more, nulls for rcv-settle-mode and state, resume.
        Peers.Give(peers.Server, Sized(Convert.FromHexString("0000000002000000" + "005314c00e09" + "5200" + "5201" + "a00107" + "43" + "42" + "41" + "40" + "40" + "41" + "6f6c64"), link));
        Peers.Give(peers.Server, Sized(Convert.FromHexString("0000000002000000" + "005314c00e09" + "5200" + "5201" + "a00107" + "43" + "42" + "42" + "40" + "40" + "42" + "6f6c64"), link));
        // The client's engine did not send them: its own numbers go on behind.
        Peers.Give(peers.Server, Sized(Convert.FromHexString("0000000002000000" + "005314c00a05" + "5200" + "5202" + "a00108" + "43" + "41" + "6e6577"), link));
        peers.ServerSide.Deliveries.Select(d => d.Payload).ShouldBe(["one", "new"]);
        peers.Server.IsOpen.ShouldBeTrue();
        peers.ServerSide.Detached.ShouldBeEmpty();
        ((ReceivingLink)peers.ServerSide.Links[0]).Unsettled.ShouldBe(0);
    }

    [Fact]
    public void Outcomes_carry_their_reasons()
    {
        var peers = Peers.Open();
        var states = new[]
        {
            DeliveryState.Reject(new AmqpError("com.example:no", "never")),
            new DeliveryState(DeliveryStateKind.Modified) { DeliveryFailed = true, UndeliverableHere = true },
            DeliveryState.Released,
        };
        var link = Sender(peers);
        foreach (var state in states)
        {
            peers.ServerSide.Answer = state;
            link.Send("x"u8);
            peers.Pump();
        }
        peers.ClientSide.Outcomes.Select(o => o.State).ShouldBe(states);
    }

    [Fact]
    public void A_thousand_links_on_a_connection_stay_small()
    {
        var peers = Peers.Open();
        var before = GC.GetTotalMemory(forceFullCollection: true);
        for (var i = 0; i < 1000; i++)
            peers.Session.AttachSender($"l{i}", new Source(), new Target { Address = $"/devices/d{i}/messages/events" }, peers.ClientSide);
        peers.Pump();
        peers.ServerSide.Attaches.Clear();
        peers.ClientSide.Answers.Clear();
        var each = (GC.GetTotalMemory(forceFullCollection: true) - before) / 1000;
        peers.Server.LinkCount.ShouldBe(1000);
        // Both ends of each link.
        each.ShouldBeLessThan(4096);
        GC.KeepAlive(peers);
    }

    private static SendingLink Sender(Peers peers)
    {
        var link = peers.Session.AttachSender("out", new Source(), new Target { Address = "q" }, peers.ClientSide);
        peers.Pump();
        link.State.ShouldBe(LinkState.Attached);
        return link;
    }

    /// <summary>Fills in size and handle.</summary>
    private static byte[] Sized(byte[] bytes, AmqpLink link)
    {
        bytes[3] = (byte)bytes.Length;
        bytes[15] = (byte)link.Session.Links.ToList().IndexOf(link);
        return bytes;
    }
}
