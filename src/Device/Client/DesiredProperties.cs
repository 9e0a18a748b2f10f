using System.Text.Json;
using System.Threading.Channels;
using Homeport.Device.Client.Errors;
using Microsoft.Extensions.Logging;

namespace Homeport.Device.Client;

/// <summary>
/// Hands changes of the desired properties to the program, one at a time and in order. A hub does not repeat what changed while the device was
/// away: after a reconnection the twin is fetched, and if it moved on the program gets all of it.
/// </summary>
internal sealed partial class DesiredProperties(Func<CancellationToken, Task<Twin>> getTwin, ILogger logger)
{
    private static readonly byte[] Refresh = [];

    private readonly ILogger _logger = logger;
    private readonly Channel<byte[]> _changes = Channel.CreateUnbounded<byte[]>(new UnboundedChannelOptions { SingleReader = true });
    private (DesiredPropertyUpdateCallback Callback, object? Context)? _handler;
    private long _version;

    public bool IsWanted => _handler is not null;

    /// <summary>Sets or removes the handler.</summary>
    public void Set(DesiredPropertyUpdateCallback? callback, object? context)
        => _handler = callback is null ? null : (callback, context);

    /// <summary>The state that the program knows, from which later changes count.</summary>
    public void Know(long version) => InterlockedMax(version);

    public void Changed(byte[] patch) => _changes.Writer.TryWrite(patch);

    public void Reconnected()
    {
        if (IsWanted)
            _changes.Writer.TryWrite(Refresh);
    }

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        await foreach (var change in _changes.Reader.ReadAllAsync(cancellationToken))
        {
            try
            {
                await HandleAsync(change, cancellationToken);
            }
            catch (Exception e) when (e is JsonException or IotHubException)
            {
                LogUnread(e.Message);
            }
        }
    }

    private async Task HandleAsync(byte[] change, CancellationToken cancellationToken)
    {
        var properties = change.Length == 0 ? (await getTwin(cancellationToken)).Properties.Desired : new TwinCollection(TwinCollection.Parse(change));
        // The twin of a refresh may hold a change that was pushed as well.
        if (properties.Version <= Interlocked.Read(ref _version))
            return;
        InterlockedMax(properties.Version);
        if (_handler is not { } handler)
            return;
        try
        {
            await handler.Callback(properties, handler.Context);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            // A fault of the program's handler is not to end the client.
            LogHandler(e);
        }
    }

    private void InterlockedMax(long version)
    {
        long known;
        do
        {
            known = Interlocked.Read(ref _version);
        }
        while (known < version && Interlocked.CompareExchange(ref _version, version, known) != known);
    }

    [LoggerMessage(60, LogLevel.Warning, "A change of the desired properties was not read: {Reason}")]
    private partial void LogUnread(string reason);

    [LoggerMessage(61, LogLevel.Error, "The handler of desired properties failed")]
    private partial void LogHandler(Exception e);
}
