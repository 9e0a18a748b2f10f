using System.Buffers.Text;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Homeport.Contract.Errors;

namespace Homeport.Hub.Access.Certificates;

/// <summary>Reads a certificate as clients of the REST API send it: PEM, Base64 of PEM, or Base64 of DER.</summary>
public static class CertificateText
{
    /// <summary>Characters that a certificate may have. Those with 16384-bit keys and long names stay far below.</summary>
    private const int MaxLength = 32 * 1024;

    private const string Fix = "Send one X.509 certificate: PEM text, or DER in Base64.";

    /// <summary>Reads one certificate; the caller disposes of it.</summary>
    public static Outcome<X509Certificate2> Read(string? text)
    {
        if (string.IsNullOrWhiteSpace(text))
            return new Refusal(HubErrors.ArgumentNull, "There is no certificate", Fix);
        if (text.Length > MaxLength)
            return Invalid($"The certificate has {text.Length} characters, more than {MaxLength}");
        if (!text.Contains("-----BEGIN", StringComparison.Ordinal))
        {
            if (!Base64.IsValid(text))
                return Invalid("The certificate is neither PEM nor Base64");
            var bytes = Convert.FromBase64String(text);
            if (!bytes.AsSpan().StartsWith("-----BEGIN"u8))
                return Load(bytes);
            text = Encoding.ASCII.GetString(bytes);
        }
        return ReadPem(text);
    }

    private static Outcome<X509Certificate2> ReadPem(string text)
    {
        byte[]? found = null;
        for (var rest = text.AsSpan(); PemEncoding.TryFind(rest, out var fields); rest = rest[fields.Location.End..])
        {
            var label = rest[fields.Label];
            if (label.Contains("PRIVATE KEY", StringComparison.Ordinal))
                return new Refusal(HubErrors.ArgumentInvalid, "The text has a private key, which was not read", "Send the certificate alone, and keep the key to yourself.");
            if (!label.SequenceEqual("CERTIFICATE"))
                continue;
            if (found is not null)
                return Invalid("The text has more than one certificate");
            found = Convert.FromBase64String(rest[fields.Base64Data].ToString());
        }
        return found is null ? Invalid("The PEM text has no certificate") : Load(found);
    }

    private static Outcome<X509Certificate2> Load(byte[] der)
    {
        try
        {
            return X509CertificateLoader.LoadCertificate(der);
        }
        catch (CryptographicException)
        {
            return Invalid("The bytes are no X.509 certificate");
        }
    }

    private static Refusal Invalid(string seen) => new(HubErrors.ArgumentInvalid, seen, Fix);
}
