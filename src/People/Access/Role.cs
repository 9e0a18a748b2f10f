namespace Homeport.People.Access;

/// <summary>What somebody is allowed to be. The permissions of a role stand in <see cref="PermissionMatrix"/>.</summary>
public enum Role
{
    /// <summary>Everything. At least one enabled account has this role.</summary>
    Administrator,

    /// <summary>Templates, device connection and devices; no people, no audit log.</summary>
    Builder,

    /// <summary>Devices and jobs.</summary>
    Operator,

    /// <summary>Looks at everything, the audit log included, and changes nothing. Sees no keys and no payloads.</summary>
    Auditor,
}

/// <summary>Ids of the roles. The first three are IoT Central's, which clients have compiled in.</summary>
public static class RoleIds
{
    private static readonly Dictionary<string, Role> Roles = new(StringComparer.OrdinalIgnoreCase)
    {
        ["ca310b8d-2f4a-44e0-a36e-957c202cd8d4"] = Role.Administrator,
        ["344138e9-8de4-4497-8c54-5237e96d6aaf"] = Role.Builder,
        ["ae2c9854-393b-4f97-8c42-479d70ce626e"] = Role.Operator,
        ["5b0cf3c0-6c8e-4d7f-9f0d-1d9d4a6f7c11"] = Role.Auditor,
    };

    /// <summary>The id of a role.</summary>
    public static string Of(Role role) => Roles.Single(r => r.Value == role).Key;

    /// <summary>The role of an id, or null.</summary>
    public static Role? Find(string? id) => id is not null && Roles.TryGetValue(id, out var role) ? role : null;
}
