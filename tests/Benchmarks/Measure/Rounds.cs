namespace Homeport.Tests.Benchmarks.Measure;

/// <summary>All rounds of one target and the one with the median rate.</summary>
internal sealed record Measured<T>(string Name, T Median, IReadOnlyList<T> All);

/// <summary>Runs the targets in turn, round by round, so that a disturbance of the machine hits all of them.</summary>
internal static class Rounds
{
    public static async Task<IReadOnlyList<Measured<T>>> RunAsync<T>(IEnumerable<string> names, int rounds, Func<string, Task<T>> measure, Func<T, double> orderBy)
    {
        var results = names.Select(static name => (Name: name, All: new List<T>())).ToList();
        for (var round = 1; round <= rounds; round++)
        {
            foreach (var (name, all) in results)
            {
                await Console.Error.WriteLineAsync($"{name}, round {round} of {rounds}");
                all.Add(await measure(name));
            }
        }

        return [.. results.Select(result => new Measured<T>(result.Name, result.All.OrderBy(orderBy).ElementAt((rounds - 1) / 2), result.All))];
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

    public static string TlsLine(IEnumerable<(string Name, string Tls)> negotiated) =>
        "Negotiated: " + string.Join("; ", negotiated.Select(static n => $"{n.Name} {n.Tls}")) + ".";
}
