using System.Text;
using System.Text.Json;
using Homeport.Contract.Rest;
using Homeport.Provisioning.Attestation;
using Homeport.Provisioning.Enrollments;

namespace Homeport.Provisioning.Registrations;

/// <summary>Shows a registration.</summary>
public static class RegistrationForm
{
    /// <summary>As the device API shows it: the ETag in Base64, the TPM's blob with it.</summary>
    public static RegistrationStateDescription ShowToDevice(RegistrationView view) => Show(view.Registration) with
    {
        Etag = Convert.ToBase64String(Encoding.UTF8.GetBytes(EnrollmentForm.Quote(view.Registration.ETag))),
        Tpm = view.AuthenticationKey is null ? null : new TpmResultDescription(Convert.ToBase64String(view.AuthenticationKey)),
    };

    /// <summary>As the service API shows it: the plain ETag.</summary>
    public static RegistrationStateDescription ShowToService(Registration registration) => Show(registration) with
    {
        ModelId = registration.ModelId,
        CredentialUsed = registration.Credential switch
        {
            CredentialUsed.PrimaryKey => "primaryKey",
            CredentialUsed.SecondaryKey => "secondaryKey",
            CredentialUsed.PrimaryCertificate => "primaryCertificate",
            CredentialUsed.SecondaryCertificate => "secondaryCertificate",
            CredentialUsed.EndorsementKey => "endorsementKey",
            CredentialUsed.EndorsementCertificate => "endorsementCertificate",
            CredentialUsed.IssuedCertificate => "issuedCertificate",
            _ => null,
        },
    };

    /// <summary>The answer to a poll.</summary>
    public static OperationDescription ShowOperation(string operationId, RegistrationView view) => new(operationId, Word(view.Registration.Status), ShowToDevice(view));

    /// <summary>The answer to a register call. Never <c>unassigned</c>: the C SDK takes that for a challenge.</summary>
    public static OperationDescription ShowStarted(string operationId) => new(operationId, "assigning");

    private static RegistrationStateDescription Show(Registration registration)
    {
        var assigned = registration.Status == RegistrationStatus.Assigned;
        return new RegistrationStateDescription
        {
            SymmetricKey = registration is { EnrollmentGroupId: { } group, Attestation: AttestationType.SymmetricKey } ? new SymmetricKeyResultDescription(group) : null,
            X509 = registration.Attestation == AttestationType.X509 ? new X509ResultDescription(registration.EnrollmentGroupId) : null,
            RegistrationId = registration.RegistrationId,
            CreatedDateTimeUtc = new ServiceTime(registration.Created),
            AssignedHub = assigned ? registration.AssignedHub : null,
            DeviceId = assigned ? registration.DeviceId : null,
            Status = Word(registration.Status),
            Substatus = !assigned ? null : registration.Substatus switch
            {
                RegistrationSubstatus.DeviceDataMigrated => "deviceDataMigrated",
                RegistrationSubstatus.DeviceDataReset => "deviceDataReset",
                _ => "initialAssignment",
            },
            ErrorCode = registration.ErrorCode,
            ErrorMessage = registration.ErrorMessage,
            LastUpdatedDateTimeUtc = new ServiceTime(registration.Updated),
            Etag = EnrollmentForm.Quote(registration.ETag),
            Payload = assigned && registration.Payload is { } payload ? JsonDocument.Parse(payload).RootElement : null,
            IssuedCertificateChain = assigned ? registration.IssuedChain : null,
        };
    }

    private static string Word(RegistrationStatus status) => status switch
    {
        RegistrationStatus.Assigned => "assigned",
        RegistrationStatus.Disabled => "disabled",
        _ => "failed",
    };
}
