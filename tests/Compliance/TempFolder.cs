namespace Homeport.Tests;

/// <summary>A folder that goes away with the test.</summary>
internal sealed class TempFolder : IDisposable
{
    private readonly string _path = Directory.CreateTempSubdirectory("homeport-test-").FullName;

    public string File(string name) => Path.Combine(_path, name);

    /// <summary>The bytes of every file, with the names.</summary>
    public IEnumerable<(string Name, byte[] Bytes)> Contents() => Directory.EnumerateFiles(_path).Select(f => (Path.GetFileName(f), ReadAll(f)));

    public void Dispose() => Directory.Delete(_path, recursive: true);

    private static byte[] ReadAll(string file)
    {
        using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        using var copy = new MemoryStream();
        stream.CopyTo(copy);
        return copy.ToArray();
    }
}
