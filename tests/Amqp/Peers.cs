using System.Buffers;
using System.Text;
using Homeport.Amqp;
using Homeport.Amqp.Performatives;
using Homeport.Amqp.Sasl;

namespace Homeport.Tests.Amqp;

/// <summary>A client and a server, joined by memory.</summary>
internal sealed class Peers
{
    public static readonly ConnectionSettings Settings = new() { ContainerId = "server", SaslMechanisms = ["PLAIN", "ANONYMOUS"] };

    public Peers(ConnectionSettings? server = null, ConnectionSettings? client = null, TimeProvider? time = null)
    {
        ServerSide = new End();
        ClientSide = new End();
        Server = AmqpConnection.Server(server ?? Settings, ServerSide, time ?? TimeProvider.System);
        Client = AmqpConnection.Client(client ?? new ConnectionSettings { ContainerId = "client" }, ClientSide, time ?? TimeProvider.System);
    }

    public AmqpConnection Server { get; }

    public AmqpConnection Client { get; }

    public End ServerSide { get; }

    public End ClientSide { get; }

    /// <summary>Opened, with one session.</summary>
    public static Peers Open(ConnectionSettings? server = null, ConnectionSettings? client = null)
    {
        var peers = new Peers(server, client);
        peers.Pump();
        peers.Client.IsOpen.ShouldBeTrue();
        peers.Session = peers.Client.BeginSession();
        peers.Pump();
        return peers;
    }

    public AmqpSession Session { get; private set; } = null!;

    /// <summary>Carries bytes to and fro until both are silent.</summary>
    public void Pump()
    {
        while (Carry(Client, Server) | Carry(Server, Client))
        {
            // One of them had something to say.
        }
    }

    public static bool Carry(AmqpConnection from, AmqpConnection to)
    {
        if (from.OutputLength == 0)
            return false;
        var bytes = new ArrayBufferWriter<byte>();
        from.TakeOutput(bytes);
        Give(to, bytes.WrittenSpan.ToArray());
        from.ResumeSending();
        return true;
    }

    public static void Give(AmqpConnection to, byte[] bytes)
    {
        var buffer = new ReadOnlySequence<byte>(bytes);
        while (to.TryReceive(ref buffer))
        {
            // Each turn takes a header or a frame.
        }
    }

    /// <summary>Takes everything, and notes it.</summary>
    public sealed class End : IConnectionHandler, IReceiverHandler, ISenderHandler
    {
        public List<AmqpLink> Links { get; } = [];

        public List<Attach> Attaches { get; } = [];

        public List<(uint Id, string Payload, bool Settled)> Deliveries { get; } = [];

        public List<(DeliveryState? State, bool Settled, object? Context)> Outcomes { get; } = [];

        public List<AmqpError?> Detached { get; } = [];

        public List<Attach> Answers { get; } = [];

        public AmqpError? Closed { get; private set; }

        public bool IsClosed { get; private set; }

        public AmqpError? Ended { get; private set; }

        public int Credits { get; private set; }

        /// <summary>What becomes of deliveries at once; null to leave them.</summary>
        public DeliveryState? Answer { get; set; } = DeliveryState.Accepted;

        /// <summary>Window for links by which the peer sends.</summary>
        public int Window { get; set; } = 10;

        public AmqpError? Refusal { get; set; }

        /// <summary>Leaves links without an answer.</summary>
        public bool AnswersLater { get; set; }

        public Action<SendingLink>? WhenCredit { get; set; }

        public List<string> Sasl { get; } = [];

        public SaslCode Code { get; set; }

        public void OnSaslInit(AmqpConnection connection, SaslInit init)
        {
            Sasl.Add($"{init.Mechanism} {Convert.ToHexStringLower(init.InitialResponse ?? [])}");
            if (init.Mechanism == "TPM")
                connection.SaslChallenge([0]);
            else
                connection.SaslEnd(Code);
        }

        public void OnSaslResponse(AmqpConnection connection, byte[] response)
        {
            Sasl.Add(Convert.ToHexStringLower(response));
            connection.SaslRespond([7]);
            connection.SaslEnd(Code);
        }

        public void OnOpened(AmqpConnection connection, Open open)
        {
            // Seen in Peer.
        }

        public void OnAttach(AmqpLink link, Attach attach)
        {
            Attaches.Add(attach);
            if (Refusal is { } error)
            {
                link.Refuse(attach, error);
                return;
            }
            Links.Add(link);
            if (!AnswersLater)
                Accept(link, attach);
        }

        /// <summary>Answers an attach that waited.</summary>
        public void Accept(AmqpLink link, Attach attach)
        {
            link.Accept(attach, this);
            if (link is ReceivingLink receiving && Window > 0)
                receiving.KeepWindow(Window);
        }

        public void OnAttached(AmqpLink link, Attach answer) => Answers.Add(answer);

        public void OnSessionEnded(AmqpSession session, AmqpError? error) => Ended = error;

        public void OnClosed(AmqpConnection connection, AmqpError? error, bool byPeer) => (Closed, IsClosed) = (error, true);

        public void OnDetached(AmqpLink link, AmqpError? error) => Detached.Add(error);

        public void OnDelivery(ReceivingLink link, in Delivery delivery)
        {
            Deliveries.Add((delivery.Id, Encoding.UTF8.GetString(delivery.Payload), delivery.Settled));
            if (Answer is not null && !delivery.Settled)
                link.Settle(delivery.Id, Answer);
        }

        public void OnCredit(SendingLink link)
        {
            Credits++;
            WhenCredit?.Invoke(link);
        }

        public void OnOutcome(SendingLink link, OutgoingDelivery delivery, DeliveryState? state, bool settled)
        {
            Outcomes.Add((state, settled, delivery.Context));
            if (!settled)
                link.Settle(delivery, state);
        }
    }

    /// <summary>Refuses every link.</summary>
    public sealed class Quiet : IConnectionHandler
    {
        public void OnSaslInit(AmqpConnection connection, SaslInit init) => connection.SaslEnd(SaslCode.Auth);

        public void OnSaslResponse(AmqpConnection connection, byte[] response) => connection.SaslEnd(SaslCode.Auth);

        public void OnOpened(AmqpConnection connection, Open open)
        {
            // Nothing to do.
        }

        public void OnAttach(AmqpLink link, Attach attach) => link.Refuse(attach, new AmqpError(ErrorCondition.NotFound));

        public void OnSessionEnded(AmqpSession session, AmqpError? error)
        {
            // Nothing to do.
        }

        public void OnClosed(AmqpConnection connection, AmqpError? error, bool byPeer)
        {
            // Nothing to do.
        }
    }
}
