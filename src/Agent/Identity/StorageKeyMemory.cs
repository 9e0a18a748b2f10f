namespace Homeport.Agent.Identity;

/// <summary>The name of the storage root key under which this device was imprinted. Public; kept in a file.</summary>
internal sealed class StorageKeyMemory(string stateDirectory)
{
    private readonly string _path = Path.Combine(stateDirectory, "storage-root-key");

    public void Remember(ReadOnlySpan<byte> name)
    {
        Directory.CreateDirectory(stateDirectory);
        File.WriteAllText(_path, Convert.ToHexStringLower(name));
    }

    /// <summary>True when another key was remembered than the TPM has now.</summary>
    public bool IsAnother(ReadOnlySpan<byte> name)
        => File.Exists(_path) && File.ReadAllText(_path).Trim() is { Length: > 0 } known && known != Convert.ToHexStringLower(name);
}
