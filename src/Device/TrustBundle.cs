using System.Buffers.Text;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using Homeport.Contract.Rest;

namespace Homeport.Device;

/// <summary>
/// The root certificates of a server, signed by each of them (RFC 7515, ES256): a device that trusts one of them can take over the others
/// before the old one goes.
/// </summary>
public static class TrustBundle
{
    private const int MaxRoots = 32;

    /// <summary>Checks a bundle against the roots that are trusted already. Gives the PEM text of all roots in it.</summary>
    /// <exception cref="FormatException">It is no bundle, or none of the trusted roots signed it.</exception>
    public static string Verify(byte[] bundle, X509Certificate2Collection trusted)
    {
        ArgumentNullException.ThrowIfNull(trusted);
        try
        {
            if (JsonSerializer.Deserialize(bundle, Json.Default.SignedBundle) is not { Payload: not null, Signatures: not null } signed)
                throw new FormatException("The bundle has no payload or no signatures.");
            foreach (var signature in signed.Signatures)
            {
                using var header = JsonDocument.Parse(Base64Url.DecodeFromChars(signature.Protected));
                if (header.RootElement.GetProperty("alg").GetString() != "ES256")
                    continue;
                var print = Convert.ToHexString(Base64Url.DecodeFromChars(header.RootElement.GetProperty("x5t#S256").GetString()));
                if (trusted.FirstOrDefault(c => c.GetCertHashString(HashAlgorithmName.SHA256) == print) is { } root && IsSignedBy(root, signed.Payload, signature))
                    return Roots(signed.Payload);
            }
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw new FormatException("It is no signed bundle of root certificates.", e);
        }
        throw new FormatException("None of the roots that are trusted signed the bundle.");
    }

    private static bool IsSignedBy(X509Certificate2 root, string payload, BundleSignature signature)
    {
        using var key = root.GetECDsaPublicKey();
        return key?.VerifyData(Encoding.ASCII.GetBytes($"{signature.Protected}.{payload}"), Base64Url.DecodeFromChars(signature.Signature),
            HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation) == true;
    }

    private static string Roots(string payload)
    {
        var content = JsonSerializer.Deserialize(Base64Url.DecodeFromChars(payload), Json.Default.TrustBundlePayload) ?? throw new FormatException("The bundle is null.");
        if (content.Roots is not { Count: > 0 and <= MaxRoots })
            throw new FormatException($"The bundle has no roots, or more than {MaxRoots}.");
        return content.Roots.All(static r => r?.Certificate is not null)
            ? string.Concat(content.Roots.Select(static r => r.Certificate.TrimEnd() + "\n"))
            : throw new FormatException("A root of the bundle has no certificate.");
    }
}
