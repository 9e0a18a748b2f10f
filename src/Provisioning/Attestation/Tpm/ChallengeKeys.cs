using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Homeport.Contract.Access;

namespace Homeport.Provisioning.Attestation.Tpm;

/// <summary>
/// The nonce keys of TPM challenges. For an enrolled TPM the last two are kept and stay valid for <see cref="Lifetime"/>, since a
/// device repeats a call whose answer was late and shows the token it made for the first answer in all its polls.
/// </summary>
/// <remarks>
/// Nothing is kept for a TPM that is not enrolled: its keys are derived from a secret of the process, so that a flood of made-up
/// registrations costs no memory. A challenge that repeats within <see cref="Repeat"/> gets the same key: who knows the public
/// endorsement key of a device cannot push out the key that the device is answering.
/// </remarks>
public sealed class ChallengeKeys(TimeProvider time)
{
    /// <summary>How long a nonce key is taken. C# keeps its token for a day.</summary>
    public static readonly TimeSpan Lifetime = TimeSpan.FromHours(24);

    /// <summary>How long an unanswered key is given out again.</summary>
    public static readonly TimeSpan Repeat = TimeSpan.FromSeconds(10);

    /// <summary>Registrations whose keys are kept; the oldest leave first.</summary>
    public const int Capacity = 100_000;

    private const int KeySize = 32;
    private readonly byte[] _secret = RandomNumberGenerator.GetBytes(KeySize);
    private readonly Lock _lock = new();
    private readonly Dictionary<string, Kept> _kept = new(StringComparer.OrdinalIgnoreCase);
    private readonly Queue<(string RegistrationId, DateTimeOffset Issued)> _order = new();

    /// <summary>Registrations whose keys are kept now.</summary>
    public int Count
    {
        get
        {
            lock (_lock)
                return _kept.Count;
        }
    }

    /// <summary>The key for a challenge to an enrolled TPM.</summary>
    public byte[] Issue(string registrationId, ReadOnlySpan<byte> endorsementKey)
    {
        var now = time.GetUtcNow();
        var tpm = SHA256.HashData(endorsementKey);
        lock (_lock)
        {
            var kept = _kept.TryGetValue(registrationId, out var found) && found.Tpm.AsSpan().SequenceEqual(tpm) ? found : null;
            if (kept is { Newest.Answered: false } && now - kept.Newest.Issued < Repeat)
                return kept.Newest.Key;
            var newest = new Nonce(RandomNumberGenerator.GetBytes(KeySize), now, Answered: false);
            _kept[registrationId] = new Kept(tpm, newest, kept?.Newest);
            _order.Enqueue((registrationId, now));
            Trim(now);
            return newest.Key;
        }
    }

    /// <summary>True when the token answers one of the kept challenges to this TPM.</summary>
    public bool IsAnswer(string registrationId, ReadOnlySpan<byte> endorsementKey, SharedAccessSignature token)
    {
        var now = time.GetUtcNow();
        var tpm = SHA256.HashData(endorsementKey);
        lock (_lock)
        {
            if (!_kept.TryGetValue(registrationId, out var kept) || !kept.Tpm.AsSpan().SequenceEqual(tpm))
                return false;
            if (now - kept.Newest.Issued < Lifetime && token.IsSignedBy(kept.Newest.Key))
            {
                _kept[registrationId] = kept with { Newest = kept.Newest with { Answered = true } };
                return true;
            }
            return kept.Previous is { } previous && now - previous.Issued < Lifetime && token.IsSignedBy(previous.Key);
        }
    }

    /// <summary>The key for a challenge to a TPM that is not enrolled; nothing is kept.</summary>
    public byte[] Derive(string registrationId, ReadOnlySpan<byte> endorsementKey) => Derive(registrationId, endorsementKey, Window());

    /// <summary>True when the token answers a challenge to a TPM that is not enrolled.</summary>
    public bool IsDerivedAnswer(string registrationId, ReadOnlySpan<byte> endorsementKey, SharedAccessSignature token)
        => token.IsSignedBy(Derive(registrationId, endorsementKey, Window())) || token.IsSignedBy(Derive(registrationId, endorsementKey, Window() - 1));

    private long Window() => time.GetUtcNow().ToUnixTimeSeconds() / (long)Lifetime.TotalSeconds;

    private byte[] Derive(string registrationId, ReadOnlySpan<byte> endorsementKey, long window)
    {
        using var mac = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, _secret);
        Span<byte> number = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64BigEndian(number, window);
        mac.AppendData(number);
        mac.AppendData(SHA256.HashData(endorsementKey));
        mac.AppendData(Encoding.UTF8.GetBytes(registrationId.ToLowerInvariant()));
        return mac.GetHashAndReset();
    }

    private void Trim(DateTimeOffset now)
    {
        while (_order.TryPeek(out var oldest) && (now - oldest.Issued >= Lifetime || _kept.Count > Capacity || _order.Count > Capacity * 4))
        {
            _order.Dequeue();
            if (_kept.TryGetValue(oldest.RegistrationId, out var kept) && kept.Newest.Issued == oldest.Issued)
                _kept.Remove(oldest.RegistrationId);
        }
    }

    private sealed record Nonce(byte[] Key, DateTimeOffset Issued, bool Answered);

    private sealed record Kept(byte[] Tpm, Nonce Newest, Nonce? Previous);
}
