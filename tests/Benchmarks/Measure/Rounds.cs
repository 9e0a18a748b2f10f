namespace Homeport.Tests.Benchmarks.Measure;

/// <summary>All rounds of one target and the one with the median rate.</summary>
internal sealed record Measured<T>(string Name, T Median, IReadOnlyList<T> All);

/// <summary>Runs the targets in turn, round by round, so that a disturbance of the machine hits all of them.</summary>
internal static class Rounds
{
    private const double DisturbedAbove = 0.1;
    private const int MaxAttempts = 3;

    public static async Task<IReadOnlyList<Measured<T>>> RunAsync<T>(
        IEnumerable<string> names, int rounds, Func<string, Task<T>> measure, Func<T, double> orderBy, Func<T, Usage> usage)
    {
        var results = names.Select(static name => (Name: name, All: new List<T>())).ToList();
        for (var round = 1; round <= rounds; round++)
        {
            foreach (var (name, all) in results)
            {
                await Console.Error.WriteLineAsync($"{name}, round {round} of {rounds}");
                all.Add(await MeasureUndisturbedAsync(() => measure(name), usage));
            }
        }

        return [.. results.Select(result => new Measured<T>(result.Name, MedianOf(result.All, orderBy, usage), result.All))];
    }

    /// <summary>Each target with each later one: homeport / mosquitto, homeport / bare, mosquitto / bare.</summary>
    public static IEnumerable<(Measured<T> Above, Measured<T> Below)> Pairs<T>(IReadOnlyList<Measured<T>> measured)
    {
        for (var above = 0; above < measured.Count; above++)
        {
            for (var below = above + 1; below < measured.Count; below++)
                yield return (measured[above], measured[below]);
        }
    }

    /// <summary>What a reader must know to judge the numbers.</summary>
    public static string MachineLine() =>
        $"Generator and server share the {Environment.ProcessorCount} cores of one machine, one server at a time, over loopback: "
        + "a rate says what is left after the generator took its part, so compare the CPU per unit first. CPU is user + system time of the process over the measured window (/proc/<pid>/stat), kernel TCP work included. "
        + "\"Others' CPU\" is what every other process took of the machine; a measurement above 10 % was repeated, and is disturbed if it still shows more.";

    public static string TlsLine(IEnumerable<(string Name, string Tls)> negotiated) =>
        "Negotiated: " + string.Join("; ", negotiated.Select(static n => $"{n.Name} {n.Tls}")) + ".";

    /// <summary>Measures again, a few times, while other processes take the machine away; the table shows what remained.</summary>
    private static async Task<T> MeasureUndisturbedAsync<T>(Func<Task<T>> measure, Func<T, Usage> usage)
    {
        var best = await measure();
        for (var attempt = 1; attempt < MaxAttempts && usage(best).OtherShare > DisturbedAbove; attempt++)
        {
            await Console.Error.WriteLineAsync($"  other processes used {usage(best).OtherShare:P0} of the machine: once more");
            var again = await measure();
            best = usage(again).OtherShare < usage(best).OtherShare ? again : best;
        }

        return best;
    }

    /// <summary>The median of the undisturbed rounds, or of all if there is none.</summary>
    private static T MedianOf<T>(List<T> all, Func<T, double> orderBy, Func<T, Usage> usage)
    {
        var undisturbed = all.Where(result => usage(result).OtherShare <= DisturbedAbove).ToList();
        var candidates = undisturbed.Count > 0 ? undisturbed : all;
        return candidates.OrderBy(orderBy).ElementAt((candidates.Count - 1) / 2);
    }
}
