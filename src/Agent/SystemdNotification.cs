using System.Net.Sockets;
using System.Text;

namespace Homeport.Agent;

/// <summary>Tells systemd that the service is ready (sd_notify(3)). Without systemd it does nothing.</summary>
internal static class SystemdNotification
{
    public static void Ready()
    {
        if (Environment.GetEnvironmentVariable("NOTIFY_SOCKET") is not { Length: > 0 } path)
            return;

        // A leading @ names an abstract socket, whose name begins with a zero byte.
        using var socket = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        socket.SendTo(Encoding.ASCII.GetBytes("READY=1"), new UnixDomainSocketEndPoint(path[0] == '@' ? '\0' + path[1..] : path));
    }
}
