namespace Homeport.Tpm.Channels;

/// <summary>
/// One open way to a TPM: a whole command in, the whole response out. Not safe for use by several threads at once; <see cref="TpmSource"/> serialises.
/// Failures are <see cref="TpmException"/>s; after one the channel may be used again where its transport permits.
/// </summary>
public interface ITpmChannel : IDisposable
{
    /// <summary>Where the TPM is, for messages: a path or an address.</summary>
    string Name { get; }

    /// <summary>Sends a command and waits for its response.</summary>
    /// <param name="command">10 to 4,096 bytes.</param>
    /// <returns>10 to 4,096 bytes; the size in the header equals the length.</returns>
    byte[] Submit(ReadOnlySpan<byte> command);
}

/// <summary>How long a channel waits.</summary>
/// <param name="Connect">Until a connection stands. Local servers answer at once.</param>
/// <param name="Response">Until a response is complete. A chip needs up to a minute to make an RSA key; another program that holds the TPM also takes from this.</param>
public sealed record TpmTimeouts(TimeSpan Connect, TimeSpan Response)
{
    public static TpmTimeouts Default { get; } = new(TimeSpan.FromSeconds(5), TimeSpan.FromMinutes(2));
}
