using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace Homeport.Tpm.Channels;

/// <summary>
/// The TCP protocol of the Microsoft/IBM TPM simulator: commands on one port (by default 2321), power on the next. For development only.
/// The TPM is powered on and started when the first command is sent.
/// </summary>
public sealed class SimulatorChannel : ITpmChannel
{
    /// <summary>The port of the simulator that ships with the reference code.</summary>
    public const int DefaultPort = 2321;

    private const uint PowerOn = 1;
    private const uint SendCommand = 8;
    private const uint NonVolatileOn = 11;
    private const uint Handshake = 15;
    private const uint SessionEnd = 20;
    private const uint ClientVersion = 1;

    private readonly string _host;
    private readonly int _port;
    private readonly TpmTimeouts _timeouts;
    private Socket? _socket;

    public SimulatorChannel(string host, int port = DefaultPort, TpmTimeouts? timeouts = null)
    {
        _host = host;
        _port = port;
        _timeouts = timeouts ?? TpmTimeouts.Default;
        Name = $"simulator:{host}:{port}";
    }

    public string Name { get; }

    public byte[] Submit(ReadOnlySpan<byte> command)
    {
        TpmFrame.CheckCommand(command);
        try
        {
            _socket ??= Open();
            return Exchange(_socket, command);
        }
        catch (Exception e) when (e is SocketException or TpmException)
        {
            _socket?.Dispose();
            _socket = null;
            throw e as TpmException ?? TpmSocket.Failed(Name, e);
        }
    }

    public void Dispose()
    {
        if (_socket is null)
            return;
        try
        {
            SendNumbers(_socket, SessionEnd);
        }
        catch (SocketException)
        {
            // The peer is gone already, and the end of the session needs no answer.
        }

        _socket.Dispose();
        _socket = null;
    }

    private Socket Open()
    {
        using (var platform = TpmSocket.Connect(new DnsEndPoint(_host, _port + 1), _timeouts))
        {
            foreach (var signal in (ReadOnlySpan<uint>)[PowerOn, NonVolatileOn])
            {
                SendNumbers(platform, signal);
                ExpectSuccess(platform);
            }

            SendNumbers(platform, SessionEnd);
        }

        var socket = TpmSocket.Connect(new DnsEndPoint(_host, _port), _timeouts);
        SendNumbers(socket, Handshake, ClientVersion);
        _ = ReceiveNumber(socket);
        _ = ReceiveNumber(socket);
        ExpectSuccess(socket);

        // TPM2_Startup(CLEAR); a TPM that runs already answers with an error that changes nothing.
        _ = Exchange(socket, [0x80, 0x01, 0, 0, 0, 12, 0, 0, 0x01, 0x44, 0, 0]);
        return socket;
    }

    private byte[] Exchange(Socket socket, ReadOnlySpan<byte> command)
    {
        var request = new byte[9 + command.Length];
        BinaryPrimitives.WriteUInt32BigEndian(request, SendCommand);
        BinaryPrimitives.WriteInt32BigEndian(request.AsSpan(5), command.Length);
        command.CopyTo(request.AsSpan(9));
        TpmSocket.Send(socket, request);
        var length = ReceiveNumber(socket);
        if (length is < TpmFrame.HeaderBytes or > TpmFrame.MaxBytes)
            throw new TpmException(TpmFailure.Malformed, $"{Name}: a response announces {length} bytes. Is this a TPM simulator?");
        var response = new byte[length];
        TpmSocket.ReceiveAll(socket, response, Name);
        if (TpmFrame.CheckSize(response, Name) != response.Length)
            throw new TpmException(TpmFailure.Malformed, $"{Name}: a response has {response.Length} bytes but its header says otherwise.");
        ExpectSuccess(socket);
        return response;
    }

    private void ExpectSuccess(Socket socket)
    {
        var result = ReceiveNumber(socket);
        if (result != 0)
            throw new TpmException(TpmFailure.Unreachable, $"{Name}: the simulator answered with {result}.");
    }

    private uint ReceiveNumber(Socket socket)
    {
        Span<byte> bytes = stackalloc byte[4];
        TpmSocket.ReceiveAll(socket, bytes, Name);
        return BinaryPrimitives.ReadUInt32BigEndian(bytes);
    }

    private static void SendNumbers(Socket socket, params ReadOnlySpan<uint> numbers)
    {
        var bytes = new byte[numbers.Length * 4];
        for (var i = 0; i < numbers.Length; i++)
            BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(i * 4), numbers[i]);
        TpmSocket.Send(socket, bytes);
    }
}
