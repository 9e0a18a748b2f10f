using Homeport.Contract.Errors;

namespace Homeport.Hub.Files;

/// <summary>A store elsewhere could not be asked, or answered what it must not. The refusal is what clients are told.</summary>
public sealed class BlobStoreException(Refusal refusal, Exception inner) : IOException(refusal.Text, inner)
{
    /// <summary>For the client; without secrets.</summary>
    public Refusal Refusal => refusal;
}
