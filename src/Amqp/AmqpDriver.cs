using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.IO.Pipelines;

namespace Homeport.Amqp;

/// <summary>
/// The client's end of an AMQP connection: feeds the engine with the bytes of a stream and writes what it has to say. The engine is used under one lock;
/// whoever sends or settles from outside of its calls goes in by <see cref="Enter"/>.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "A semaphore without a wait handle holds nothing, and late callers may still release it.")]
public sealed class AmqpDriver : IAsyncDisposable
{
    private static readonly TimeSpan FarewellLimit = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan TickInterval = TimeSpan.FromSeconds(1);

    private readonly Stream _stream;
    private readonly IAsyncDisposable _owner;
    private readonly PipeReader _reader;
    private readonly TimeProvider _time;
    private readonly AmqpConnection _connection;
    private readonly Lock _gate = new();
    private readonly SemaphoreSlim _work = new(0);
    private readonly CancellationTokenSource _stop = new();
    private readonly ArrayBufferWriter<byte> _output = new(16 * 1024);
    private Task _reading = Task.CompletedTask;
    private Task _writing = Task.CompletedTask;
    private ITimer? _ticks;
    private bool _isSignalled;

    /// <summary>A connection that does not begin before <see cref="Start"/>.</summary>
    /// <param name="stream">Bytes to the peer and back.</param>
    /// <param name="owner">What is disposed at the end: the stream, or what it belongs to.</param>
    /// <param name="settings">How this side behaves.</param>
    /// <param name="handler">Whom to tell; called under the lock.</param>
    /// <param name="time">The clock.</param>
    public AmqpDriver(Stream stream, IAsyncDisposable owner, ConnectionSettings settings, IConnectionHandler handler, TimeProvider time)
    {
        _stream = stream;
        _owner = owner;
        _time = time;
        _reader = PipeReader.Create(stream, new StreamPipeReaderOptions(bufferSize: 16 * 1024, leaveOpen: true));
        _connection = AmqpConnection.Client(settings, handler, time);
    }

    /// <summary>Called when the stream fails, before the links hear of the end.</summary>
    public Action<Exception>? Broken { get; set; }

    /// <summary>Starts to read and to write.</summary>
    public void Start()
    {
        _reading = Task.Run(() => GuardAsync(ReadAsync));
        _writing = Task.Run(() => GuardAsync(WriteAsync));
        _ticks = _time.CreateTimer(_ => Tick(), null, TickInterval, TickInterval);
        using (Enter())
        {
            // Leaving writes the first bytes.
        }
    }

    /// <summary>Enters the connection. Dispose to leave, which starts the writing. Do not wait for anything inside.</summary>
    public Entry Enter()
    {
        _gate.Enter();
        return new Entry(this);
    }

    /// <summary>Says goodbye and ends.</summary>
    public async ValueTask DisposeAsync()
    {
        Task goodbye;
        using (Enter())
        {
            _connection.Close();
            // Of a connection that was not open yet the peer says nothing more.
            goodbye = _connection.IsEnded ? _writing : Task.WhenAll(_reading, _writing);
        }

        try
        {
            await goodbye.WaitAsync(FarewellLimit, _time);
        }
        catch (TimeoutException)
        {
            // It is being closed anyway.
        }

        await _stop.CancelAsync();
        await Task.WhenAll(_reading, _writing);
        if (_ticks is not null)
            await _ticks.DisposeAsync();
        await _reader.CompleteAsync();
        await _owner.DisposeAsync();
        _stop.Dispose();
    }

    private async Task ReadAsync()
    {
        while (true)
        {
            var result = await _reader.ReadAsync(_stop.Token);
            var buffer = result.Buffer;
            var isEnded = false;
            using (Enter())
            {
                while (_connection.TryReceive(ref buffer))
                {
                    // Each turn takes a frame.
                }

                isEnded = _connection.IsEnded;
            }

            _reader.AdvanceTo(buffer.Start, buffer.End);
            if (isEnded || result.IsCompleted)
                return;
        }
    }

    private async Task WriteAsync()
    {
        while (true)
        {
            await _work.WaitAsync(_stop.Token);
            bool isEnded;
            lock (_gate)
            {
                _isSignalled = false;
                _connection.TakeOutput(_output);
                isEnded = _connection.IsEnded;
            }

            if (_output.WrittenCount > 0)
                await _stream.WriteAsync(_output.WrittenMemory, _stop.Token);
            _output.ResetWrittenCount();
            if (isEnded)
                return;
            using (Enter())
                _connection.ResumeSending();
        }
    }

    private void Tick()
    {
        using (Enter())
            _connection.Tick();
    }

    private async Task GuardAsync(Func<Task> loop)
    {
        Exception? cause = null;
        try
        {
            await loop();
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // The end came from elsewhere.
        }
        catch (Exception e)
        {
            // Whatever it is, the connection cannot go on, and whoever waits for it hears why.
            cause = e;
        }

        if (cause is not null)
            Broken?.Invoke(cause);
        using (Enter())
        {
            _connection.Abort();
            Signal();
        }

        // One loop does not go on without the other; the writer may have a last word.
        if (cause is null)
            _stop.CancelAfter(FarewellLimit);
        else
            await _stop.CancelAsync();
    }

    private void Signal()
    {
        if (_isSignalled)
            return;
        _isSignalled = true;
        _work.Release();
    }

    /// <summary>A stay inside the connection.</summary>
    public readonly ref struct Entry
    {
        private readonly AmqpDriver _driver;

        internal Entry(AmqpDriver driver) => _driver = driver;

        /// <summary>The engine.</summary>
        public AmqpConnection Connection => _driver._connection;

        /// <summary>Leaves, and has the output written.</summary>
        public void Dispose()
        {
            if (_driver._connection.OutputLength > 0 || _driver._connection.IsEnded)
                _driver.Signal();
            _driver._gate.Exit();
        }
    }
}
