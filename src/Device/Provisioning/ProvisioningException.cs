namespace Homeport.Device.Provisioning;

/// <summary>Why a registration came to nothing.</summary>
public enum ProvisioningFailure
{
    /// <summary>The service does not accept this device: unknown, disabled, or its proof is wrong. Trying again does not help.</summary>
    Refused,

    /// <summary>The service tried and failed, for example because its hub refused.</summary>
    Failed,

    /// <summary>The service could not be reached, or stayed busy, until the time limit.</summary>
    TimedOut,

    /// <summary>The server's certificate is not trusted, or is for another name.</summary>
    Untrusted,

    /// <summary>The answer is not that of a provisioning service.</summary>
    Protocol,
}

#pragma warning disable RCS1194 // An exception without a failure kind would say nothing.
/// <summary>A registration that came to nothing, with what the service said. Holds no key and no token.</summary>
public sealed class ProvisioningException(ProvisioningFailure failure, string message, Exception? inner = null) : Exception(message, inner)
#pragma warning restore RCS1194
{
    public ProvisioningFailure Failure { get; } = failure;

    /// <summary>The service's number of the error, HTTP status times 1000 plus a detail; 0 when it gave none.</summary>
    public int ErrorCode { get; init; }

    /// <summary>Under which the service's operator finds the explanation.</summary>
    public string? TrackingId { get; init; }
}
