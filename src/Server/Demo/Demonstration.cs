using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Homeport.Contract.Access;
using Homeport.Contract.Rest;
using Homeport.Device;
using Homeport.Device.Client;
using Homeport.Device.Identity;
using Homeport.Device.Provisioning;
using Homeport.Hub.Telemetry;
using Homeport.Tpm;
using Homeport.Tpm.Attestation;

namespace Homeport.Server.Demo;

/// <summary>
/// Plays the whole way of a device in front of the user, with real parts: its key in a TPM, enrollment, registration with the
/// nonce challenge, imprint, token, connection, messages, and what the hub stored of them.
/// </summary>
internal sealed class Demonstration(ReadyFile ready, MessageReader messages, TimeProvider time, TextWriter output)
{
    private const string ApiVersion = "api-version=2021-10-01";
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(2);
    private readonly Narrator _narrator = new(output);
    private readonly ServerTrust _trust = ServerTrust.FromPemFile(ready.CaFile);

    /// <summary>Plays until it is stopped.</summary>
    /// <param name="place">From <c>--tpm</c>, or null.</param>
    /// <param name="directory">Where the software TPM keeps its state.</param>
    /// <param name="token">Stops it.</param>
    public async Task RunAsync(string? place, string directory, CancellationToken token)
    {
        _narrator.Step("The device and its TPM");
        var tpm = DemoTpm.Choose(place, directory, _narrator, out var software);
        try
        {
            var result = tpm is null ? await RegisterWithKeyAsync(token) : await RegisterWithTpmAsync(tpm, token);
            await SendAsync(result, tpm, token);
        }
        finally
        {
            software?.Stop();
        }
    }

    private async Task<ProvisioningResult> RegisterWithTpmAsync(TpmSource tpm, CancellationToken token)
    {
        var (make, endorsementKey) = tpm.Use(t => (new TpmStatus(t).GetMake(), new TpmKeys(t).GetEndorsementKey().Encode()));
        var registrationId = EndorsementKeyId.DefaultRegistrationId(endorsementKey);
        _narrator.Say($"TPM at {tpm.Name}: {make.Manufacturer} {make.Vendor}, firmware {make.Firmware}.");
        _narrator.Say("Its endorsement key (EK) is the chip's own identity; the private half never leaves it.");
        _narrator.Wire($"EK public: {Narrator.Shorten(Convert.ToBase64String(endorsementKey))}");
        _narrator.Wire($"registration id = base32(SHA-256(EK)): {registrationId}");

        _narrator.Step("The operator enrolls the device: its EK may register");
        await EnrollAsync(registrationId, new { type = "tpm", tpm = new { endorsementKey = Convert.ToBase64String(endorsementKey) } }, token);

        _narrator.Step("The device registers itself");
        _narrator.Say("First it shows its EK and storage root key. The server answers 401 with a nonce that only this TPM can open;");
        _narrator.Say("the TPM opens it and signs a token with it; the same call with that token is accepted; a poll brings the hub");
        _narrator.Say("and a second wrapped key: the device key, which goes straight into the TPM.");
        return await RegisterAsync(new TpmAttestation(tpm), token);
    }

    private async Task<ProvisioningResult> RegisterWithKeyAsync(CancellationToken token)
    {
        const string RegistrationId = "demo-device";
        var key = RandomNumberGenerator.GetBytes(64);
        _narrator.Step("The operator enrolls the device with a symmetric key");
        var text = Convert.ToBase64String(key);
        await EnrollAsync(RegistrationId, new { type = "symmetricKey", symmetricKey = new { primaryKey = text, secondaryKey = text } }, token);
        _narrator.Step("The device registers itself, with a token of that key");
        return await RegisterAsync(new SymmetricKeyAttestation(RegistrationId, key), token);
    }

    private async Task EnrollAsync(string registrationId, object attestation, CancellationToken token)
    {
        if (!ConnectionString.TryParse(ready.Dps.ServiceConnectionString, out var service, out var reason))
            throw new InvalidOperationException(reason);
        using var http = new HttpClient(Tap()) { BaseAddress = new Uri($"https://{ready.Host}:{ready.Ports.Https}/") };
        using var request = new HttpRequestMessage(HttpMethod.Put, $"enrollments/{registrationId}?{ApiVersion}");
        request.Headers.TryAddWithoutValidation("Authorization", SharedAccessSignature.Create(
            ready.Host, Convert.FromBase64String(service.SharedAccessKey!), time.GetUtcNow().AddMinutes(5), service.SharedAccessKeyName));
        // Whatever an earlier demonstration left there.
        request.Headers.TryAddWithoutValidation("If-Match", "*");
        request.Content = new StringContent(JsonSerializer.Serialize(new { registrationId, attestation }), Encoding.UTF8, MediaTypeHeaderValue.Parse("application/json"));
        using var response = await http.SendAsync(request, token);
        response.EnsureSuccessStatusCode();
    }

    private async Task<ProvisioningResult> RegisterAsync(IAttestation attestation, CancellationToken token)
    {
        var options = new ProvisioningOptions($"{ready.Dps.Endpoint}:{ready.Ports.Https}", ready.Dps.IdScope) { Trust = _trust, Observe = handler => new WireTap(_narrator, handler) };
        using var client = new ProvisioningClient(options, time);
        var result = await client.RegisterAsync(attestation, null, token);
        _narrator.Say($"Assigned: device '{result.DeviceId}' at hub {result.AssignedHub}.");
        return result;
    }

    private async Task SendAsync(ProvisioningResult result, TpmSource? tpm, CancellationToken token)
    {
        if (tpm is not null)
            ShowImprint(tpm);
        var offsets = Enumerable.Range(0, messages.PartitionCount).Select(messages.NextOffset).ToArray();
        _narrator.Step("The device connects by MQTT with a token and sends");
        _narrator.Wire($"--> CONNECT client id {result.DeviceId}, user name {result.AssignedHub}/{result.DeviceId}/?api-version=...");
        _narrator.Wire("    password SharedAccessSignature sr=...&sig=...&se=..., made anew before it ends");
        var options = new DeviceClientOptions { MqttPort = ready.Ports.Mqtt, HttpsPort = ready.Ports.Https, Trust = _trust, TimeProvider = time };
        await using var client = DeviceClient.Create(
            result.AssignedHub, result.Authentication, TransportType.Mqtt_Tcp_Only, options);
        await client.OpenAsync(token);
        _narrator.Wire("<-- CONNACK 0: accepted");

        _narrator.Step("Messages as the hub stores them. Ctrl+C ends; connect a device of your own and it shows up here as well");
        await Task.WhenAll([SendReadingsAsync(client, result.DeviceId, token), .. offsets.Select((offset, partition) => FollowAsync(partition, offset, token))]);
    }

    private void ShowImprint(TpmSource tpm)
    {
        var device = new TpmDevice(0, tpm, time);
        _narrator.Step("What the device's programs see: TpmDevice gives tokens, never the key");
        _narrator.Wire($"new TpmDevice(0).GetHostName()  {device.GetHostName()}");
        _narrator.Wire($"new TpmDevice(0).GetDeviceId()  {device.GetDeviceId()}");
        _narrator.Wire($"new TpmDevice(0).GetSASToken()  {WireTap.Redact(device.GetSASToken())}");
    }

    private async Task SendReadingsAsync(DeviceClient client, string deviceId, CancellationToken token)
    {
        for (var number = 1; !token.IsCancellationRequested; number++)
        {
            var body = JsonSerializer.SerializeToUtf8Bytes(new { number, temperature = Math.Round(20 + (2 * Math.Sin(number / 5.0)), 2) });
            using var message = new Message(body) { ContentType = "application/json", ContentEncoding = "utf-8" };
            if (number == 1)
                _narrator.Wire($"--> PUBLISH devices/{deviceId}/messages/events/..., QoS 1, {Encoding.UTF8.GetString(body)}");
            await client.SendEventAsync(message, token);
            if (number == 1)
                _narrator.Wire("<-- PUBACK: the message is on the hub's disk");
            await Task.Delay(Pause, time, token);
        }
    }

    private async Task FollowAsync(int partition, long offset, CancellationToken token)
    {
        while (!token.IsCancellationRequested)
        {
            var page = await messages.ReadAsync(partition, offset, MessageReader.MaxPage, TimeSpan.FromSeconds(30), token);
            foreach (var message in page.Messages)
                _narrator.Say($"partition {partition}, offset {message.Offset}, {message.EnqueuedTime}, {message.DeviceId}: {Narrator.Shorten(Encoding.UTF8.GetString(message.Body), 160)}");
            offset = page.NextOffset;
        }
    }

    private WireTap Tap()
    {
        var handler = new SocketsHttpHandler();
        handler.SslOptions.RemoteCertificateValidationCallback = _trust.Validate;
        return new WireTap(_narrator, handler);
    }
}
