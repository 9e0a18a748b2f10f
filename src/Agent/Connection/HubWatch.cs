using System.Diagnostics.CodeAnalysis;
using Homeport.Agent.Identity;
using Homeport.Contract.Rest;

namespace Homeport.Agent.Connection;

/// <summary>
/// Looks from time to time whether the hub accepts the device, and learns the hub's time on the way. After trouble it looks again with growing,
/// jittered delays.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "A semaphore without a wait handle holds nothing, and it lives as long as the process.")]
internal sealed partial class HubWatch(AgentIdentity identity, HubCheck check, uint device, HubClock clock, ILogger<HubWatch> logger)
{
    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(10);
    /// <summary>Another program may imprint the TPM at any time.</summary>
    private static readonly TimeSpan EmptyInterval = TimeSpan.FromSeconds(20);

    private static readonly TimeSpan FirstDelay = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan LongestDelay = TimeSpan.FromMinutes(5);

    private readonly SemaphoreSlim _look = new(0, 1);
    private AgentConnection _state = new("unknown", null, null);
    private bool _saidClock;

    /// <summary>Called after each look at which the hub accepted the device.</summary>
    public Func<CancellationToken, Task>? Accepted { get; set; }

    public AgentConnection State => Volatile.Read(ref _state);

    /// <summary>Looks now: something changed.</summary>
    public void LookNow()
    {
        try
        {
            _look.Release();
        }
        catch (SemaphoreFullException)
        {
            // It is about to look already.
        }
    }

    public async Task RunAsync(CancellationToken stopping)
    {
        var delay = FirstDelay;
        while (!stopping.IsCancellationRequested)
        {
            var state = await LookAsync(stopping);
            if (state.State != State.State || state.Message != State.Message)
                Tell(state);
            Volatile.Write(ref _state, state);
            if (state.State == "connected" && Accepted is { } accepted)
                await accepted(stopping);
            var well = state.State is "connected" or "notProvisioned";
            delay = well ? FirstDelay : TimeSpan.FromTicks(Math.Min(delay.Ticks * 2, LongestDelay.Ticks));
            var wait = (state.State == "notProvisioned" ? EmptyInterval : well ? Interval : delay) * (0.75 + (Random.Shared.NextDouble() / 2));
            if (await _look.WaitAsync(wait, stopping))
                delay = FirstDelay;
        }
    }

    private async Task<AgentConnection> LookAsync(CancellationToken stopping)
    {
        for (var attempt = 0; ; attempt++)
        {
            var outcome = await identity.GetTokenAsync(device, AgentIdentity.DefaultLifetime, fresh: attempt > 0, stopping);
            if (!outcome.Succeeded(out var token, out var refusal))
            {
                return refusal.Error == AgentErrors.NotProvisioned
                    ? new AgentConnection("notProvisioned", null, clock.GetUtcNow())
                    : new AgentConnection("unknown", refusal.Text, clock.GetUtcNow());
            }

            var sight = await check.RunAsync(token, stopping);
            if (sight.ServerTime is { } serverTime && clock.Learn(serverTime))
            {
                identity.ClockMoved();
                if (sight.State == "refused" && attempt == 0)
                    continue;
            }

            // A key may have been imprinted by another program since the token was made.
            if (sight.State == "refused" && attempt == 0)
                continue;
            return new AgentConnection(sight.State, sight.Message, clock.GetUtcNow())
            {
                ClockBehindSeconds = clock.Behind == TimeSpan.Zero ? null : Math.Round(clock.Behind.TotalSeconds),
            };
        }
    }

    private void Tell(AgentConnection state)
    {
        if (state.State == "connected")
            LogConnected();
        else if (state.State != "notProvisioned")
            LogTrouble(state.State, state.Message ?? "");
        if (state.ClockBehindSeconds is { } seconds && !_saidClock)
            LogClock(seconds);
        _saidClock = state.ClockBehindSeconds is not null;
    }

    [LoggerMessage(1, LogLevel.Information, "The hub accepts the device")]
    private partial void LogConnected();

    [LoggerMessage(2, LogLevel.Warning, "The hub: {State}. {Message}")]
    private partial void LogTrouble(string state, string message);

    [LoggerMessage(3, LogLevel.Warning, "The clock of this device is {Seconds} seconds behind that of the hub. Tokens are made by the hub's time; set the clock (timedatectl set-ntp true)")]
    private partial void LogClock(double seconds);
}
