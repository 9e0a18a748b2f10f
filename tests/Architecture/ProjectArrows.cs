using System.Xml.Linq;

namespace Homeport.Tests.Architecture;

/// <summary>Which project may refer to which. Everything not written here is refused.</summary>
public static class ProjectArrows
{
    private const string Any = "*";

    private static readonly Dictionary<string, string[]> Allowed = new(StringComparer.Ordinal)
    {
        ["Contract"] = [],
        ["Mqtt"] = [],
        ["Amqp"] = [],
        ["Tpm"] = [],
        ["Log"] = ["Contract"],
        ["Hub"] = ["Contract", "Log"],
        ["Provisioning"] = ["Contract", "Tpm", "Hub"],
        ["People"] = ["Contract"],
        ["Models"] = [],
        ["Templates"] = ["Contract", "Models", "Hub"],
        ["Operations"] = ["Contract", "Models", "Hub", "Provisioning", "Templates", "Log", "Routing"],
        ["Routing"] = ["Contract", "Hub", "Log", "Amqp", "Mqtt"],
        ["Storage"] = ["Hub", "Provisioning", "Log", "Contract", "People", "Models", "Templates", "Operations", "Routing"],
        ["Gateway"] = ["Mqtt", "Amqp", "Contract", "Hub", "Provisioning", "Log", "Tpm", "People", "Models", "Templates", "Operations", "Routing"],
        ["Console"] = ["Contract", "Hub", "Provisioning", "People", "Models", "Templates", "Operations", "Routing"],
        ["Streams"] = ["Hub", "Log"],
        ["Device"] = ["Tpm", "Mqtt", "Amqp", "Contract"],
        ["Agent"] = ["Device", "Tpm", "Contract"],
        ["Server"] = [Any],
        ["Simulation"] = ["Device", "Models"],
        ["Tool"] = ["Device", "Tpm", "Contract", "Models", "Simulation"],
    };

    /// <summary>Arrows outside the table, unknown projects, arrows into tests and circles.</summary>
    public static IEnumerable<string> Violations(IReadOnlyList<SourceFile> files)
    {
        var arrows = new Dictionary<string, string[]>(StringComparer.Ordinal);
        foreach (var project in files.Where(f => f.Extension == ".csproj"))
        {
            var targets = References(project);
            arrows[project.Path] = targets;
            foreach (var violation in Refused(project, targets))
                yield return violation;
        }

        foreach (var file in files.Where(f => f.Extension is ".props" or ".targets" && References(f).Length > 0))
            yield return $"{file.Path}: a reference between projects belongs into the project file, where it can be seen";

        foreach (var circle in Circles(arrows))
            yield return circle;
    }

    /// <summary>Projects that the solution file does not build.</summary>
    public static IEnumerable<string> OutsideTheSolution(IReadOnlyList<SourceFile> files)
    {
        var solution = files.Single(f => f.Path == "Homeport.slnx");
        var built = XDocument.Parse(solution.Text).Descendants("Project").Select(p => (string?)p.Attribute("Path")).ToHashSet(StringComparer.Ordinal);
        return files.Where(f => f.Extension == ".csproj" && !built.Contains(f.Path)).Select(f => $"{f.Path}: not in Homeport.slnx, so nothing builds it");
    }

    private static IEnumerable<string> Refused(SourceFile project, string[] targets)
    {
        if (!project.IsIn("src"))
            yield break;
        var name = Path.GetFileNameWithoutExtension(project.Name);
        if (!Allowed.TryGetValue(name, out var allowed))
        {
            yield return $"{project.Path}: the project is not in the table of allowed arrows";
            yield break;
        }

        foreach (var target in targets)
        {
            var targetName = Path.GetFileNameWithoutExtension(target);
            if (!target.StartsWith("src/", StringComparison.Ordinal))
                yield return $"{project.Path}: refers to {target}, which is outside src";
            else if (!allowed.Contains(Any) && !allowed.Contains(targetName, StringComparer.Ordinal))
                yield return $"{project.Path}: {name} may not refer to {targetName} (allowed: {(allowed.Length == 0 ? "none" : string.Join(", ", allowed))})";
        }
    }

    private static string[] References(SourceFile project)
    {
        var folder = Path.GetDirectoryName(project.Path) ?? "";
        return
        [
            .. XDocument.Parse(project.Text).Descendants().Where(e => e.Name.LocalName == "ProjectReference")
                .SelectMany(e => ((string?)e.Attribute("Include") ?? "").Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
                .Select(include => Normalize(folder, include)),
        ];
    }

    private static string Normalize(string folder, string include)
    {
        var parts = new List<string>();
        foreach (var part in (folder + "/" + include.Replace('\\', '/')).Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            if (part == ".." && parts.Count > 0)
                parts.RemoveAt(parts.Count - 1);
            else if (part != ".")
                parts.Add(part);
        }

        return string.Join('/', parts);
    }

    private static IEnumerable<string> Circles(Dictionary<string, string[]> arrows)
    {
        var done = new HashSet<string>(StringComparer.Ordinal);
        var path = new List<string>();
        var found = new List<string>();
        foreach (var project in arrows.Keys)
            Visit(project);
        return found;

        void Visit(string project)
        {
            var start = path.IndexOf(project);
            if (start >= 0)
            {
                found.Add("circle: " + string.Join(" -> ", path.Skip(start).Append(project)));
                return;
            }

            if (!done.Add(project))
                return;
            path.Add(project);
            foreach (var target in arrows.GetValueOrDefault(project, []))
                Visit(target);
            path.RemoveAt(path.Count - 1);
        }
    }
}
