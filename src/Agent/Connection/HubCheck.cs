using System.Net;
using System.Security.Cryptography.X509Certificates;
using Homeport.Contract.Rest;
using Homeport.Device;

namespace Homeport.Agent.Connection;

/// <summary>What one check of the hub saw.</summary>
/// <param name="State">As <see cref="AgentConnection.State"/>.</param>
/// <param name="Message">Cause and fix; null when all is well.</param>
/// <param name="ServerTime">The time of a server whose certificate was verified.</param>
internal sealed record HubSight(string State, string? Message, DateTimeOffset? ServerTime);

/// <summary>
/// Asks a hub whether it accepts a token, over HTTPS and without a trace: it completes a message that does not exist. A connection over MQTT would
/// end that of the program that owns the device.
/// </summary>
internal sealed class HubCheck(ServerTrust trust, int port, TimeProvider time)
{
    private const string LockTokenOfNoMessage = "00000000-0000-0000-0000-000000000000";
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);

    /// <summary>Makes the call.</summary>
    public async Task<HubSight> RunAsync(AgentToken token, CancellationToken cancellationToken)
    {
        X509Certificate2? seen = null;
        using var handler = new SocketsHttpHandler { AllowAutoRedirect = false, UseProxy = false, ConnectTimeout = Limit };
        handler.SslOptions.RemoteCertificateValidationCallback = (sender, certificate, chain, errors) =>
        {
            seen = certificate is null ? null : X509CertificateLoader.LoadCertificate(certificate.GetRawCertData());
            return trust.Validate(sender, certificate, chain, errors);
        };
        using var http = new HttpClient(handler) { Timeout = Limit };
        var address = new UriBuilder(
            Uri.UriSchemeHttps, token.HostName, port, $"devices/{Uri.EscapeDataString(token.DeviceId)}/messages/deviceBound/{LockTokenOfNoMessage}", "?api-version=2021-04-12");
        using var request = new HttpRequestMessage(HttpMethod.Delete, address.Uri);
        request.Headers.TryAddWithoutValidation("Authorization", token.Token);
        try
        {
            using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
            return Judge(token, response.StatusCode, response.Headers.Date);
        }
        catch (HttpRequestException e)
        {
            return Explain(token.HostName, e, seen);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return new HubSight("unreachable", $"{token.HostName}:{port} did not answer within {Limit.TotalSeconds:0} seconds.", null);
        }
        finally
        {
            seen?.Dispose();
        }
    }

    private static HubSight Judge(AgentToken token, HttpStatusCode status, DateTimeOffset? serverTime) => status switch
    {
        HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden => new HubSight(
            "refused",
            $"{token.HostName} refuses the device '{token.DeviceId}' ({(int)status}). Is it registered there and enabled, and is the key in the TPM its key? "
                + "On the server: homeport explain --device " + token.DeviceId,
            serverTime),
        HttpStatusCode.TooManyRequests or >= HttpStatusCode.InternalServerError => new HubSight(
            "unreachable", $"{token.HostName} answers {(int)status}: it is there but not ready.", serverTime),
        _ => new HubSight("connected", null, serverTime),
    };

    private HubSight Explain(string hostName, HttpRequestException e, X509Certificate2? seen)
    {
        var now = time.GetUtcNow();
        if (seen is not null && (now < new DateTimeOffset(seen.NotBefore) || now > new DateTimeOffset(seen.NotAfter)))
        {
            return new HubSight(
                "clockWrong",
                $"The certificate of {hostName} is valid from {seen.NotBefore.ToUniversalTime():yyyy-MM-dd} to {seen.NotAfter.ToUniversalTime():yyyy-MM-dd}, but the clock of this device says "
                    + $"{now:yyyy-MM-dd HH:mm}Z. Set the clock (timedatectl set-ntp true), or renew the certificate if the clock is right.",
                null);
        }

        return e.HttpRequestError switch
        {
            HttpRequestError.NameResolutionError => new HubSight(
                "unreachable", $"The name {hostName} cannot be resolved. Check the network and the name server (resolvectl query {hostName}).", null),
            HttpRequestError.SecureConnectionError => new HubSight(
                "untrusted", $"The certificate of {hostName} is not trusted or is for another name. Name the server's CA file in the settings (caFile).", null),
            _ => new HubSight("unreachable", $"No connection to {hostName}:{port}: {e.Message}", null),
        };
    }
}
