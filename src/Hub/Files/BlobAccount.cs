namespace Homeport.Hub.Files;

/// <summary>A storage account: its name, and the keys that sign for it.</summary>
/// <param name="Name">Stands in the text that is signed.</param>
/// <param name="Keys">The first signs; all are accepted.</param>
public sealed record BlobAccount(string Name, IReadOnlyList<byte[]> Keys)
{
    /// <summary>Name of the account of the built-in store.</summary>
    public const string BuiltIn = "homeport";

    /// <summary>Name only: the keys stay out of logs.</summary>
    public override string ToString() => Name;
}
