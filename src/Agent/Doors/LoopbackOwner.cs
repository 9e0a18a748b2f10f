using System.Globalization;
using System.Net;

namespace Homeport.Agent.Doors;

/// <summary>
/// Whose socket is at the other end of a loopback connection. Source: proc(5), /proc/net/tcp: addresses in hexadecimal, in the byte order of
/// the machine; the eighth column is the owner, the tenth the socket's inode.
/// </summary>
internal static class LoopbackOwner
{
    private const string Table = "/proc/net/tcp";
    private const int OwnerColumn = 7;
    private const int InodeColumn = 9;

    /// <summary>The owner, or null when nobody can tell.</summary>
    public static uint? Of(IPEndPoint remote, IPEndPoint local) => In(File.ReadLines(Table), remote, local);

    internal static uint? In(IEnumerable<string> table, IPEndPoint remote, IPEndPoint local)
    {
        var wanted = $"{Hex(remote)} {Hex(local)}";
        foreach (var line in table)
        {
            var columns = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (columns.Length > InodeColumn && string.Equals($"{columns[1]} {columns[2]}", wanted, StringComparison.OrdinalIgnoreCase))
                return OwnerOf(columns);
        }

        return null;
    }

    // A socket that its program closed is still in the table, without inode and as if root owned it. Who sends a request and closes at
    // once must not become root by that.
    private static uint? OwnerOf(string[] columns)
        => columns[InodeColumn] != "0" && uint.TryParse(columns[OwnerColumn], NumberStyles.None, CultureInfo.InvariantCulture, out var owner) ? owner : null;

    private static string Hex(IPEndPoint endPoint)
        => $"{BitConverter.ToUInt32(endPoint.Address.MapToIPv4().GetAddressBytes()):X8}:{endPoint.Port:X4}";
}
