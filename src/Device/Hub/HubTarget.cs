using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

namespace Homeport.Device.Hub;

/// <summary>Which device connects to which hub, and how.</summary>
/// <param name="HostName">Host name of the hub, as its tokens name it.</param>
/// <param name="DeviceId">The device.</param>
internal sealed record HubTarget(string HostName, string DeviceId)
{
    /// <summary>Version of the device API that the wire follows.</summary>
    public const string ApiVersion = "2021-04-12";

    /// <summary>A module of the device; null: the device itself.</summary>
    public string? ModuleId { get; init; }

    /// <summary>To connect to, if it is another one (a gateway); its certificate is checked then.</summary>
    public string? GatewayHostName { get; init; }

    public int MqttPort { get; init; } = 8883;

    public int AmqpPort { get; init; } = 5671;

    public int HttpsPort { get; init; } = 443;

    public ServerTrust Trust { get; init; } = ServerTrust.System;

    /// <summary>In place of a token.</summary>
    public SslStreamCertificateContext? Certificate { get; init; }

    public TimeSpan KeepAlive { get; init; } = TimeSpan.FromMinutes(1);

    public TimeSpan ConnectLimit { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long a hub may take to answer a request, such as for the twin.</summary>
    public TimeSpan AnswerLimit { get; init; } = TimeSpan.FromSeconds(30);

    public int MaxInFlight { get; init; } = 1000;

    public string? ModelId { get; init; }

    public string Product { get; init; } = "homeport-device";

    /// <summary>Device, and module if it is one, as topics and tokens name them: <c>{device}[/modules/{module}]</c>.</summary>
    public string Identity => ModuleId is null ? DeviceId : $"{DeviceId}/modules/{ModuleId}";

    /// <summary><c>devices/{device}[/modules/{module}]</c>, percent-encoded, for addresses.</summary>
    public string Path => $"devices/{Uri.EscapeDataString(DeviceId)}" + (ModuleId is null ? "" : $"/modules/{Uri.EscapeDataString(ModuleId)}");

    public string ServerName => GatewayHostName ?? HostName;

    public Uri HttpsAddress => new($"https://{ServerName}:{HttpsPort}/");

    /// <summary>TLS as a client that trusts what <see cref="Trust"/> trusts. The reason of a refusal goes to <paramref name="verdict"/>.</summary>
    public SslClientAuthenticationOptions TlsOptions(TrustVerdict verdict) => TlsOptions(ServerName, Trust, Certificate, verdict);

    /// <inheritdoc cref="TlsOptions(TrustVerdict)"/>
    public static SslClientAuthenticationOptions TlsOptions(
        string serverName, ServerTrust trust, SslStreamCertificateContext? certificate, TrustVerdict verdict) => new()
        {
            TargetHost = serverName,
            ClientCertificateContext = certificate,
            // Revocation is not checked: a device may have no way to the lists.
            CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
            RemoteCertificateValidationCallback = (_, leaf, chain, errors) =>
            {
                verdict.Reason = trust.Refuse(leaf as X509Certificate2, chain, errors);
                return verdict.Reason is null;
            },
        };
}

/// <summary>Why a server was not believed.</summary>
internal sealed class TrustVerdict
{
    public string? Reason { get; set; }
}
