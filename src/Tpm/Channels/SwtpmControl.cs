using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace Homeport.Tpm.Channels;

/// <summary>The control channel of swtpm (swtpm_ioctls(3)): a 32-bit command, a 32-bit result. Each call opens a connection of its own.</summary>
internal sealed class SwtpmControl(EndPoint endPoint, TpmTimeouts timeouts)
{
    private const uint GetCapabilityCommand = 1;
    private const uint InitializeCommand = 2;
    private const uint ShutdownCommand = 3;
    private const uint StopCommand = 14;

    private readonly string _name = TpmSocket.Describe(endPoint);

    /// <summary>A bit set of what the server can do; the cheapest proof that one is there.</summary>
    public ulong GetCapabilities()
    {
        Span<byte> reply = stackalloc byte[8];
        Exchange(GetCapabilityCommand, [], reply);
        return BinaryPrimitives.ReadUInt64BigEndian(reply);
    }

    /// <summary>Resets the TPM, as when the machine is switched on.</summary>
    public void Initialize() => Execute(InitializeCommand, [0, 0, 0, 0]);

    /// <summary>Stops the TPM, but not the server.</summary>
    public void Stop() => Execute(StopCommand, []);

    /// <summary>Ends the server.</summary>
    public void Shutdown() => Execute(ShutdownCommand, []);

    private void Execute(uint command, ReadOnlySpan<byte> parameters)
    {
        Span<byte> reply = stackalloc byte[4];
        Exchange(command, parameters, reply);
        var result = BinaryPrimitives.ReadUInt32BigEndian(reply);
        if (result != 0)
            throw new TpmException(TpmFailure.Unreachable, $"{_name}: swtpm answered 0x{result:x} to the control command {command}.");
    }

    private void Exchange(uint command, ReadOnlySpan<byte> parameters, Span<byte> reply)
    {
        Span<byte> request = stackalloc byte[4 + parameters.Length];
        BinaryPrimitives.WriteUInt32BigEndian(request, command);
        parameters.CopyTo(request[4..]);
        using var socket = TpmSocket.Connect(endPoint, timeouts);
        try
        {
            TpmSocket.Send(socket, request);
            TpmSocket.ReceiveAll(socket, reply, _name);
        }
        catch (SocketException e)
        {
            throw TpmSocket.Failed(_name, e);
        }
    }
}
