using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;

namespace Homeport.Agent.Doors;

/// <summary>Who is at the other end of a local connection.</summary>
/// <param name="UserId">Null: nobody can tell.</param>
/// <param name="IsAllowed">May use the identity of the device.</param>
internal sealed record LocalPeer(uint? UserId, bool IsAllowed);

/// <summary>
/// Decides which local users may use the identity of the device: root, the agent's own user, the users of the settings and the members of the group.
/// The kernel says who it is: SO_PEERCRED of a Unix socket, the owner of the socket at the other end of a loopback connection.
/// </summary>
internal sealed class PeerAccess(IReadOnlyList<string> users, string group, TimeProvider time)
{
    private const int SocketLevel = 1;
    private const int PeerCredentials = 17;
    private static readonly TimeSpan Memory = TimeSpan.FromSeconds(20);

    private readonly ConcurrentDictionary<uint, (bool IsAllowed, long Since)> _known = new();

    /// <summary>For <c>ListenOptions.Use</c>: notes the peer of each connection.</summary>
    public ConnectionDelegate Note(ConnectionDelegate next) => connection =>
    {
        connection.Features.Set(Identify(connection));
        return next(connection);
    };

    private LocalPeer Identify(ConnectionContext connection)
    {
        if (!OperatingSystem.IsLinux())
            return new LocalPeer(null, connection.LocalEndPoint is UnixDomainSocketEndPoint);
        var userId = connection.RemoteEndPoint is IPEndPoint remote && connection.LocalEndPoint is IPEndPoint local
            ? LoopbackOwner.Of(remote, local)
            : OwnerOfSocket(connection.Features.Get<IConnectionSocketFeature>()?.Socket);
        return new LocalPeer(userId, userId is { } known && IsAllowed(known));
    }

    private bool IsAllowed(uint userId)
    {
        if (_known.TryGetValue(userId, out var known) && time.GetElapsedTime(known.Since) < Memory)
            return known.IsAllowed;
        var isAllowed = OperatingSystem.IsLinux()
            && (userId == 0 || userId == Accounts.Self() || Accounts.IsInGroup(userId, group) || (users.Count > 0 && users.Contains(Accounts.NameOf(userId), StringComparer.Ordinal)));
        _known[userId] = (isAllowed, time.GetTimestamp());
        return isAllowed;
    }

    private static uint? OwnerOfSocket(Socket? socket)
    {
        if (socket is null)
            return null;

        // struct ucred: pid, uid, gid.
        Span<byte> credentials = stackalloc byte[12];
        return socket.GetRawSocketOption(SocketLevel, PeerCredentials, credentials) == credentials.Length ? BitConverter.ToUInt32(credentials[4..]) : null;
    }
}
