namespace Homeport.Hub.Access.Certificates;

/// <summary>A CA certificate of a hub, under the name that the operator gave it. None of it is secret.</summary>
public sealed record CaCertificate
{
    /// <summary>1 to 64 characters; unique in the hub without regard to case.</summary>
    public required string Name { get; init; }

    /// <summary>Another random text after every write, without quotes.</summary>
    public required string ETag { get; init; }

    /// <summary>The certificate, DER.</summary>
    public required byte[] Certificate { get; init; }

    /// <summary>True when somebody proved that they hold the CA's private key. Others let no device in.</summary>
    public bool Verified { get; init; }

    /// <summary>What the proof has to have as common name, or null when none is asked for.</summary>
    public string? VerificationCode { get; init; }

    public required DateTimeOffset Created { get; init; }

    public required DateTimeOffset Updated { get; init; }
}
