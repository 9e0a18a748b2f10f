using System.Collections.Concurrent;

namespace Homeport.Gateway.Mqtt;

/// <summary>Looks at every connection once a second and ends those whose time is over. One timer for all of them keeps an idle connection small.</summary>
public sealed class ConnectionSweeper(TimeProvider time)
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);
    private readonly ConcurrentDictionary<ISweptConnection, bool> _connections = new();

    /// <summary>Number of open connections, let in or not.</summary>
    public int Count => _connections.Count;

    /// <summary>Sweeps until stopped; then closes all connections.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        using var timer = new PeriodicTimer(Interval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stop))
            {
                foreach (var (connection, _) in _connections)
                    connection.CheckDeadlines();
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            foreach (var (connection, _) in _connections)
                connection.Close(Hub.Live.CloseReason.ServerStopping);
        }
    }

    internal void Add(ISweptConnection connection) => _connections[connection] = true;

    internal void Remove(ISweptConnection connection) => _connections.TryRemove(connection, out _);
}
