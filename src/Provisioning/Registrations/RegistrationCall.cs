using System.Net;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using Homeport.Contract.Errors;
using Homeport.Contract.Naming;
using Homeport.Contract.Rest;
using Homeport.Provisioning.Allocation;
using Homeport.Provisioning.Attestation.Tpm;
using Homeport.Provisioning.Enrollments;

namespace Homeport.Provisioning.Registrations;

/// <summary>What a device sent to register or to ask for its registration, whatever the transport.</summary>
public sealed record RegistrationCall
{
    /// <summary>Longest body, in bytes. Source: limits of the Device Provisioning Service.</summary>
    public const int MaxBodySize = 96 * 1024;

    private const int MaxCertificateRequest = 8 * 1024;
    private const int MaxLatencies = 64;

    /// <summary>From the address, as the device wrote it.</summary>
    public required string IdScope { get; init; }

    /// <summary>From the address, as the device wrote it: the letters of a derived key's input.</summary>
    public required string RegistrationId { get; init; }

    /// <summary>The security token, or null.</summary>
    public string? Authorization { get; init; }

    /// <summary>The keys of its TPM, or null.</summary>
    public TpmEvidence? Tpm { get; init; }

    /// <summary>TLS client certificate, or null.</summary>
    public X509Certificate2? Certificate { get; init; }

    /// <summary>What the client sent in the handshake besides its own certificate, DER.</summary>
    public IReadOnlyList<byte[]> Intermediates { get; init; } = [];

    /// <summary>What the device tells the one who allocates it, any JSON, as it was sent; null for nothing.</summary>
    public JsonElement? Payload { get; init; }

    /// <summary>PKCS #10 certificate signing request, DER, or null.</summary>
    public byte[]? CertificateRequest { get; init; }

    /// <summary>Where it came from, or null when that is not known.</summary>
    public IPAddress? Address { get; init; }

    /// <summary>Transport, for explanations: <c>dps https</c>, <c>dps mqtt</c> or <c>dps amqp</c>.</summary>
    public string Door { get; init; } = "dps";

    /// <summary>What is known of the device when its hub is chosen.</summary>
    public AllocationSubject AllocationSubject => new(RegistrationId, Address, ReadLatencies(Payload));

    /// <summary>For example <c>2019-03-31</c>.</summary>
    public required string ApiVersion { get; init; }

    /// <summary>True for the first call of a TPM, which is answered by a challenge.</summary>
    public bool AsksForChallenge => string.IsNullOrEmpty(Authorization) && Tpm is not null;

    /// <summary>Names only: the token stays out of logs.</summary>
    public override string ToString() => $"registration '{RegistrationId}'";

    /// <summary>Null when the registration id can be one, else the refusal.</summary>
    public static Refusal? CheckId(string registrationId) => RegistrationIdRules.Check(registrationId) is { } bad
        ? new Refusal(ProvisioningErrors.BadRequest, $"The address cannot be used: {bad}", $"Send 1 to {RegistrationIdRules.MaxLength} letters, digits and - . _ :, the last a letter, digit or dash.")
        : null;

    /// <summary>Null for every version of the form <c>yyyy-MM-dd</c>, with or without an ending; all are served alike.</summary>
    public static Refusal? CheckApiVersion(string text)
        => text.Length is >= 10 and <= 32 && text[4] == '-' && text[7] == '-'
            && DateOnly.TryParseExact(text.AsSpan(0, 10), "yyyy-MM-dd", out _)
            && (text.Length == 10 || text[10] == '-')
            ? null
            : new Refusal(ProvisioningErrors.BadRequest, "There is no api-version of the form yyyy-MM-dd", "Add api-version=2021-06-01 to the address, in MQTT to the user name.");

    /// <summary>Adds what the body of a register or lookup call says. An empty body says nothing.</summary>
    /// <param name="body">UTF-8 text, at most <see cref="MaxBodySize"/> bytes.</param>
    public Outcome<RegistrationCall> WithBody(ReadOnlySpan<byte> body)
    {
        if (body.Length > MaxBodySize)
            return new Refusal(ProvisioningErrors.RequestTooLarge, $"The body has {body.Length} bytes", $"Send at most {MaxBodySize} bytes.");
        if (CheckId(RegistrationId) is { } badId)
            return badId;
        if (body.TrimStart(" \t\r\n"u8).IsEmpty)
            return this;
        if (!JsonBody.Read(body, ProvisioningJson.Received.RegisterRequest).Succeeded(out var sent, out var refusal))
            return refusal;
        if (!string.IsNullOrEmpty(sent.RegistrationId) && !sent.RegistrationId.Equals(RegistrationId, StringComparison.OrdinalIgnoreCase))
            return new Refusal(ProvisioningErrors.BadRequest, $"The body has another registrationId than the address, which has '{RegistrationId}'", "Send the same id in both, or none in the body.");
        // Versions before 2018-11 call it data.
        var payload = sent.Payload ?? sent.Data;
        if (!JsonBody.IsWritable(payload))
            return new Refusal(ProvisioningErrors.BadRequest, "payload: a text has half of a surrogate pair, which is no Unicode character", "Correct the sequence \\ud800 to \\udfff.");
        var read = this with { Payload = payload };
        if (sent.Csr is not null)
        {
            if (!AttestationForm.TryReadBase64(sent.Csr, MaxCertificateRequest, out var request) || request.Length == 0)
                return new Refusal(ProvisioningErrors.CertificateRequestRefused, $"csr is not the Base64 text of 1 to {MaxCertificateRequest} bytes", "Send the PKCS #10 request in DER, in Base64, without the lines -----BEGIN and -----END.");
            read = read with { CertificateRequest = request };
        }
        if (sent.Tpm is null)
            return read;
        if (!TpmEvidence.Read(sent.Tpm).Succeeded(out var evidence, out refusal))
            return refusal;
        // SDKs write the TPM's keys themselves, so their users have the payload to add the certificate.
        if (evidence.Certificate is null && PayloadText(read.Payload, "endorsementCertificate") is { } certificate
            && !evidence.WithCertificate(certificate, PayloadTexts(read.Payload, "endorsementCertificateChain")).Succeeded(out evidence, out refusal))
        {
            return refusal;
        }
        return read with { Tpm = evidence };
    }

    /// <summary>A device may have measured the way to the hubs: <c>{"hubLatencies":{"hub1.example":12.5}}</c>, in milliseconds.</summary>
    private static Dictionary<string, double>? ReadLatencies(JsonElement? payload)
    {
        if (payload is not { ValueKind: JsonValueKind.Object } sent || !sent.TryGetProperty("hubLatencies", out var measured) || measured.ValueKind != JsonValueKind.Object)
            return null;
        var latencies = new Dictionary<string, double>(StringComparer.OrdinalIgnoreCase);
        foreach (var entry in measured.EnumerateObject().Take(MaxLatencies))
        {
            if (entry.Value.ValueKind == JsonValueKind.Number && entry.Value.TryGetDouble(out var milliseconds) && milliseconds >= 0)
                latencies[entry.Name] = milliseconds;
        }
        return latencies;
    }

    private static string? PayloadText(JsonElement? payload, string member)
        => payload is { ValueKind: JsonValueKind.Object } sent && sent.TryGetProperty(member, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static List<string> PayloadTexts(JsonElement? payload, string member)
        => payload is { ValueKind: JsonValueKind.Object } sent && sent.TryGetProperty(member, out var value) && value.ValueKind == JsonValueKind.Array
            ? [.. value.EnumerateArray().Where(v => v.ValueKind == JsonValueKind.String).Select(v => v.GetString()!)]
            : [];
}
