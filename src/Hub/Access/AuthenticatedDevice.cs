using Homeport.Hub.Registry;

namespace Homeport.Hub.Access;

/// <summary>A device or module that proved who it is.</summary>
/// <param name="Identity">Its entry in the registry.</param>
/// <param name="Method">How it proved it.</param>
/// <param name="EndsAt">When the proof ends and with it the connection; null for certificates.</param>
public sealed record AuthenticatedDevice(Identity Identity, AuthMethod Method, DateTimeOffset? EndsAt)
{
    /// <summary>SHA-256 of the CA certificate by which it came in, or null.</summary>
    public string? Authority { get; init; }
}
