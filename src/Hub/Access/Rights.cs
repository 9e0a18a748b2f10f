namespace Homeport.Hub.Access;

/// <summary>
/// What a shared access policy allows. Source: Azure "Control access to IoT Hub" and the access policies of the provisioning service.
/// </summary>
[Flags]
public enum Rights
{
    None = 0,
    /// <summary>Read the identity registry.</summary>
    RegistryRead = 0x1,
    /// <summary>Write the identity registry; implies reading.</summary>
    RegistryWrite = 0x3,
    /// <summary>Service side: read messages, send to devices, twins, methods.</summary>
    ServiceConnect = 0x4,
    /// <summary>Device side, for every device.</summary>
    DeviceConnect = 0x8,
    /// <summary>Change the provisioning service's settings.</summary>
    ServiceConfig = 0x100,
    EnrollmentRead = 0x200,
    /// <summary>Write enrollments; implies reading.</summary>
    EnrollmentWrite = 0x600,
    RegistrationStatusRead = 0x800,
    /// <summary>Write registration records; implies reading.</summary>
    RegistrationStatusWrite = 0x1800,
}
