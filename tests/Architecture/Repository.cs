using System.Runtime.CompilerServices;

namespace Homeport.Tests.Architecture;

/// <summary>The files that belong to the project: what the build makes and what package clients fetch are left out.</summary>
public static class Repository
{
    private static readonly string[] MadeFolders = ["bin", "obj", "node_modules", ".git", ".vs", ".idea", "artifacts", "data", "TestResults"];

    private static readonly string[] TextExtensions =
    [
        ".cs", ".razor", ".cshtml", ".csproj", ".props", ".targets", ".slnx", ".json", ".xml", ".yml", ".yaml", ".md", ".txt", ".sql", ".js", ".mjs",
        ".css", ".html", ".sh", ".py", ".ps1", ".service", ".toml", ".npmrc", ".editorconfig", ".gitignore", "",
    ];

    /// <summary>The folder of Homeport.slnx, found from this file's place at compile time or from the test's own folder upwards.</summary>
    public static string Root { get; } = FindRoot(AppContext.BaseDirectory) ?? FindRoot(ThisFile())
        ?? throw new InvalidOperationException("Homeport.slnx is in none of the folders above " + AppContext.BaseDirectory);

    public static IReadOnlyList<SourceFile> Files { get; } = [.. Walk(Root)];

    public static bool Exists(string path)
    {
        var full = Path.Combine(Root, path);
        return File.Exists(full) || Directory.Exists(full);
    }

    private static string ThisFile([CallerFilePath] string path = "") => Path.GetDirectoryName(path) ?? "";

    private static string? FindRoot(string start)
    {
        for (var folder = new DirectoryInfo(start); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Homeport.slnx")))
                return folder.FullName;
        }

        return null;
    }

    private static IEnumerable<SourceFile> Walk(string folder)
    {
        foreach (var file in Directory.EnumerateFiles(folder).Order(StringComparer.Ordinal))
        {
            if (TextExtensions.Contains(Path.GetExtension(file), StringComparer.OrdinalIgnoreCase) && !IsMadeFile(file))
                yield return new SourceFile(Path.GetRelativePath(Root, file).Replace('\\', '/'), File.ReadAllText(file));
        }

        foreach (var child in Directory.EnumerateDirectories(folder).Order(StringComparer.Ordinal))
        {
            if (MadeFolders.Contains(Path.GetFileName(child), StringComparer.Ordinal) || File.GetAttributes(child).HasFlag(FileAttributes.ReparsePoint))
                continue;
            foreach (var file in Walk(child))
                yield return file;
        }
    }

    // In a second working tree ".git" is a file that names a folder of the machine.
    private static bool IsMadeFile(string file) => Path.GetFileName(file) == ".git";
}
