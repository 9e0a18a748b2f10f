namespace Homeport.Provisioning.Enrollments;

/// <summary>What an enrollment knows of TPMs beside an endorsement key.</summary>
public sealed record EnrolledTpm
{
    /// <summary>
    /// Further endorsement keys of the same chip, as TPM2B_PUBLIC: its seed gives another key for each template, and SDKs use two
    /// that differ in one field.
    /// </summary>
    public IReadOnlyList<byte[]> OtherEndorsementKeys { get; init; } = [];

    /// <summary>The chip's certificate for one of its endorsement keys, DER, or null.</summary>
    public byte[]? Certificate { get; init; }

    /// <summary>For groups: which TPMs of the trusted manufacturer belong to it; null for all.</summary>
    public TpmFilter? Filter { get; init; }
}

/// <summary>
/// Attributes that the certificate of an endorsement key has to have. Each may end in <c>*</c>; letter case does not count; null asks
/// for nothing. Source: TCG EK Credential Profile, section 3.2.9, subject alternative name.
/// </summary>
/// <param name="Manufacturer">As in the certificate, <c>id:49424D00</c>, or in letters, <c>IBM</c>.</param>
/// <param name="Model">Part number, for example <c>SLB9670</c>.</param>
/// <param name="Version">Firmware, for example <c>id:0007*</c>.</param>
public sealed record TpmFilter(string? Manufacturer, string? Model, string? Version);
