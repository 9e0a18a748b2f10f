using System.Net.Http.Headers;
using Homeport.Agent.Identity;
using Homeport.Contract.Rest;
using Homeport.Device;

namespace Homeport.Agent.Connection;

/// <summary>Fetches the signed root certificates of the hub, as the device and once a day: the hub then knows that this device is ready for the next root.</summary>
internal sealed partial class RootUpdate(AgentIdentity identity, uint device, TrustStore store, int port, TimeProvider time, ILogger<RootUpdate> logger)
{
    private const int MaxBytes = 512 * 1024;
    private static readonly TimeSpan Interval = TimeSpan.FromDays(1);
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);

    private long? _last;

    /// <summary>Fetches if the last time was long ago.</summary>
    public async Task LookAsync(CancellationToken cancellationToken)
    {
        if (_last is { } last && time.GetElapsedTime(last) < Interval)
            return;
        if (!(await identity.GetTokenAsync(device, AgentIdentity.DefaultLifetime, fresh: false, cancellationToken)).Succeeded(out var token, out _))
            return;
        try
        {
            store.Take(await FetchAsync(token, cancellationToken));
            _last = time.GetTimestamp();
        }
        catch (Exception e) when (e is HttpRequestException or FormatException or IOException or UnauthorizedAccessException || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            LogNotUpdated(e.Message);
        }
    }

    private async Task<byte[]> FetchAsync(AgentToken token, CancellationToken cancellationToken)
    {
        using var handler = new SocketsHttpHandler { AllowAutoRedirect = false, UseProxy = false, ConnectTimeout = Limit };
        handler.SslOptions.RemoteCertificateValidationCallback = store.Trust.Validate;
        using var http = new HttpClient(handler) { Timeout = Limit, MaxResponseContentBufferSize = MaxBytes };
        var address = new UriBuilder(Uri.UriSchemeHttps, token.HostName, port, $"devices/{Uri.EscapeDataString(token.DeviceId)}/trustBundle", "?api-version=2021-04-12");
        http.DefaultRequestHeaders.Authorization = AuthenticationHeaderValue.Parse(token.Token);
        return await http.GetByteArrayAsync(address.Uri, cancellationToken);
    }

    [LoggerMessage(1, LogLevel.Information, "The hub gave no root certificates: {Reason}")]
    private partial void LogNotUpdated(string reason);
}
