using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Homeport.Contract.Errors;

namespace Homeport.Provisioning.Certificates;

/// <summary>Reads certificate signing requests of devices: PKCS #10 (RFC 2986), for the device's own name and with a key that is good today.</summary>
internal static class RequestCheck
{
    private const string CommonName = "2.5.4.3";
    private const string AlternativeName = "2.5.29.17";
    private const int MinRsa = 2048;
    private const int MaxRsa = 4096;

    private static readonly HashSet<string> Curves = ["1.2.840.10045.3.1.7", "1.3.132.0.34", "1.3.132.0.35"];

    /// <summary>Checks a request.</summary>
    /// <param name="request">DER.</param>
    /// <param name="registrationId">The name that it has to be for; case does not count.</param>
    /// <param name="deviceId">The name that the certificate gets.</param>
    public static Outcome<SigningOrder> Read(byte[] request, string registrationId, string deviceId)
    {
        CertificateRequest read;
        try
        {
            // The signature is checked here: who asks has the private key.
            read = CertificateRequest.LoadSigningRequest(request, HashAlgorithmName.SHA256, out var length, CertificateRequestLoadOptions.UnsafeLoadCertificateExtensions, RSASignaturePadding.Pkcs1);
            if (length != request.Length)
                return Refuse($"{request.Length - length} bytes are behind the request", "Send one PKCS #10 request alone.");
        }
        catch (CryptographicException)
        {
            return Refuse("it is no PKCS #10 request in DER, or its signature is wrong", "Make it anew, for example with openssl req -new -outform DER.");
        }
        catch (PlatformNotSupportedException)
        {
            return Refuse("its key or signature is of a kind that is not known here", "Use an ECDSA key on P-256, P-384 or P-521, or RSA with 2048 to 4096 bits.");
        }
        if (CheckName(read, registrationId, deviceId) is { } name)
            return name;
        return CheckKey(read.PublicKey) is { } key
            ? Refuse(key, "Use an ECDSA key on P-256, P-384 or P-521, or RSA with 2048 to 4096 bits.")
            : new SigningOrder(request, read.PublicKey, deviceId, registrationId);
    }

    /// <summary>The only common name of a subject, or null.</summary>
    public static string? CommonNameOf(X500DistinguishedName subject)
    {
        var names = subject.EnumerateRelativeDistinguishedNames().Where(n => !n.HasMultipleElements && n.GetSingleElementType().Value == CommonName).ToList();
        return names is [var only] ? only.GetSingleElementValue() : null;
    }

    private static Refusal? CheckName(CertificateRequest request, string registrationId, string deviceId)
    {
        var name = CommonNameOf(request.SubjectName);
        if (name is null || !name.Equals(registrationId, StringComparison.OrdinalIgnoreCase))
            return Refuse($"it is for the common name '{Shown.Text(name)}', the registration is '{registrationId}'", $"Make the request for CN={registrationId}.");
        foreach (var extension in request.CertificateExtensions.Where(e => e.Oid?.Value == AlternativeName))
        {
            try
            {
                var other = new X509SubjectAlternativeNameExtension(extension.RawData);
                var strange = other.EnumerateDnsNames().Concat(other.EnumerateIPAddresses().Select(a => a.ToString()))
                    .FirstOrDefault(n => !n.Equals(registrationId, StringComparison.OrdinalIgnoreCase) && !n.Equals(deviceId, StringComparison.OrdinalIgnoreCase));
                if (strange is not null)
                    return Refuse($"it asks for the other name '{Shown.Text(strange)}'", "Leave subject alternative names out: the certificate is for the device alone.");
            }
            catch (CryptographicException)
            {
                return Refuse("its subject alternative names cannot be read", "Leave them out: the certificate is for the device alone.");
            }
        }
        return null;
    }

    private static string? CheckKey(PublicKey key)
    {
        using var rsa = key.GetRSAPublicKey();
        if (rsa is not null)
            return rsa.KeySize is >= MinRsa and <= MaxRsa ? null : $"its RSA key has {rsa.KeySize} bits";
        using var ecdsa = key.GetECDsaPublicKey();
        if (ecdsa is null)
            return "its key is neither RSA nor ECDSA";
        var curve = ecdsa.ExportParameters(includePrivateParameters: false).Curve;
        return curve.IsNamed && curve.Oid.Value is { } oid && Curves.Contains(oid) ? null : "its key is on another curve";
    }

    private static Refusal Refuse(string seen, string fix) => new(ProvisioningErrors.CertificateRequestRefused, $"csr: {seen}", fix);
}
