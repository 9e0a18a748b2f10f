using System.Collections.Frozen;
using System.Diagnostics.CodeAnalysis;
using System.Formats.Asn1;
using System.Numerics;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Homeport.Provisioning.Certificates;

/// <summary>A certificate revocation list. Source: RFC 5280 section 5.</summary>
public sealed class RevocationList
{
    /// <summary>Largest list in bytes: some 200,000 certificates.</summary>
    public const int MaxSize = 8 * 1024 * 1024;

    private readonly ReadOnlyMemory<byte> _signed;
    private readonly string _algorithm;
    private readonly byte[] _signature;
    private readonly FrozenSet<BigInteger> _serials;

    private RevocationList(ReadOnlyMemory<byte> signed, string algorithm, byte[] signature, Content content)
    {
        _signed = signed;
        _algorithm = algorithm;
        _signature = signature;
        (Issuer, ThisUpdate, NextUpdate) = (content.Issuer, content.ThisUpdate, content.NextUpdate);
        _serials = content.Serials.ToFrozenSet();
    }

    /// <summary>Name of the CA, DER.</summary>
    public ReadOnlyMemory<byte> Issuer { get; }

    public DateTimeOffset ThisUpdate { get; }

    /// <summary>When there should be a newer one, or null.</summary>
    public DateTimeOffset? NextUpdate { get; }

    /// <summary>Certificates in it.</summary>
    public int Count => _serials.Count;

    /// <summary>Reads a list, DER or PEM. False when it is none.</summary>
    public static bool TryParse(ReadOnlyMemory<byte> bytes, [NotNullWhen(true)] out RevocationList? list)
    {
        list = null;
        if (bytes.Length is 0 or > MaxSize || !TryReadPem(ref bytes))
            return false;
        try
        {
            var outer = new AsnReader(bytes, AsnEncodingRules.DER);
            var sequence = outer.ReadSequence();
            outer.ThrowIfNotEmpty();
            var signed = sequence.PeekEncodedValue();
            var content = ReadContent(sequence.ReadSequence());
            var algorithm = sequence.ReadSequence().ReadObjectIdentifier();
            var signature = sequence.ReadBitString(out var unused);
            sequence.ThrowIfNotEmpty();
            if (unused != 0)
                return false;
            list = new RevocationList(signed.ToArray(), algorithm, signature, content);
            return true;
        }
        catch (AsnContentException)
        {
            return false;
        }
    }

    /// <summary>True when the list was made by this CA.</summary>
    public bool IsSignedBy(X509Certificate2 authority)
    {
        if (!authority.SubjectName.RawData.AsSpan().SequenceEqual(Issuer.Span) || HashOf(_algorithm) is not { } hash)
            return false;
        if (_algorithm.StartsWith("1.2.840.10045.4.3.", StringComparison.Ordinal))
        {
            using var ecdsa = authority.GetECDsaPublicKey();
            return ecdsa is not null && ecdsa.VerifyData(_signed.Span, _signature, hash, DSASignatureFormat.Rfc3279DerSequence);
        }
        using var rsa = authority.GetRSAPublicKey();
        return rsa is not null && rsa.VerifyData(_signed.Span, _signature, hash, RSASignaturePadding.Pkcs1);
    }

    /// <summary>True when a certificate of this CA was taken back.</summary>
    public bool Contains(X509Certificate2 certificate)
        => _serials.Contains(new BigInteger(certificate.SerialNumberBytes.Span, isUnsigned: true, isBigEndian: true));

    private static bool TryReadPem(ref ReadOnlyMemory<byte> bytes)
    {
        if (!bytes.Span.StartsWith("-----BEGIN"u8))
            return true;
        var text = System.Text.Encoding.ASCII.GetString(bytes.Span);
        if (!PemEncoding.TryFind(text, out var fields) || !text[fields.Label].Equals("X509 CRL", StringComparison.Ordinal))
            return false;
        bytes = Convert.FromBase64String(text[fields.Base64Data]);
        return true;
    }

    private static Content ReadContent(AsnReader tbs)
    {
        if (tbs.PeekTag().HasSameClassAndValue(Asn1Tag.Integer))
            tbs.ReadInteger();
        tbs.ReadSequence();
        var issuer = tbs.ReadEncodedValue().ToArray();
        var thisUpdate = ReadTime(tbs);
        DateTimeOffset? nextUpdate = tbs.HasData && IsTime(tbs.PeekTag()) ? ReadTime(tbs) : null;
        var serials = new HashSet<BigInteger>();
        if (tbs.HasData && tbs.PeekTag().HasSameClassAndValue(Asn1Tag.Sequence))
        {
            var revoked = tbs.ReadSequence();
            while (revoked.HasData)
                serials.Add(new BigInteger(revoked.ReadSequence().ReadIntegerBytes().Span, isUnsigned: true, isBigEndian: true));
        }
        return new Content(issuer, thisUpdate, nextUpdate, serials);
    }

    private static bool IsTime(Asn1Tag tag) => tag.HasSameClassAndValue(Asn1Tag.UtcTime) || tag.HasSameClassAndValue(Asn1Tag.GeneralizedTime);

    private static DateTimeOffset ReadTime(AsnReader reader)
        => reader.PeekTag().HasSameClassAndValue(Asn1Tag.UtcTime) ? reader.ReadUtcTime() : reader.ReadGeneralizedTime();

    private static HashAlgorithmName? HashOf(string algorithm) => algorithm switch
    {
        "1.2.840.113549.1.1.11" or "1.2.840.10045.4.3.2" => HashAlgorithmName.SHA256,
        "1.2.840.113549.1.1.12" or "1.2.840.10045.4.3.3" => HashAlgorithmName.SHA384,
        "1.2.840.113549.1.1.13" or "1.2.840.10045.4.3.4" => HashAlgorithmName.SHA512,
        _ => null,
    };

    private sealed record Content(byte[] Issuer, DateTimeOffset ThisUpdate, DateTimeOffset? NextUpdate, HashSet<BigInteger> Serials);
}
