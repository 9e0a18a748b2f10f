using System.Globalization;

namespace Homeport.Tests.Benchmarks.Measure;

/// <summary>CPU time and memory of a process and its children, read from /proc (proc(5)).</summary>
internal static class ProcessUsage
{
    /// <summary>Length of a clock tick of /proc (USER_HZ, 100 on every Linux architecture that .NET runs on).</summary>
    public static readonly TimeSpan ClockTick = TimeSpan.FromMilliseconds(10);

    /// <summary>User and system time of all threads, living and ended.</summary>
    public static TimeSpan CpuTime(int processId) => Family(processId).Aggregate(TimeSpan.Zero, static (sum, id) => sum + CpuTimeOfOne(id));

    /// <summary>Resident set in bytes.</summary>
    public static long ResidentBytes(int processId) => Family(processId).Sum(ResidentBytesOfOne);

    private static IEnumerable<int> Family(int processId)
    {
        yield return processId;
        foreach (var task in Directory.EnumerateDirectories($"/proc/{processId}/task"))
        {
            foreach (var child in File.ReadAllText(Path.Combine(task, "children")).Split(' ', StringSplitOptions.RemoveEmptyEntries))
            {
                foreach (var member in Family(int.Parse(child)))
                    yield return member;
            }
        }
    }

    private static TimeSpan CpuTimeOfOne(int processId)
    {
        var stat = File.ReadAllText($"/proc/{processId}/stat");

        // The command name may hold spaces; after its closing bracket come state (field 3) ... utime (14), stime (15).
        var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        return ClockTick * (long.Parse(fields[11], CultureInfo.InvariantCulture) + long.Parse(fields[12], CultureInfo.InvariantCulture));
    }

    private static long ResidentBytesOfOne(int processId)
    {
        foreach (var line in File.ReadLines($"/proc/{processId}/status"))
        {
            if (line.StartsWith("VmRSS:", StringComparison.Ordinal))
                return long.Parse(line.AsSpan(6, line.Length - 9).Trim(), CultureInfo.InvariantCulture) * 1024;
        }

        throw new InvalidDataException($"/proc/{processId}/status has no VmRSS.");
    }
}
