using System.Text.Json;
using Homeport.Contract.Rest;
using Microsoft.Extensions.Logging;

namespace Homeport.Device.Queue;

/// <summary>
/// Writes now and then how full a queue is into a small file that other programs may read: the page of the device shows it. The queue itself is for one
/// program and one user alone.
/// </summary>
internal sealed partial class QueueReport(OutgoingQueue queue, string path, Func<string?> trouble, TimeProvider time, ILogger logger)
{
    /// <summary>Between two writings of a queue that moves.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(2);

    /// <summary>Between two writings of one that does not, so that readers see that the program lives.</summary>
    private static readonly TimeSpan LongestPause = TimeSpan.FromMinutes(1);

    private readonly ILogger _logger = logger;
    private bool _saidFailure;

    /// <summary>Works until it is stopped.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        try
        {
            while (true)
            {
                var changed = queue.Changed;
                Write();
                await Task.WhenAny(changed, Task.Delay(LongestPause, time, cancellationToken));
                await Task.Delay(Pause, time, cancellationToken);
            }
        }
        finally
        {
            Write();
        }
    }

    private void Write()
    {
        try
        {
            var status = queue.Status;
            var report = new AgentQueue(queue.Path)
            {
                Messages = status.Messages,
                Bytes = status.Bytes,
                Dropped = status.Dropped,
                OldestSeconds = queue.OldestAge is { } age ? Math.Round(age.TotalSeconds) : null,
                Trouble = trouble(),
                Written = time.GetUtcNow(),
            };
            var temporary = path + ".new";
            File.WriteAllBytes(temporary, JsonSerializer.SerializeToUtf8Bytes(report, AgentJson.Default.AgentQueue));
            File.Move(temporary, path, overwrite: true);
            _saidFailure = false;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            if (!_saidFailure)
                LogFailure(path, e.Message);
            _saidFailure = true;
        }
    }

    [LoggerMessage(42, LogLevel.Warning, "The report of the queue, {Path}, cannot be written: {Reason}")]
    private partial void LogFailure(string path, string reason);
}
