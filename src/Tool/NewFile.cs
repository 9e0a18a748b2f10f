namespace Homeport.Tool;

/// <summary>Files that a command makes. None is overwritten: it may be the only copy of a key.</summary>
internal static class NewFile
{
    /// <summary>Writes a new file; a private one can be read by its owner only.</summary>
    /// <exception cref="ToolException">It is there already, or cannot be made.</exception>
    public static async Task WriteAsync(string path, string text, bool isPrivate, CancellationToken token)
    {
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (isPrivate && !OperatingSystem.IsWindows())
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        try
        {
            await using var writer = new StreamWriter(path, options);
            await writer.WriteAsync(text.AsMemory(), token);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw ToolException.BadUsage($"The file '{path}' cannot be made: {e.Message}", e);
        }
    }

    /// <summary>Replaces a file by a whole new one.</summary>
    public static async Task ReplaceAsync(string path, string text, CancellationToken token)
    {
        try
        {
            var temporary = path + ".new";
            await File.WriteAllTextAsync(temporary, text, token);
            File.Move(temporary, path, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw ToolException.BadUsage($"The file '{path}' cannot be written: {e.Message}", e);
        }
    }
}
