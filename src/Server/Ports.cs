using System.Net;
using System.Net.Sockets;
using Homeport.Server.Options;

namespace Homeport.Server;

/// <summary>The ports of the doors, tried before anything is started.</summary>
/// <param name="Https">HTTPS and WebSockets.</param>
/// <param name="Mqtt">MQTT.</param>
/// <param name="Amqp">AMQP.</param>
/// <param name="Crl">Plain HTTP for the revocation list.</param>
/// <param name="HttpsMoved">True when 443 needs a right that the process has not.</param>
internal sealed record Ports(int Https, int Mqtt, int Amqp, int Crl, bool HttpsMoved)
{
    private static readonly int[] InPlaceOf443 = [8443, 9443, 10443, 18443];

    /// <summary>Chooses the ports.</summary>
    /// <exception cref="ServerStartException">A port is taken or not allowed.</exception>
    public static Ports Choose(ServerOptions options)
    {
        Require(options.MqttPort, "mqtt-port");
        Require(options.AmqpPort, "amqp-port");
        Require(options.CrlPort, "crl-port");
        if (!options.HttpsPortIsDefault)
        {
            Require(options.HttpsPort, "https-port");
            return new Ports(options.HttpsPort, options.MqttPort, options.AmqpPort, options.CrlPort, HttpsMoved: false);
        }
        if (Try(options.HttpsPort) != SocketError.AccessDenied)
        {
            Require(options.HttpsPort, "https-port");
            return new Ports(options.HttpsPort, options.MqttPort, options.AmqpPort, options.CrlPort, HttpsMoved: false);
        }
        var other = InPlaceOf443.FirstOrDefault(port => Try(port) == SocketError.Success);
        if (other == 0)
            throw new ServerStartException($"Port 443 needs a right that this process does not have, and {string.Join(", ", InPlaceOf443)} are taken. Choose one with --https-port.");
        return new Ports(other, options.MqttPort, options.AmqpPort, options.CrlPort, HttpsMoved: true);
    }

    private static void Require(int port, string option)
    {
        var error = Try(port);
        if (error == SocketError.Success)
            return;
        throw new ServerStartException(error switch
        {
            SocketError.AddressAlreadyInUse => $"Port {port} is taken by another program (find it with: ss -ltnp 'sport = :{port}'). Stop that, or choose another port with --{option}.",
            SocketError.AccessDenied => $"Port {port} needs a right that this process does not have. Choose a port above 1023 with --{option}, or give the right (see docs/settings.md).",
            _ => $"Port {port} cannot be opened ({error}). Choose another with --{option}.",
        });
    }

    private static SocketError Try(int port)
    {
        try
        {
            // Both families at once, as the doors will have it.
            using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
            socket.Bind(new IPEndPoint(Socket.OSSupportsIPv6 ? IPAddress.IPv6Any : IPAddress.Any, port));
            socket.Listen();
            return SocketError.Success;
        }
        catch (SocketException e)
        {
            return e.SocketErrorCode;
        }
    }
}
