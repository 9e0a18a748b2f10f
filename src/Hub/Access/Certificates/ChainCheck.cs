using System.Globalization;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Homeport.Hub.Access.Certificates;

/// <summary>
/// Whether a certificate was issued by a CA, directly or over intermediates: signatures, validity, CA flags, path lengths, name
/// constraints and purposes of all up to that CA. Nothing is fetched, and what the machine trusts does not count.
/// </summary>
/// <param name="Authority">The CA that has to be in the chain. It need not be a root.</param>
/// <param name="Now">Time at which all of them have to be valid.</param>
public sealed record ChainCheck(X509Certificate2 Authority, DateTimeOffset Now)
{
    private const string ClientAuthentication = "1.3.6.1.5.5.7.3.2";
    private const string CommonName = "2.5.4.3";

    /// <summary>A further check of each certificate below the CA with its issuer: null when it passes, else why not.</summary>
    public Func<X509Certificate2, X509Certificate2, string?>? Link { get; init; }

    /// <summary>Where the chain may stop short: the CA is trusted by itself, whether or not it has an issuer.</summary>
    private const X509ChainStatusFlags Allowed = X509ChainStatusFlags.PartialChain | X509ChainStatusFlags.UntrustedRoot;

    /// <summary>Null when the CA issued the certificate, else the check that failed.</summary>
    /// <param name="leaf">The certificate.</param>
    /// <param name="intermediates">What may lie between it and the CA.</param>
    /// <param name="forClients">Asks that it may be used by a TLS client.</param>
    public string? Failure(X509Certificate2 leaf, IReadOnlyCollection<X509Certificate2> intermediates, bool forClients)
    {
        using var chain = new X509Chain();
        var policy = chain.ChainPolicy;
        policy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        policy.CustomTrustStore.Add(Authority);
        foreach (var intermediate in intermediates)
            policy.ExtraStore.Add(intermediate);
        policy.RevocationMode = X509RevocationMode.NoCheck;
        policy.DisableCertificateDownloads = true;
        policy.VerificationTime = Now.UtcDateTime;
        policy.VerificationFlags = X509VerificationFlags.AllowUnknownCertificateAuthority;
        if (forClients)
            policy.ApplicationPolicy.Add(new Oid(ClientAuthentication));
        try
        {
            chain.Build(leaf);
            return Examine(chain);
        }
        finally
        {
            foreach (var element in chain.ChainElements)
            {
                if (!ReferenceEquals(element.Certificate, leaf))
                    element.Certificate.Dispose();
            }
        }
    }

    /// <summary>Null when a certificate may sign in a TLS handshake, else why not.</summary>
    public static string? UsageFailure(X509Certificate2 leaf)
        => leaf.Extensions.OfType<X509KeyUsageExtension>().FirstOrDefault() is { } usage
            && (usage.KeyUsages & (X509KeyUsageFlags.DigitalSignature | X509KeyUsageFlags.KeyAgreement)) == X509KeyUsageFlags.None
                ? $"its key usage is {usage.KeyUsages}, without DigitalSignature"
                : null;

    /// <summary>The common name of a certificate; null when it has none or several, or one that shares its place with another name.</summary>
    public static string? CommonNameOf(X509Certificate2 certificate)
    {
        string? found = null;
        foreach (var name in certificate.SubjectName.EnumerateRelativeDistinguishedNames())
        {
            if (name.HasMultipleElements || name.GetSingleElementType().Value != CommonName)
                continue;
            if (found is not null)
                return null;
            found = name.GetSingleElementValue();
        }
        return found;
    }

    /// <summary>Null when the certificate is in its validity.</summary>
    public static string? TimeFailure(X509Certificate2 certificate, DateTimeOffset now)
        => now.UtcDateTime < certificate.NotBefore.ToUniversalTime() ? $"it is not valid before {Text(certificate.NotBefore)}"
            : now.UtcDateTime > certificate.NotAfter.ToUniversalTime() ? $"it expired at {Text(certificate.NotAfter)}"
            : null;

    /// <summary>The chain's certificates from the leaf up to the CA must be there without fault; what lies above the CA does not count.</summary>
    private string? Examine(X509Chain chain)
    {
        for (var i = 0; i < chain.ChainElements.Count; i++)
        {
            var element = chain.ChainElements[i];
            foreach (var status in element.ChainElementStatus)
            {
                if ((status.Status & ~Allowed) != X509ChainStatusFlags.NoError)
                    return $"certificate '{Shorten(element.Certificate.Subject)}': {Explain(element.Certificate, status.Status)}";
            }
            if (i > 0 && Link?.Invoke(chain.ChainElements[i - 1].Certificate, element.Certificate) is { } broken)
                return $"certificate '{Shorten(chain.ChainElements[i - 1].Certificate.Subject)}': {broken}";
            if (i > 0 && element.Certificate.RawDataMemory.Span.SequenceEqual(Authority.RawDataMemory.Span))
                return null;
        }
        return chain.ChainElements.Count == 0
            ? "no chain can be built"
            : $"the chain ends at '{Shorten(chain.ChainElements[^1].Certificate.Subject)}', whose issuer '{Shorten(chain.ChainElements[^1].Certificate.Issuer)}' did not sign it or was not sent";
    }

    private string Explain(X509Certificate2 certificate, X509ChainStatusFlags status) => status switch
    {
        X509ChainStatusFlags.NotTimeValid => TimeFailure(certificate, Now) ?? "it is not in its validity",
        X509ChainStatusFlags.NotSignatureValid => "its signature was not made by the key of its issuer",
        X509ChainStatusFlags.NotValidForUsage => "its key usage or its extended key usage does not allow what it is used for",
        X509ChainStatusFlags.InvalidBasicConstraints => "it issued a certificate and is no CA, or has more below it than its path length allows",
        _ => status.ToString(),
    };

    private static string Text(DateTime time) => time.ToUniversalTime().ToString("u", CultureInfo.InvariantCulture);

    private static string Shorten(string text) => text.Length <= 200 ? text : text[..200] + "...";
}
