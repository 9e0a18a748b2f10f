using System.Formats.Asn1;
using System.Globalization;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace Homeport.Tpm.Attestation;

/// <summary>
/// What the certificate of an endorsement key says of its TPM. Source: TCG EK Credential Profile for TPM 2.0, section 3.2.9: a directory
/// name in the subject alternative name.
/// </summary>
/// <param name="Manufacturer">For example <c>id:49424D00</c>; null when it is not there.</param>
/// <param name="Model">Part number, or null.</param>
/// <param name="Version">Firmware version, for example <c>id:00010002</c>, or null.</param>
public sealed record EndorsementCertificate(string? Manufacturer, string? Model, string? Version)
{
    private const string SubjectAlternativeName = "2.5.29.17";
    private const string ManufacturerOid = "2.23.133.2.1";
    private const string ModelOid = "2.23.133.2.2";
    private const string VersionOid = "2.23.133.2.3";

    /// <summary>Extended key usage tcg-kp-EKCertificate.</summary>
    private const string Purpose = "2.23.133.8.1";

    /// <summary>The manufacturer's letters, for example <c>IBM</c>, when its id is one of four characters (TCG vendor id registry).</summary>
    public string? ManufacturerName
    {
        get
        {
            if (Manufacturer is not { Length: 11 } id || !id.StartsWith("id:", StringComparison.OrdinalIgnoreCase)
                || !uint.TryParse(id.AsSpan(3), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var number))
            {
                return null;
            }
            var letters = new StringBuilder(4);
            for (var shift = 24; shift >= 0; shift -= 8)
            {
                var c = (char)((number >> shift) & 0xFF);
                if (c is >= ' ' and <= '~')
                    letters.Append(c);
            }
            return letters.ToString().Trim();
        }
    }

    /// <summary>Reads the attributes; those that are missing or malformed are null.</summary>
    public static EndorsementCertificate Read(X509Certificate2 certificate)
    {
        ArgumentNullException.ThrowIfNull(certificate);
        var values = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var extension in certificate.Extensions)
        {
            if (extension.Oid?.Value == SubjectAlternativeName)
                ReadNames(extension.RawData, values);
        }
        return new EndorsementCertificate(values.GetValueOrDefault(ManufacturerOid), values.GetValueOrDefault(ModelOid), values.GetValueOrDefault(VersionOid));
    }

    /// <summary>Null when the certificate is one for an endorsement key, by its extended key usage.</summary>
    public static string? PurposeFailure(X509Certificate2 certificate)
    {
        ArgumentNullException.ThrowIfNull(certificate);
        var usage = certificate.Extensions.OfType<X509EnhancedKeyUsageExtension>().FirstOrDefault();
        return usage is not null && usage.EnhancedKeyUsages.Cast<System.Security.Cryptography.Oid>().Any(o => o.Value == Purpose)
            ? null
            : $"its extended key usage is not that of an endorsement key ({Purpose})";
    }

    private static void ReadNames(byte[] extension, Dictionary<string, string> values)
    {
        try
        {
            var names = new AsnReader(extension, AsnEncodingRules.DER).ReadSequence();
            while (names.HasData)
            {
                // directoryName [4], explicit since a Name is a choice (RFC 5280 section 4.2.1.6).
                if (names.PeekTag() is not { TagClass: TagClass.ContextSpecific, TagValue: 4 } tag)
                    names.ReadEncodedValue();
                else
                    ReadName(names.ReadSequence(tag).ReadSequence(), values);
            }
        }
        catch (AsnContentException)
        {
            // A certificate with a name that cannot be read has no attributes, so no filter fits it.
            values.Clear();
        }
    }

    private static void ReadName(AsnReader name, Dictionary<string, string> values)
    {
        while (name.HasData)
        {
            var set = name.ReadSetOf(skipSortOrderValidation: true);
            while (set.HasData)
            {
                var attribute = set.ReadSequence();
                var oid = attribute.ReadObjectIdentifier();
                var tag = (UniversalTagNumber)attribute.PeekTag().TagValue;
                if (tag is UniversalTagNumber.UTF8String or UniversalTagNumber.PrintableString or UniversalTagNumber.IA5String)
                    values.TryAdd(oid, attribute.ReadCharacterString(tag));
            }
        }
    }
}
