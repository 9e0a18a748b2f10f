namespace Homeport.Contract.Errors;

/// <summary>Errors of the provisioning service, with the numbers that the device SDKs hand to the application.</summary>
public static class ProvisioningErrors
{
    public static readonly ServiceError BadRequest = new(nameof(BadRequest), 400000, "The request cannot be read.");
    public static readonly ServiceError InvalidAttestation = new(nameof(InvalidAttestation), 400004, "The attestation is not usable.");
    public static readonly ServiceError NotOffered = new(nameof(NotOffered), 400005, "The function is not offered by this version yet.");
    public static readonly ServiceError InvalidArgument = new(nameof(InvalidArgument), 400006, "An argument is not valid.");
    public static readonly ServiceError CertificateRequestRefused = new(nameof(CertificateRequestRefused), 400010, "The certificate request is not usable.");
    public static readonly ServiceError AllocationFailed = new(nameof(AllocationFailed), 400207, "Custom allocation failed.");
    public static readonly ServiceError HubNotSpecified = new(nameof(HubNotSpecified), 400208, "No hub could be chosen for the device.");
    public static readonly ServiceError HubUnauthorized = new(nameof(HubUnauthorized), 400209, "The linked hub refuses the provisioning service.");
    // The number of the one before, as IoT Central has it: clients know devices that nobody let in by it.
    public static readonly ServiceError NotAdmitted = new(nameof(NotAdmitted), 400209, "Custom allocation failed with status code: 401.");
    public static readonly ServiceError HubRefused = new(nameof(HubRefused), 400210, "The linked hub does not take the device.");
    public static readonly ServiceError Unauthorized = new(nameof(Unauthorized), 401000, "Unauthorized");
    public static readonly ServiceError CredentialMismatch = new(nameof(CredentialMismatch), 401002, "The key or certificate matches no enrollment.");
    public static readonly ServiceError Forbidden = new(nameof(Forbidden), 403000, "The policy does not give the right that this call needs.");
    public static readonly ServiceError LimitReached = new(nameof(LimitReached), 403001, "The service has as many enrollments as it may have.");
    public static readonly ServiceError HubFull = new(nameof(HubFull), 403002, "The hub takes no more devices.");
    public static readonly ServiceError EnrollmentDisabled = new(nameof(EnrollmentDisabled), 403201, "The enrollment is disabled.");
    public static readonly ServiceError EnrollmentNotFound = new(nameof(EnrollmentNotFound), 404201, "There is no enrollment for this registration.");
    public static readonly ServiceError RegistrationNotFound = new(nameof(RegistrationNotFound), 404202, "There is no such registration or operation.");
    public static readonly ServiceError ScopeNotFound = new(nameof(ScopeNotFound), 404203, "No application has this ID scope.");
    public static readonly ServiceError LinkedHubNotFound = new(nameof(LinkedHubNotFound), 404204, "The hub is not linked.");
    public static readonly ServiceError CertificateNotFound = new(nameof(CertificateNotFound), 404205, "No such certificate was issued.");
    public static readonly ServiceError OrganizationOutside = new(nameof(OrganizationOutside), 403206, "The organization is outside what the role reaches.");
    public static readonly ServiceError DeviceNotFound = new(nameof(DeviceNotFound), 404206, "There is no such device.");
    public static readonly ServiceError NotFound = new(nameof(NotFound), 404000, "There is nothing at this address.");
    public static readonly ServiceError MethodNotAllowed = new(nameof(MethodNotAllowed), 405000, "The address does not know this HTTP method.");
    public static readonly ServiceError AlreadyExists = new(nameof(AlreadyExists), 409201, "The enrollment exists already.");
    public static readonly ServiceError RegistrationConflict = new(nameof(RegistrationConflict), 409203, "Two registrations of the same device raced.");
    public static readonly ServiceError EndorsementShared = new(nameof(EndorsementShared), 409204, "The TPM's endorsement key is used by two devices, and both are held.");
    public static readonly ServiceError DeviceTaken = new(nameof(DeviceTaken), 409205, "The hub has a device of this name that another credential belongs to.");
    public static readonly ServiceError DeviceExists = new(nameof(DeviceExists), 409206, "There is a device of this id already.");
    public static readonly ServiceError DeviceState = new(nameof(DeviceState), 409207, "The device is in another state than the call needs.");
    public static readonly ServiceError PreconditionFailed = new(nameof(PreconditionFailed), 412001, "The ETag does not match: the entry changed in between.");
    public static readonly ServiceError RequestTooLarge = new(nameof(RequestTooLarge), 413000, "The request is too large.");
    public static readonly ServiceError TooManyRequests = new(nameof(TooManyRequests), 429001, "Too many requests.");
    public static readonly ServiceError InternalError = new(nameof(InternalError), 500000, "The server failed.");
    public static readonly ServiceError SignerFailed = new(nameof(SignerFailed), 500001, "The signer of certificates failed.");
    public static readonly ServiceError HubUnavailable = new(nameof(HubUnavailable), 503001, "The linked hub cannot be reached now.");
}
