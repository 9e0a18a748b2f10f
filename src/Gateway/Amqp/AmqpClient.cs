using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using System.Security.Cryptography.X509Certificates;
using Homeport.Amqp;
using Homeport.Amqp.Performatives;
using Homeport.Contract.Errors;
using Homeport.Gateway.Amqp.Devices;
using Homeport.Gateway.Amqp.Provisioning;
using Homeport.Gateway.Mqtt;
using Homeport.Hub.Access;
using Homeport.Hub.Live;
using Homeport.Provisioning.Registrations;

namespace Homeport.Gateway.Amqp;

/// <summary>
/// One AMQP connection: its loop feeds the engine with bytes, lets nodes decide about links, and writes what the engine has to say.
/// Devices, services and consumers may share a connection.
/// </summary>
/// <remarks>
/// The engine is used under one lock. The loop holds it while it takes frames; everybody else enters by <see cref="Enter"/>, which
/// also starts the writing when they leave. What takes time happens between frames, outside of the lock.
/// </remarks>
public sealed partial class AmqpClient : ISweptConnection, IDisposable
{
    private static readonly TimeSpan OpenTimeout = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan SlowClientTimeout = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan CloseTimeout = TimeSpan.FromSeconds(1);

    private readonly AmqpDoor _door;
    private readonly PipeReader _input;
    private readonly PipeWriter _output;
    private readonly Lock _gate = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly AmqpConnection _connection;
    private readonly Dictionary<string, AmqpDevice> _devices = new(StringComparer.Ordinal);
    private readonly Queue<Func<ValueTask>> _work = new();
    private readonly long _startedAt;
    private Dictionary<AmqpLink, string>? _byPolicy;
    private TaskCompletionSource? _drained;
    private Task _flush = Task.CompletedTask;
    private bool _flushing;
    private long _flushStarted;
    private long _closedAt;
    private int _reason;
    private bool _ending;
    private TpmExchange? _tpm;

    internal AmqpClient(AmqpDoor door, PipeReader input, PipeWriter output, X509Certificate2? certificate, IPAddress? remote)
    {
        _door = door;
        _input = input;
        _output = output;
        Certificate = certificate;
        Remote = remote;
        Tokens = new ClientTokens(door.Hub.Authenticator, door.Authorizer, certificate);
        _connection = AmqpConnection.Server(AmqpDoor.Settings, this, door.Time);
        Ended = _stop.Token;
        _startedAt = door.Time.GetTimestamp();
        Settlements = new Settlements(this);
    }

    /// <summary>Why the connection ended.</summary>
    public CloseReason Reason => (CloseReason)Volatile.Read(ref _reason);

    /// <summary>True when the transport is to end without a word as well.</summary>
    internal bool IsAborted { get; private set; }

    /// <summary>TLS client certificate, or null.</summary>
    public X509Certificate2? Certificate { get; }

    /// <summary>Address of the client, or null.</summary>
    public IPAddress? Remote { get; }

    /// <summary>The host that the client means; null until it opened.</summary>
    public string? HostName => _connection.Peer?.HostName;

    /// <summary>For logs.</summary>
    public string Name => _connection.Peer?.ContainerId ?? "(nobody yet)";

    /// <summary>Ends when the connection does.</summary>
    public CancellationToken Ended { get; }

    /// <summary>What a device that registers said of itself by SASL; null for others.</summary>
    internal RegistrationCall? Registration { get; private set; }

    internal ClientTokens Tokens { get; }

    internal Settlements Settlements { get; }

    /// <summary>Used for the message at hand, under the lock.</summary>
    internal PropertyBlock Properties { get; } = new();

    internal AmqpDoor Door => _door;

    /// <summary>
    /// Enters the connection, to send or settle from outside of its calls. Dispose to leave, which starts the writing:
    /// <c>using (client.Enter()) link.Send(...);</c>. Do not wait for anything inside.
    /// </summary>
    public Entry Enter()
    {
        _gate.Enter();
        return new Entry(this);
    }

    /// <summary>The error for a refusal, which is kept for the operator.</summary>
    /// <param name="refusal">What was refused.</param>
    /// <param name="subject">Device that it concerns, or null.</param>
    public AmqpError Refuse(Refusal refusal, string? subject = null) => AmqpErrors.Of(_door.Hub.Explanations.Keep(refusal, "amqp", subject));

    /// <summary>
    /// Lets a service's link in by a policy's token. The link is detached when the token ends and no newer one for the same audience
    /// has come. Call it from <see cref="IAmqpNode.AttachAsync"/>.
    /// </summary>
    /// <param name="link">The link.</param>
    /// <param name="needed">Right that it needs.</param>
    /// <param name="path">Segments of the address: a token for a part of the hub works below that part only.</param>
    public Outcome<SharedAccessPolicy> Authorize(AmqpLink link, Rights needed, params ReadOnlySpan<string> path)
    {
        var outcome = Tokens.Authorize(needed, path);
        if (!outcome.Succeeded(out var granted, out var refusal))
            return refusal;
        lock (_gate)
            (_byPolicy ??= [])[link] = granted.TokenKey;
        return granted.Policy;
    }

    /// <summary>Has something done before the next frame is read: for what must wait, called from within the connection's calls.</summary>
    public void BeforeNextFrame(Func<ValueTask> work) => _work.Enqueue(work);

    /// <inheritdoc/>
    public void Close(CloseReason reason)
    {
        if (Interlocked.CompareExchange(ref _reason, (int)reason, (int)CloseReason.None) != (int)CloseReason.None)
            return;
        using (Enter())
        {
            var error = AmqpErrors.OfConnection(reason);
            // The SDK for Node waits 45 seconds for its links when a connection is closed and its session is not.
            foreach (var session in _connection.Sessions.Where(s => s.IsOpen).ToArray())
                session.End(error);
            _connection.Close(error);
        }
        if (reason is CloseReason.SlowClient or CloseReason.ServerStopping)
            Stop();
    }

    /// <summary>Closes the connection in good order.</summary>
    internal void ShutDown(CloseReason reason)
    {
        using (Enter())
        {
            End(reason);
            _connection.Close();
        }
    }

    /// <summary>Ends the connection without a word.</summary>
    internal void Abort(CloseReason reason)
    {
        using (Enter())
        {
            End(reason);
            IsAborted = true;
            _connection.Abort();
        }
        Stop();
    }

    /// <inheritdoc/>
    public void CheckDeadlines()
    {
        var now = _door.Time.GetTimestamp();
        var started = Volatile.Read(ref _flushStarted);
        if (started != 0 && _door.Time.GetElapsedTime(started, now) > SlowClientTimeout)
            Close(CloseReason.SlowClient);
        var closed = Volatile.Read(ref _closedAt);
        if (closed != 0 && _door.Time.GetElapsedTime(closed, now) > CloseTimeout)
            Stop();
        using (Enter())
        {
            if (_connection.Peer is null && _door.Time.GetElapsedTime(_startedAt, now) > OpenTimeout)
            {
                End(CloseReason.ConnectTimeout);
                Stop();
                return;
            }
            _connection.Tick();
            EndWhatIsOver(_door.Time.GetUtcNow());
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _stop.Dispose();

    /// <summary>Serves the connection until it ends.</summary>
    internal async Task RunAsync()
    {
        while (!_stop.IsCancellationRequested && !_connection.IsEnded)
        {
            var result = await _input.ReadAsync(Ended);
            if (result.IsCanceled)
                break;
            var rest = await TakeAsync(result.Buffer);
            _input.AdvanceTo(rest.Start, rest.End);
            if (result.IsCompleted)
                break;
        }
    }

    /// <summary>Tells all links that the connection is over, writes what is left, and gives back what devices had.</summary>
    internal async Task EndAsync()
    {
        Task flush;
        using (Enter())
        {
            End(CloseReason.ClientGone);
            _ending = true;
            _connection.Abort();
            // One whose first link was being attached has none that ends it.
            foreach (var device in _devices.Values.ToArray())
                device.Close(CloseReason.ClientGone);
            StartFlush();
            flush = _flush;
        }
        Settlements.Close();
        try
        {
            await flush.WaitAsync(CloseTimeout, _door.Time);
        }
        catch (TimeoutException)
        {
            _output.CancelPendingFlush();
            await flush;
        }
        await _stop.CancelAsync();
    }

    private async ValueTask<ReadOnlySequence<byte>> TakeAsync(ReadOnlySequence<byte> buffer)
    {
        while (true)
        {
            bool more;
            lock (_gate)
            {
                do
                    more = _connection.TryReceive(ref buffer);
                while (more && _work.Count == 0 && _connection.OutputLength < AmqpDoor.Settings.OutputLimit);
                StartFlush();
            }
            while (_work.TryDequeue(out var work))
                await work();
            if (!more)
                return buffer;
            await RoomAsync();
        }
    }

    /// <summary>Waits while a client that does not read has much to be written for it.</summary>
    private Task RoomAsync()
    {
        lock (_gate)
        {
            if (_connection.OutputLength < AmqpDoor.Settings.OutputLimit)
                return Task.CompletedTask;
            _drained ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _drained.Task.WaitAsync(Ended);
        }
    }

    /// <summary>Starts writing unless that is under way; under the lock.</summary>
    private void StartFlush()
    {
        if (_flushing || _connection.OutputLength == 0)
            return;
        _flushing = true;
        _flush = FlushAsync();
    }

    private async Task FlushAsync()
    {
        try
        {
            while (TakeOutput())
            {
                Volatile.Write(ref _flushStarted, _door.Time.GetTimestamp());
                var result = await _output.FlushAsync();
                Volatile.Write(ref _flushStarted, 0);
                if (result.IsCompleted || result.IsCanceled)
                {
                    Stop();
                    return;
                }
                lock (_gate)
                    _connection.ResumeSending();
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or InvalidOperationException or OperationCanceledException)
        {
            // The client is gone; the reading side finds out as well.
            Stop();
        }
    }

    private bool TakeOutput()
    {
        TaskCompletionSource? drained;
        bool any;
        lock (_gate)
        {
            any = _connection.OutputLength > 0;
            _connection.TakeOutput(_output);
            _flushing = any;
            (drained, _drained) = (_drained, null);
        }
        drained?.TrySetResult();
        return any;
    }

    private void End(CloseReason reason) => Interlocked.CompareExchange(ref _reason, (int)reason, (int)CloseReason.None);

    /// <summary>Ends the loop, whatever it waits for.</summary>
    private void Stop()
    {
        if (!_stop.IsCancellationRequested)
            _ = _stop.CancelAsync();
        if (Reason == CloseReason.SlowClient)
            _output.CancelPendingFlush();
    }

    /// <summary>A stay inside a connection.</summary>
    public readonly ref struct Entry
    {
        private readonly AmqpClient _client;

        internal Entry(AmqpClient client) => _client = client;

        /// <summary>Leaves, and has the output written.</summary>
        public void Dispose()
        {
            _client.StartFlush();
            _client._gate.Exit();
        }
    }
}
