namespace Homeport.Tests.Architecture;

/// <summary>A text file of the repository: its path from the root, with forward slashes, and its text.</summary>
public sealed record SourceFile(string Path, string Text)
{
    public string Name => System.IO.Path.GetFileName(Path);

    public string Extension => System.IO.Path.GetExtension(Path);

    public bool IsIn(string folder) => Path.StartsWith(folder + "/", StringComparison.Ordinal);

    /// <summary>The number (from 1) of the line that holds the character at <paramref name="index"/>.</summary>
    public int LineAt(int index) => Text.AsSpan(0, index).Count('\n') + 1;
}
