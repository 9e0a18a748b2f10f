using System.Diagnostics.CodeAnalysis;
using Homeport.Device.Client.Errors;
using Homeport.Device.Hub.Http;
using Microsoft.Extensions.Logging;

namespace Homeport.Device.Client;

/// <summary>
/// Fetches the signed roots of the hub when there is a connection, once a day. The hub notes who fetched: such a device is ready for the next root.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "A semaphore without a wait handle holds nothing, and late callers may still release it.")]
internal sealed partial class TrustUpdates(TrustStore store, HubHttp http, TimeProvider time, ILogger logger)
{
    private static readonly TimeSpan Interval = TimeSpan.FromDays(1);
    private static readonly TimeSpan RetryInterval = TimeSpan.FromHours(1);

    private readonly ILogger _logger = logger;
    private readonly SemaphoreSlim _connected = new(0, 1);

    /// <summary>There is a connection: a good moment.</summary>
    public void Connected()
    {
        try
        {
            _connected.Release();
        }
        catch (SemaphoreFullException)
        {
            // It is about to look already.
        }
    }

    /// <summary>Works until it is stopped.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            await _connected.WaitAsync(cancellationToken);
            var pause = RetryInterval;
            try
            {
                await UpdateAsync(cancellationToken);
                pause = Interval;
            }
            catch (Exception e) when (e is IotHubException or FormatException or IOException or UnauthorizedAccessException)
            {
                // A hub without such a bundle, such as Azure's, answers 404.
                LogNotUpdated(e.Message);
            }

            // A fleet does not ask at the same time.
            await Task.Delay(pause * (0.9 + (Random.Shared.NextDouble() / 5)), time, cancellationToken);
            Connected();
        }
    }

    /// <summary>Fetches now. True: there were other roots.</summary>
    public async Task<bool> UpdateAsync(CancellationToken cancellationToken)
    {
        using var response = await http.CallAsync(HttpMethod.Get, "trustBundle", null, null, cancellationToken);
        return store.Take(await response.Content.ReadAsByteArrayAsync(cancellationToken));
    }

    [LoggerMessage(85, LogLevel.Information, "The hub gave no root certificates: {Reason}")]
    private partial void LogNotUpdated(string reason);
}
