using System.Runtime.Versioning;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Homeport.Device.Identity;

/// <summary>
/// A certificate whose private key is in a PKCS#11 module, such as a smart card or a secure element, and never leaves it. OpenSSL reaches the module by its
/// provider or its engine named <c>pkcs11</c>; Debian has the engine (<c>libengine-pkcs11-openssl</c>). Which module, the environment variable
/// <c>PKCS11_MODULE_PATH</c> says when the program starts, or p11-kit.
/// </summary>
[UnsupportedOSPlatform("windows")]
public static class Pkcs11Certificate
{
    private const string Name = "pkcs11";

    /// <summary>Reads a certificate and opens its key.</summary>
    /// <param name="certificateFile">PEM; the first one of the file.</param>
    /// <param name="keyUri">RFC 7512: <c>pkcs11:token=device;object=key;type=private?pin-source=file:/etc/homeport/pin</c>.</param>
    /// <exception cref="IOException">The file cannot be read.</exception>
    /// <exception cref="CryptographicException">The key cannot be opened, or it is that of another certificate; the text says which and what to do.</exception>
    /// <exception cref="FormatException">The file holds no certificate, or the text is no PKCS#11 URI.</exception>
    public static X509Certificate2 Open(string certificateFile, string keyUri)
    {
        ArgumentNullException.ThrowIfNull(keyUri);
        if (!keyUri.StartsWith("pkcs11:", StringComparison.Ordinal))
            throw new FormatException("The key is not named by a PKCS#11 URI: pkcs11:token=...;object=...;type=private");
        using var certificate = ServerTrust.ReadPem(certificateFile)[0];
        using var handle = OpenKey(keyUri);
        try
        {
            using var elliptic = certificate.GetECDsaPublicKey();
            if (elliptic is null)
            {
                using var rsa = new RSAOpenSsl(handle);
                return certificate.CopyWithPrivateKey(rsa);
            }

            using var key = new ECDsaOpenSsl(handle);
            return certificate.CopyWithPrivateKey(key);
        }
        catch (ArgumentException e)
        {
            throw new CryptographicException($"The key of the module does not belong to the certificate {certificate.Subject}.", e);
        }
    }

    /// <summary>The provider is OpenSSL's way since version 3, the engine is the one that more systems have.</summary>
    private static SafeEvpPKeyHandle OpenKey(string keyUri)
    {
        try
        {
            return SafeEvpPKeyHandle.OpenKeyFromProvider(Name, keyUri);
        }
        catch (Exception provider) when (provider is CryptographicException or PlatformNotSupportedException)
        {
            try
            {
                return SafeEvpPKeyHandle.OpenPrivateKeyFromEngine(Name, keyUri);
            }
            catch (Exception engine) when (engine is CryptographicException or PlatformNotSupportedException)
            {
                // The URI may hold a PIN, so it is not repeated here.
                throw new CryptographicException(
                    $"OpenSSL cannot open the key, neither by the provider pkcs11 ({provider.Message.TrimEnd('.')}) nor by the engine ({engine.Message.TrimEnd('.')}). "
                    + "Is libengine-pkcs11-openssl installed, does PKCS11_MODULE_PATH name the module, and are token, object and PIN right?",
                    engine);
            }
        }
    }
}
