using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;

namespace Homeport.Gateway;

/// <summary>
/// Reads on for a while after the server ended a connection. A client that still sends its too large body would otherwise meet a reset,
/// which takes the answer away from it before it has read it. RFC 9112, section 9.6. It stands below TLS: what comes is not looked at.
/// </summary>
public static class LingeringClose
{
    /// <summary>Bytes that are read after the end, at most.</summary>
    public const long MaxBytes = 32 * 1024 * 1024;

    private static readonly TimeSpan MaxTime = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan MaxSilence = TimeSpan.FromSeconds(2);

    /// <summary>For a listener, before its TLS.</summary>
    public static ConnectionDelegate Around(ConnectionDelegate next, TimeProvider time) => async connection =>
    {
        await next(connection);
        await DrainAsync(connection, time);
    };

    private static async Task DrainAsync(ConnectionContext connection, TimeProvider time)
    {
        using var end = new CancellationTokenSource(MaxTime, time);
        var stopping = connection.Features.Get<IConnectionLifetimeNotificationFeature>()?.ConnectionClosedRequested ?? CancellationToken.None;
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(end.Token, stopping, connection.ConnectionClosed);
        var left = MaxBytes;
        try
        {
            while (left > 0)
            {
                var read = await connection.Transport.Input.ReadAsync(stop.Token).AsTask().WaitAsync(MaxSilence, time, stop.Token);
                left -= read.Buffer.Length;
                connection.Transport.Input.AdvanceTo(read.Buffer.End);
                if (read.IsCompleted || read.IsCanceled)
                    return;
            }
        }
        catch (Exception e) when (e is OperationCanceledException or TimeoutException or IOException or ConnectionAbortedException or InvalidOperationException)
        {
            // Enough was waited, or the client went. InvalidOperationException: the reader is completed already, since the connection was aborted.
        }
    }
}
