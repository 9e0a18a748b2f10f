using System.Net.Security;

namespace Homeport.Tests.Benchmarks.Load;

/// <summary>CONNECT and DISCONNECT on an open TLS stream.</summary>
internal static class MqttSession
{
    /// <summary>Long enough that no benchmark needs a PINGREQ.</summary>
    public const ushort KeepAliveSeconds = 1100;

    /// <summary>Opens a connection and waits for CONNACK.</summary>
    /// <exception cref="MqttRefusedException">The server answered CONNECT with another code than 0.</exception>
    public static async Task<SslStream> OpenAsync(TlsEndpoint endpoint, DeviceLogin login, CancellationToken cancellationToken)
    {
        var stream = await endpoint.OpenAsync(cancellationToken);
        try
        {
            await stream.WriteAsync(MqttPackets.Connect(login, KeepAliveSeconds), cancellationToken);
            var answer = new byte[4];
            await stream.ReadExactlyAsync(answer, cancellationToken);
            if (answer is not [0x20, 0x02, _, 0x00])
            {
                throw new MqttRefusedException(
                    $"CONNECT of {login.ClientId} was answered with {Convert.ToHexString(answer)} instead of a CONNACK with code 0.");
            }

            return stream;
        }
        catch
        {
            await stream.DisposeAsync();
            throw;
        }
    }

    /// <summary>Sends PINGREQ and waits for PINGRESP.</summary>
    /// <exception cref="InvalidDataException">The answer was no PINGRESP.</exception>
    public static async Task PingAsync(SslStream stream, CancellationToken cancellationToken)
    {
        await stream.WriteAsync(MqttPackets.PingRequest, cancellationToken);
        var answer = new byte[2];
        await stream.ReadExactlyAsync(answer, cancellationToken);
        if (answer is not [0xD0, 0x00])
            throw new InvalidDataException($"PINGREQ was answered with {Convert.ToHexString(answer)}.");
    }

    public static async Task CloseAsync(SslStream stream, CancellationToken cancellationToken)
    {
        await stream.WriteAsync(MqttPackets.Disconnect, cancellationToken);
        await stream.DisposeAsync();
    }
}

internal sealed class MqttRefusedException(string message) : Exception(message);
