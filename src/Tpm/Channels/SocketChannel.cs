using System.Net;
using System.Net.Sockets;

namespace Homeport.Tpm.Channels;

/// <summary>
/// Raw commands and responses over a stream socket: the data channel of swtpm on a Unix socket or TCP. swtpm serves one connection at a time;
/// a second one waits, without an answer, until the first closes. Connects at the first command, and again after a failure.
/// </summary>
public sealed class SocketChannel : ITpmChannel
{
    private readonly EndPoint _endPoint;
    private readonly TpmTimeouts _timeouts;
    private Socket? _socket;

    public SocketChannel(EndPoint endPoint, TpmTimeouts? timeouts = null)
    {
        ArgumentNullException.ThrowIfNull(endPoint);
        _endPoint = endPoint;
        _timeouts = timeouts ?? TpmTimeouts.Default;
        Name = TpmSocket.Describe(endPoint);
    }

    public string Name { get; }

    public byte[] Submit(ReadOnlySpan<byte> command)
    {
        TpmFrame.CheckCommand(command);
        _socket ??= TpmSocket.Connect(_endPoint, _timeouts);
        try
        {
            TpmSocket.Send(_socket, command);
            var socket = _socket;
            return TpmFrame.ReadResponse(memory => socket.Receive(memory.Span), Name);
        }
        catch (Exception e) when (e is SocketException or TpmException or ObjectDisposedException)
        {
            // A late response must not be taken for that of the next command.
            Dispose();
            throw e as TpmException ?? TpmSocket.Failed(Name, e);
        }
    }

    public void Dispose()
    {
        _socket?.Dispose();
        _socket = null;
    }
}

/// <summary>Sockets with time limits, and their failures in words.</summary>
internal static class TpmSocket
{
    public static Socket Connect(EndPoint endPoint, TpmTimeouts timeouts)
    {
        var isUnix = endPoint is UnixDomainSocketEndPoint;
        var socket = isUnix
            ? new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)
            : new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            socket.ReceiveTimeout = (int)timeouts.Response.TotalMilliseconds;
            socket.SendTimeout = (int)timeouts.Response.TotalMilliseconds;
            ConnectWithin(socket, endPoint, timeouts.Connect);
            return socket;
        }
        catch (Exception e) when (e is SocketException or TpmException)
        {
            socket.Dispose();
            throw e as TpmException ?? Failed(Describe(endPoint), e);
        }
    }

    public static void Send(Socket socket, ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
            bytes = bytes[socket.Send(bytes)..];
    }

    public static void ReceiveAll(Socket socket, Span<byte> bytes, string name)
    {
        while (!bytes.IsEmpty)
        {
            var count = socket.Receive(bytes);
            if (count == 0)
                throw new TpmException(TpmFailure.Unreachable, $"{name}: the connection was closed instead of answered.");
            bytes = bytes[count..];
        }
    }

    public static string Describe(EndPoint endPoint) => endPoint switch
    {
        DnsEndPoint dns => $"tcp:{dns.Host}:{dns.Port}",
        IPEndPoint ip => $"tcp:{ip}",
        _ => $"unix:{endPoint}",
    };

    public static TpmException Failed(string name, Exception e) => e switch
    {
        SocketException { SocketErrorCode: SocketError.TimedOut or SocketError.WouldBlock } => new TpmException(
            TpmFailure.TimedOut, $"{name}: no answer in time. Another program may hold the TPM; a software TPM serves one connection at a time.", e),
        SocketException { SocketErrorCode: SocketError.AccessDenied } => new TpmException(
            TpmFailure.Unreachable, $"{name}: permission denied. Run as the user who owns the software TPM.", e),
        _ => new TpmException(TpmFailure.Unreachable, $"{name}: {e.Message}. Is the TPM server running there?", e),
    };

    private static void ConnectWithin(Socket socket, EndPoint endPoint, TimeSpan limit)
    {
        socket.Blocking = false;
        try
        {
            socket.Connect(endPoint);
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.WouldBlock or SocketError.InProgress)
        {
            if (!socket.Poll(limit, SelectMode.SelectWrite))
                throw new SocketException((int)SocketError.TimedOut);
            var error = (int)(socket.GetSocketOption(SocketOptionLevel.Socket, SocketOptionName.Error) ?? 0);
            if (error != 0)
                throw new SocketException(error);
        }

        socket.Blocking = true;
    }
}
