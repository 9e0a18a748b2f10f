using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Homeport.People.Accounts;

/// <summary>Time-based one-time passwords: RFC 6238 with SHA-1, 30 seconds and 6 digits, which every authenticator app knows.</summary>
public static class Totp
{
    private const int StepSeconds = 30;
    private const int SecretSize = 20;
    private const string Base32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

    /// <summary>A new secret of 20 bytes, as RFC 4226 section 4 recommends.</summary>
    public static byte[] NewSecret() => RandomNumberGenerator.GetBytes(SecretSize);

    /// <summary>The time step of a time.</summary>
    public static long StepOf(DateTimeOffset time) => time.ToUnixTimeSeconds() / StepSeconds;

    /// <summary>The code of a time step.</summary>
    public static string CodeAt(ReadOnlySpan<byte> secret, long step)
    {
        Span<byte> counter = stackalloc byte[8];
        BinaryPrimitives.WriteInt64BigEndian(counter, step);
        Span<byte> hash = stackalloc byte[HMACSHA1.HashSizeInBytes];
#pragma warning disable CA5350 // RFC 6238: what authenticator apps compute; HMAC-SHA-1 is not broken
        HMACSHA1.HashData(secret, counter, hash);
#pragma warning restore CA5350
        // RFC 4226 section 5.3: dynamic truncation.
        var offset = hash[^1] & 0xf;
        var number = (BinaryPrimitives.ReadUInt32BigEndian(hash[offset..]) & 0x7fffffff) % 1_000_000;
        return number.ToString("D6", CultureInfo.InvariantCulture);
    }

    /// <summary>
    /// The time step whose code this is: the present one or one of its neighbours, since clocks differ, and later than
    /// <paramref name="lastStep"/>. Null when the code is wrong or was used.
    /// </summary>
    public static long? Match(ReadOnlySpan<byte> secret, string code, DateTimeOffset now, long lastStep)
    {
        var digits = code.Replace(" ", "", StringComparison.Ordinal);
        if (digits.Length != 6)
            return null;
        var present = StepOf(now);
        long? found = null;
        for (var step = present - 1; step <= present + 1; step++)
        {
            if (CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(CodeAt(secret, step)), Encoding.UTF8.GetBytes(digits)) && step > lastStep)
                found = step;
        }
        return found;
    }

    /// <summary>The secret as people type it into an app: Base32 (RFC 4648).</summary>
    public static string Text(ReadOnlySpan<byte> secret)
    {
        var text = new StringBuilder();
        var (bits, value) = (0, 0);
        foreach (var b in secret)
        {
            value = (value << 8) | b;
            bits += 8;
            while (bits >= 5)
            {
                bits -= 5;
                text.Append(Base32[(value >> bits) & 31]);
            }
            value &= (1 << bits) - 1;
        }
        if (bits > 0)
            text.Append(Base32[(value << (5 - bits)) & 31]);
        return text.ToString();
    }

    /// <summary>The address that authenticator apps read from a QR code.</summary>
    public static string Address(ReadOnlySpan<byte> secret, string name, string issuer)
        => $"otpauth://totp/{Uri.EscapeDataString(issuer)}:{Uri.EscapeDataString(name)}?secret={Text(secret)}&issuer={Uri.EscapeDataString(issuer)}&algorithm=SHA1&digits=6&period=30";
}
