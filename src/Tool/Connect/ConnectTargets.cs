using System.Net;
using System.Net.Http.Headers;
using System.Net.Security;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Homeport.Contract.Rest;
using Homeport.Device;
using Homeport.Device.Client;
using Homeport.Device.Client.Errors;
using Homeport.Device.Identity;
using Homeport.Tpm;

namespace Homeport.Tool.Connect;

/// <summary>A TPM that can be imprinted: of this machine, or of a device on the network.</summary>
internal interface IConnectTarget : IDisposable
{
    /// <summary>For people.</summary>
    string Name { get; }

    /// <summary>Warnings that belong to it, or null.</summary>
    string? Warning { get; }

    /// <summary>What is imprinted at a number, as <c>host/device</c>, or null.</summary>
    Task<string?> FindAsync(uint logicalDevice, CancellationToken token);

    /// <summary>Puts the key into the TPM.</summary>
    Task ImprintAsync(AgentImprint imprint, CancellationToken token);

    /// <summary>Connects to the hub with a token of the TPM. Returns how; throws when the hub does not accept it.</summary>
    Task<string> VerifyAsync(AgentImprint imprint, ServerTrust trust, int mqttPort, CancellationToken token);
}

/// <summary>A TPM of this machine.</summary>
internal sealed class LocalTarget(TpmSource source, uint logicalDevice) : IConnectTarget
{
    public string Name => source.Name;

    public string? Warning => Guard(() => source.Use(static tpm => new TpmStatus(tpm).GetMake().IsSoftware))
        ? "This is a software TPM. It gives no security: whoever can read the disk can copy the identity of the device." : null;

    public Task<string?> FindAsync(uint number, CancellationToken token)
    {
        var device = new TpmDevice(number, source);
        var host = device.GetHostName();
        if (device.LastFailure is { } failure)
            throw new ToolException($"The TPM cannot be used: {failure.Message} More: homeport-agent doctor", failure);
        return Task.FromResult(host.Length == 0 ? null : $"{host}/{device.GetDeviceId()}");
    }

    public Task ImprintAsync(AgentImprint imprint, CancellationToken token)
    {
        var key = Convert.FromBase64String(imprint.PrimaryKey!);
        try
        {
            Guard(() =>
            {
                var journal = new ImprintJournal(source, JournalDirectory());
                journal.Recover();
                journal.Imprint(imprint.LogicalDevice ?? logicalDevice, key, imprint.HostName!, imprint.DeviceId!);
                return true;
            });
        }
        finally
        {
            CryptographicOperations.ZeroMemory(key);
        }

        return Task.CompletedTask;
    }

    public async Task<string> VerifyAsync(AgentImprint imprint, ServerTrust trust, int mqttPort, CancellationToken token)
    {
        var key = new DeviceAuthenticationWithKey(imprint.DeviceId!, new TpmDeviceKey(source, imprint.LogicalDevice ?? logicalDevice));
        await using var client = DeviceClient.Create(imprint.HostName!, key, TransportType.Mqtt, new DeviceClientOptions { Trust = trust, MqttPort = mqttPort });
        client.SetRetryPolicy(new NoRetry());
        try
        {
            await client.OpenAsync(token);
            return "connected over MQTT with a token of the TPM";
        }
        catch (Exception e) when (e is IotHubException or TpmException)
        {
            throw new ToolException($"The key is in the TPM, but the connection failed: {e.Message}", e);
        }
    }

    public void Dispose()
    {
        // The TPM is opened for each use.
    }

    /// <summary>Beside the software TPM, or where the agent keeps its state: whoever comes next finishes what broke off.</summary>
    private string JournalDirectory()
        => source.Name.StartsWith("software:", StringComparison.Ordinal) && Path.GetDirectoryName(source.Name["software:".Length..]) is { } parent
            ? parent
            : TpmLocator.DefaultStateDirectory();

    private static T Guard<T>(Func<T> use)
    {
        try
        {
            return use();
        }
        catch (Exception e) when (e is TpmException or IOException or UnauthorizedAccessException)
        {
            throw new ToolException($"The TPM cannot be used: {e.Message} More: homeport-agent doctor", e);
        }
    }
}

/// <summary>A device on the network, by the page that its agent serves.</summary>
internal sealed class PortalTarget : IConnectTarget
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(45);

    private readonly HttpClient _http;
    private readonly Uri _address;
    private AgentStatus? _status;

    /// <summary>A device whose certificate is known by its fingerprint.</summary>
    /// <param name="address">Such as <c>https://device:8080</c>.</param>
    /// <param name="password">Of the page.</param>
    /// <param name="fingerprint">SHA-256 of the certificate that the person or the script trusts.</param>
    public PortalTarget(Uri address, string password, string fingerprint)
    {
        _address = address;
        var handler = new SocketsHttpHandler { AllowAutoRedirect = false, UseProxy = false, ConnectTimeout = TimeSpan.FromSeconds(15) };
        handler.SslOptions.RemoteCertificateValidationCallback = (_, certificate, _, _)
            => certificate is not null && string.Equals(Fingerprint(certificate.GetCertHash(HashAlgorithmName.SHA256)), fingerprint, StringComparison.OrdinalIgnoreCase);
        _http = new HttpClient(handler) { BaseAddress = address, Timeout = TimeSpan.FromMinutes(1) };
        _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"portal:{password}")));
    }

    public string Name => $"{_address.Host} by its page";

    public string? Warning => _status?.Tpm.IsSoftware == true
        ? "That device has a software TPM. It gives no security: whoever can read its disk can copy the identity of the device." : null;

    /// <summary>Reads an address as people write it.</summary>
    public static Uri ParseAddress(string text)
    {
        var full = text.Contains("://", StringComparison.Ordinal) ? text : "https://" + text;
        if (!Uri.TryCreate(full.Replace("http://", "https://", StringComparison.OrdinalIgnoreCase), UriKind.Absolute, out var uri) || uri.Host.Length == 0)
            throw ToolException.BadUsage($"'{text}' is no address. Write https://device:8080.");
        return text.Split("://")[^1].Contains(':', StringComparison.Ordinal) ? uri : new UriBuilder(uri) { Port = 8080 }.Uri;
    }

    /// <summary>The fingerprint of the certificate that the device shows, for a person to compare.</summary>
    public static async Task<string> ReadFingerprintAsync(Uri address, CancellationToken token)
    {
        using var client = new System.Net.Sockets.TcpClient();
        try
        {
            await client.ConnectAsync(address.Host, address.Port, token);
            var seen = "";
            // Nothing is sent: the handshake is for the certificate, which a person compares.
            await using var stream = new SslStream(client.GetStream(), leaveInnerStreamOpen: false, (_, certificate, _, _) =>
            {
                seen = certificate is null ? "" : Fingerprint(certificate.GetCertHash(HashAlgorithmName.SHA256));
                return seen.Length > 0;
            });
            await stream.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = address.Host }, token);
            return seen;
        }
        catch (Exception e) when (e is System.Net.Sockets.SocketException or IOException or System.Security.Authentication.AuthenticationException)
        {
            throw new ToolException($"No device page at {address}: {e.Message} Does the agent run there, and is its page open to the network?", e);
        }
    }

    public async Task<string?> FindAsync(uint logicalDevice, CancellationToken token)
    {
        _status = await SendAsync(HttpMethod.Get, "api/status", null, token);
        if (_status.Tpm.Failure is { } failure)
            throw new ToolException($"The TPM of {_address.Host} cannot be used: {failure}");
        return _status.LogicalDevices.FirstOrDefault(d => d.Number == logicalDevice) is { HostName.Length: > 0 } present ? $"{present.HostName}/{present.DeviceId}" : null;
    }

    public async Task ImprintAsync(AgentImprint imprint, CancellationToken token)
        => _status = await SendAsync(HttpMethod.Post, "api/imprint", JsonSerializer.SerializeToUtf8Bytes(imprint, AgentJson.Wire.AgentImprint), token);

    public async Task<string> VerifyAsync(AgentImprint imprint, ServerTrust trust, int mqttPort, CancellationToken token)
    {
        var since = TimeProvider.System.GetTimestamp();
        while (true)
        {
            var connection = (_status = await SendAsync(HttpMethod.Get, "api/status", null, token)).Connection;
            if (connection.State == "connected")
                return "the agent of the device reports that the hub accepts it";
            if (TimeProvider.System.GetElapsedTime(since) > Patience || (connection.State is "refused" or "untrusted" or "clockWrong" && TimeProvider.System.GetElapsedTime(since) > Patience / 4))
                throw new ToolException($"The key is in the TPM of the device, but its agent reports: {connection.State}. {connection.Message}");
            await Task.Delay(TimeSpan.FromMilliseconds(500), token);
        }
    }

    public void Dispose() => _http.Dispose();

    internal static string Fingerprint(byte[] hash) => string.Join(':', hash.Select(static b => b.ToString("X2")));

    private async Task<AgentStatus> SendAsync(HttpMethod method, string path, byte[]? body, CancellationToken token)
    {
        try
        {
            using var request = new HttpRequestMessage(method, path);
            if (body is not null)
                request.Content = new ByteArrayContent(body) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } };
            using var answer = await _http.SendAsync(request, token);
            var text = await answer.Content.ReadAsByteArrayAsync(token);
            if (answer.IsSuccessStatusCode)
                return JsonSerializer.Deserialize(text, AgentJson.Wire.AgentStatus)!;
            var error = JsonSerializer.Deserialize(text, AgentJson.Wire.AgentError);
            throw new ToolException($"The device answered {(int)answer.StatusCode}: {error?.Message}") { IsTransient = answer.StatusCode == HttpStatusCode.TooManyRequests };
        }
        catch (HttpRequestException e)
        {
            throw new ToolException($"The page of the device cannot be reached, or shows another certificate than before: {e.Message} {e.InnerException?.Message}", e);
        }
        catch (JsonException e)
        {
            throw new ToolException($"What answers at {_address} is no page of a Homeport agent.", e);
        }
    }
}
