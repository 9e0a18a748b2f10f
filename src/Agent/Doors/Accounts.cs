using System.Runtime.InteropServices;
using System.Runtime.Versioning;

namespace Homeport.Agent.Doors;

/// <summary>Users and groups of this machine, as the name service knows them (passwd(5), group(5), LDAP).</summary>
[SupportedOSPlatform("linux")]
internal static partial class Accounts
{
    private const int MaxGroups = 1024;
    private static readonly Lock Gate = new();

    /// <summary>The user name of a number, or null.</summary>
    public static string? NameOf(uint userId) => Find(userId)?.Name;

    /// <summary>True when the user is in the group, as first group or as one of the others.</summary>
    public static bool IsInGroup(uint userId, string group)
    {
        if (GroupId(group) is not { } wanted || Find(userId) is not { } user)
            return false;
        var groups = new uint[MaxGroups];
        var count = groups.Length;
        return user.GroupId == wanted || (GetGroupList(user.Name, user.GroupId, groups, ref count) >= 0 && groups.AsSpan(0, count).Contains(wanted));
    }

    /// <summary>The number of a group, or null.</summary>
    public static uint? GroupId(string name)
    {
        lock (Gate)
        {
            // struct group: name, password, gid.
            var found = GetGroupByName(name);
            return found == 0 ? null : (uint)Marshal.ReadInt32(found, 2 * nint.Size);
        }
    }

    /// <summary>Gives a file to a group; the owner stays.</summary>
    public static bool TryGiveToGroup(string path, uint groupId) => ChangeOwner(path, uint.MaxValue, groupId) == 0;

    /// <summary>The user this process runs as.</summary>
    public static uint Self() => GetEffectiveUserId();

    private static (string Name, uint GroupId)? Find(uint userId)
    {
        // The answer lies in one place of the C library, which the next call overwrites.
        lock (Gate)
        {
            // struct passwd: name, password, uid, gid.
            var found = GetUserById(userId);
            return found == 0
                ? null
                : (Marshal.PtrToStringUTF8(Marshal.ReadIntPtr(found)) ?? "", (uint)Marshal.ReadInt32(found, (2 * nint.Size) + sizeof(uint)));
        }
    }

    [LibraryImport("libc", EntryPoint = "getpwuid")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial nint GetUserById(uint userId);

    [LibraryImport("libc", EntryPoint = "getgrnam", StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial nint GetGroupByName(string name);

    [LibraryImport("libc", EntryPoint = "getgrouplist", StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int GetGroupList(string user, uint group, [Out] uint[] groups, ref int count);

    [LibraryImport("libc", EntryPoint = "chown", StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int ChangeOwner(string path, uint owner, uint group);

    [LibraryImport("libc", EntryPoint = "geteuid")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial uint GetEffectiveUserId();
}
