using Homeport.Contract.Errors;

namespace Homeport.Gateway.Http.Trust;

/// <summary>The root certificates of the doors, and the change from one to the next.</summary>
public interface IServerTrust
{
    /// <summary>How it stands.</summary>
    TrustState State { get; }

    /// <summary>The roots in JSON, signed by each of them (RFC 7515, general JSON serialization): who trusts one can take the others.</summary>
    byte[] SignBundle();

    /// <summary>Takes a step. Null when it is done and durable.</summary>
    Refusal? Take(TrustStep step);
}

/// <summary>The steps from one root certificate to the next.</summary>
public enum TrustStep
{
    /// <summary>Make the next root and give it out with the bundle; the doors stay as they are.</summary>
    Stage,
    /// <summary>Certificates of the doors come from the next root, with a cross certificate: good for devices that trust either.</summary>
    Cross,
    /// <summary>Leave the old root: devices that trust it alone cannot connect any more.</summary>
    Complete,
    /// <summary>Go back to the old root.</summary>
    Cancel,
}

/// <summary>How the change of the root certificate stands.</summary>
/// <param name="Stage"><c>single</c>, <c>staged</c> or <c>crossed</c>.</param>
/// <param name="Roots">The current root and, during a change, the next one.</param>
public sealed record TrustState(string Stage, IReadOnlyList<TrustRoot> Roots)
{
    /// <summary>The next root, or null.</summary>
    public TrustRoot? Next => Roots.Count > 1 ? Roots[1] : null;
}

/// <summary>A root certificate.</summary>
/// <param name="Thumbprint">SHA-256, upper-case hex.</param>
/// <param name="Subject">Its name.</param>
/// <param name="NotAfter">Its end.</param>
/// <param name="Pem">The certificate.</param>
public sealed record TrustRoot(string Thumbprint, string Subject, DateTimeOffset NotAfter, string Pem);
