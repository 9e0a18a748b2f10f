using System.Diagnostics;
using System.Globalization;

namespace Homeport.Tests.Benchmarks.Measure;

/// <summary>What server, generator and everything else on the machine used between two moments.</summary>
internal sealed record Usage(TimeSpan Elapsed, TimeSpan Server, TimeSpan Generator, double OtherShare);

/// <summary>Opens a measured window; <see cref="Close"/> tells what was used since.</summary>
internal sealed class UsageWindow
{
    private readonly int _serverId;
    private readonly long _start = Stopwatch.GetTimestamp();
    private readonly TimeSpan _server;
    private readonly TimeSpan _generator;
    private readonly TimeSpan _machine;

    public UsageWindow(int serverId)
    {
        _serverId = serverId;
        _server = ProcessUsage.CpuTime(serverId);
        _generator = Environment.CpuUsage.TotalTime;
        _machine = MachineBusyTime();
    }

    public Usage Close()
    {
        var elapsed = Stopwatch.GetElapsedTime(_start);
        var server = ProcessUsage.CpuTime(_serverId) - _server;
        var generator = Environment.CpuUsage.TotalTime - _generator;
        var other = MachineBusyTime() - _machine - server - generator;
        return new Usage(elapsed, server, generator, Math.Max(0, other / (elapsed * Environment.ProcessorCount)));
    }

    /// <summary>All but idle and iowait of /proc/stat; steal counts as busy because nobody here could use it.</summary>
    private static TimeSpan MachineBusyTime()
    {
        var fields = File.ReadLines("/proc/stat").First().Split(' ', StringSplitOptions.RemoveEmptyEntries);
        var ticks = 0L;
        for (var i = 1; i <= 8; i++)
        {
            if (i is not (4 or 5))
                ticks += long.Parse(fields[i], CultureInfo.InvariantCulture);
        }

        return ProcessUsage.ClockTick * ticks;
    }
}
