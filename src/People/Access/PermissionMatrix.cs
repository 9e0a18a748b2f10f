using static Homeport.People.Access.Permission;
using static Homeport.People.Access.Role;

namespace Homeport.People.Access;

/// <summary>Who may do what: the one table. A permission without a row is refused to everybody, and a test says so.</summary>
public static class PermissionMatrix
{
    private static readonly Dictionary<Permission, Role[]> Table = new()
    {
        [ViewDevices] = [Administrator, Builder, Operator, Auditor],
        [ManageDevices] = [Administrator, Builder, Operator],
        [CommandDevices] = [Administrator, Builder, Operator],
        [ViewData] = [Administrator, Builder, Operator],
        [RevealDeviceKeys] = [Administrator, Builder, Operator],
        [ViewTemplates] = [Administrator, Builder, Operator, Auditor],
        [ManageTemplates] = [Administrator, Builder],
        [ViewJobs] = [Administrator, Builder, Operator, Auditor],
        [ManageJobs] = [Administrator, Builder, Operator],
        [ViewConnection] = [Administrator, Builder, Operator, Auditor],
        [ManageConnection] = [Administrator, Builder],
        [ViewPeople] = [Administrator, Auditor],
        [ManagePeople] = [Administrator],
        [ViewAudit] = [Administrator, Auditor],
        [ViewSettings] = [Administrator, Builder, Operator, Auditor],
        [ManageRouting] = [Administrator],
        [ViewRoles] = [Administrator, Builder, Operator, Auditor],
    };

    /// <summary>True when the role has the permission.</summary>
    public static bool Allows(Role role, Permission permission) => Table.TryGetValue(permission, out var roles) && roles.Contains(role);

    /// <summary>The roles that have a permission.</summary>
    public static IReadOnlyList<Role> RolesWith(Permission permission) => Table.GetValueOrDefault(permission, []);
}
