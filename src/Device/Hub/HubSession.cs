using Homeport.Device.Client;
using Homeport.Device.Client.Errors;
using Microsoft.Extensions.Logging;

namespace Homeport.Device.Hub;

/// <summary>
/// Keeps one connection of a device to its hub: makes it again when it ends, with growing pauses, and replaces it before its token ends. While it
/// is replaced callers wait, what is on its way is acknowledged first, and the hub keeps the session, so nothing is lost and nothing overtakes.
/// </summary>
internal sealed partial class HubSession(HubConnector connector, HubEvents events, TimeProvider time, ILogger logger) : IAsyncDisposable
{
    /// <summary>A connection that lasted less counts as a failure: otherwise two devices with one id would push each other out without a pause.</summary>
    private static readonly TimeSpan Stable = TimeSpan.FromSeconds(10);

    /// <summary>How long a renewal waits for acknowledgements.</summary>
    private static readonly TimeSpan DrainLimit = TimeSpan.FromSeconds(30);

    private readonly ILogger _logger = logger;
    private readonly Lock _gate = new();
    private readonly CancellationTokenSource _closing = new();
    private TaskCompletionSource<IHubLink> _link = NewPromise();
    private Task _run = Task.CompletedTask;
    private bool _running;
    private HubFeatures _features;

    /// <summary>Called at each change, one call at a time.</summary>
    public ConnectionStatusChangesHandler? StatusChanged { get; set; }

    /// <summary>Called after each connection.</summary>
    public Action? Connected { get; set; }

    /// <summary>Called after each connection but the first.</summary>
    public Action? Reconnected { get; set; }

    public IRetryPolicy RetryPolicy { get; set; } = new ExponentialBackoff();

    /// <summary>Never gives up, also not when the hub refuses the device: for clients with a queue.</summary>
    public bool IsPersistent { get; init; }

    public (ConnectionStatus Status, ConnectionStatusChangeReason Reason) Status { get; private set; } =
        (ConnectionStatus.Disconnected, ConnectionStatusChangeReason.Client_Close);

    /// <summary>Why there is no connection; null while there is one.</summary>
    public IotHubException? LastFailure { get; private set; }

    /// <summary>The connection; waits while it is being made.</summary>
    /// <exception cref="IotHubException">It cannot be made, and trying again does not help or the retry policy gave up.</exception>
    public Task<IHubLink> GetLinkAsync(CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_closing.IsCancellationRequested, this);
            if (!_running)
            {
                _running = true;
                _run = Task.Run(RunAsync, CancellationToken.None);
            }

            return _link.Task.WaitAsync(cancellationToken);
        }
    }

    /// <summary>Subscribes, now and on every later connection.</summary>
    public async Task EnableAsync(HubFeatures features, CancellationToken cancellationToken)
    {
        var link = await GetLinkAsync(cancellationToken);
        await link.EnableAsync(features, cancellationToken);
        lock (_gate)
            _features |= features;
    }

    public async ValueTask DisposeAsync()
    {
        Task run;
        lock (_gate)
            run = _run;
        await _closing.CancelAsync();
        await run;
        TaskCompletionSource<IHubLink> promise;
        lock (_gate)
            promise = _link;
        promise.TrySetException(Closed());
        SetStatus(ConnectionStatus.Disabled, ConnectionStatusChangeReason.Client_Close);
    }

    private async Task RunAsync()
    {
        var failures = 0;
        var isFirst = true;
        try
        {
            while (true)
            {
                IHubLink link;
                try
                {
                    link = await ConnectAsync();
                }
                catch (IotHubException e)
                {
                    if (!await PauseAsync(e, failures++))
                        return;
                    continue;
                }

                var start = time.GetTimestamp();
                IotHubException? end;
                await using (link)
                {
                    Publish(link);
                    Connected?.Invoke();
                    if (!isFirst)
                        Reconnected?.Invoke();
                    isFirst = false;
                    end = await EndAsync(link);
                    Withdraw(end);
                    if (end is null)
                        await DrainAsync(link);
                }

                failures = time.GetElapsedTime(start) < Stable ? failures + 1 : 0;
                if (end is not null && !await PauseAsync(end, failures))
                    return;
            }
        }
        catch (OperationCanceledException) when (_closing.IsCancellationRequested)
        {
            // Closed by the program.
        }
        catch (Exception e)
        {
            // Not of the network: whoever waits has to hear of it.
            GiveUp(e, ConnectionStatusChangeReason.Communication_Error);
            throw;
        }
    }

    private async Task<IHubLink> ConnectAsync()
    {
        var link = await connector.ConnectAsync(events, _closing.Token);
        try
        {
            HubFeatures features;
            lock (_gate)
                features = _features;
            await link.EnableAsync(features, _closing.Token);
            return link;
        }
        catch
        {
            await link.DisposeAsync();
            throw;
        }
    }

    /// <summary>Waits for the end of a connection, or null when its token has to be replaced and that needs a new connection.</summary>
    private async Task<IotHubException?> EndAsync(IHubLink link)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(_closing.Token);
        do
        {
            var renewal = Task.Delay(connector.RenewAfter is { } after ? Positive(after) : Timeout.InfiniteTimeSpan, time, over.Token);
            await Task.WhenAny(link.Completion, renewal);
            _closing.Token.ThrowIfCancellationRequested();
        }
        while (!link.Completion.IsCompleted && await RenewAsync(link));
        var end = link.Completion.IsCompleted ? await link.Completion : null;
        await over.CancelAsync();
        return end;
    }

    private async Task<bool> RenewAsync(IHubLink link)
    {
        try
        {
            return await connector.RenewAsync(link, _closing.Token);
        }
        catch (IotHubException e)
        {
            // A new connection finds out whether that lasts.
            LogNotRenewed(e.Message);
            return false;
        }
    }

    private async Task DrainAsync(IHubLink link)
    {
        LogRenewal(link.InFlight);
        try
        {
            await link.WhenDrained().WaitAsync(DrainLimit, time, _closing.Token);
        }
        catch (Exception e) when (e is TimeoutException or IotHubException)
        {
            // What was not acknowledged is sent again.
            LogNotDrained(link.InFlight);
        }
    }

    /// <summary>False when nothing is tried any more.</summary>
    private async Task<bool> PauseAsync(IotHubException e, int failures)
    {
        LastFailure = e;
        var reason = ReasonOf(e);
        var tries = IsPersistent || e.IsTransient;
        if (!tries || !RetryPolicy.ShouldRetry(failures, e, out var pause))
        {
            GiveUp(e, tries ? ConnectionStatusChangeReason.Retry_Expired : reason);
            return false;
        }

        SetStatus(ConnectionStatus.Disconnected_Retrying, reason);
        LogPause(pause, e.Message);
        await Task.Delay(pause, time, _closing.Token);
        return true;
    }

    private void Publish(IHubLink link)
    {
        TaskCompletionSource<IHubLink> promise;
        lock (_gate)
            promise = _link;
        LastFailure = null;
        promise.TrySetResult(link);
        SetStatus(ConnectionStatus.Connected, ConnectionStatusChangeReason.Connection_Ok);
    }

    private void Withdraw(IotHubException? end)
    {
        lock (_gate)
            _link = NewPromise();
        if (end is not null)
            SetStatus(ConnectionStatus.Disconnected_Retrying, ReasonOf(end));
    }

    private void GiveUp(Exception e, ConnectionStatusChangeReason reason)
    {
        TaskCompletionSource<IHubLink> promise;
        lock (_gate)
        {
            promise = _link;
            _link = NewPromise();
            _running = false;
        }

        SetStatus(ConnectionStatus.Disconnected, reason);
        LogGivenUp(e.Message);
        promise.TrySetException(e);
    }

    private void SetStatus(ConnectionStatus status, ConnectionStatusChangeReason reason)
    {
        if (Status == (status, reason))
            return;
        Status = (status, reason);
        StatusChanged?.Invoke(status, reason);
    }

    private static ConnectionStatusChangeReason ReasonOf(IotHubException e) => e.End switch
    {
        HubLinkEnd.Refused => ConnectionStatusChangeReason.Bad_Credential,
        _ => ConnectionStatusChangeReason.Communication_Error,
    };

    private static TimeSpan Positive(TimeSpan time) => time > TimeSpan.Zero ? time : TimeSpan.Zero;

    private static ObjectDisposedException Closed() => new(nameof(DeviceClient));

    private static TaskCompletionSource<IHubLink> NewPromise() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    [LoggerMessage(30, LogLevel.Information, "The token is replaced; {InFlight} messages are on their way")]
    private partial void LogRenewal(int inFlight);

    [LoggerMessage(31, LogLevel.Warning, "{InFlight} messages were not acknowledged before the token is replaced; they are sent again")]
    private partial void LogNotDrained(int inFlight);

    [LoggerMessage(34, LogLevel.Warning, "The hub did not take the next token: {Reason}")]
    private partial void LogNotRenewed(string reason);

    [LoggerMessage(32, LogLevel.Warning, "No connection to the hub, the next attempt comes in {Pause}: {Reason}")]
    private partial void LogPause(TimeSpan pause, string reason);

    [LoggerMessage(33, LogLevel.Warning, "No connection to the hub until the next call: {Reason}")]
    private partial void LogGivenUp(string reason);
}
