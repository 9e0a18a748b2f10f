namespace Homeport.People.Access;

/// <summary>What an endpoint or a page of the console needs. Each has one row in <see cref="PermissionMatrix"/>.</summary>
public enum Permission
{
    /// <summary>See devices, their state and why they were refused.</summary>
    ViewDevices,

    /// <summary>Create, change, approve, block and delete devices; write tags and desired properties.</summary>
    ManageDevices,

    /// <summary>Call methods and send messages to devices.</summary>
    CommandDevices,

    /// <summary>See what devices send.</summary>
    ViewData,

    /// <summary>See keys and connection strings of single devices. Every look is audited.</summary>
    RevealDeviceKeys,

    /// <summary>See device templates.</summary>
    ViewTemplates,

    /// <summary>Write, publish and delete device templates.</summary>
    ManageTemplates,

    /// <summary>See jobs.</summary>
    ViewJobs,

    /// <summary>Start and stop jobs.</summary>
    ManageJobs,

    /// <summary>See enrollments, groups and CA certificates, without keys.</summary>
    ViewConnection,

    /// <summary>Write enrollments, groups, CA certificates and approval rules; see keys of groups.</summary>
    ManageConnection,

    /// <summary>See accounts, sessions and API tokens.</summary>
    ViewPeople,

    /// <summary>Write accounts, end sessions, make and revoke API tokens.</summary>
    ManagePeople,

    /// <summary>Search, export and check the audit log.</summary>
    ViewAudit,

    /// <summary>See the settings of the server.</summary>
    ViewSettings,

    /// <summary>Write routes of messages and their endpoints: it lets all that devices send go elsewhere.</summary>
    ManageRouting,

    /// <summary>See which roles there are.</summary>
    ViewRoles,
}
