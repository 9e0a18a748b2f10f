using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Homeport.Contract.Errors;
using Homeport.Hub.Limits;
using Homeport.Provisioning.Registrations;

namespace Homeport.Gateway.Provisioning;

/// <summary>
/// Stops who guesses ids and keys, and who asks for challenges without answering them. Refused attempts of an address are counted, not
/// registrations: a factory hall behind one address registers as fast as the server can.
/// </summary>
/// <remarks>
/// Bounded: addresses are kept while they have attempts to answer for, at most <see cref="Capacity"/>; above that they share one
/// bucket. An IPv6 host has a /64 network of addresses, so that counts as one.
/// </remarks>
public sealed class RegistrationLimits(TimeProvider time)
{
    /// <summary>Addresses that are told apart.</summary>
    public const int Capacity = 50_000;

    /// <summary>Refused attempts of an address.</summary>
    public static readonly Rate Attempts = new(5, 100);

    /// <summary>Challenges of an address that were not answered, or not yet: slow chips take seconds. Each costs half a millisecond.</summary>
    public static readonly Rate Challenges = new(50, 1000);

    private static readonly TimeSpan Forgotten = TimeSpan.FromMinutes(1);
    private readonly ConcurrentDictionary<string, Attempted> _addresses = new(StringComparer.Ordinal);
    private readonly Attempted _others = new(new Rate(Attempts.PerSecond * 20, Attempts.Burst * 20), new Rate(Challenges.PerSecond * 4, Challenges.Burst * 4), time);
    private long _swept;

    /// <summary>Null when the call may go on.</summary>
    public Throttled? Check(RegistrationCall call)
    {
        if (call.Address is null || !_addresses.TryGetValue(KeyOf(call.Address), out var attempted))
            return _addresses.Count >= Capacity ? Check(call, _others) : null;
        return Check(call, attempted);
    }

    /// <summary>Counts a refused attempt.</summary>
    public void NoteGuess(IPAddress? address)
    {
        if (address is null)
            return;
        var attempted = Find(KeyOf(address));
        attempted.Seen = time.GetTimestamp();
        attempted.BlockedFor = attempted.Attempts.TryTake();
    }

    /// <summary>Null when the address may have one more challenge.</summary>
    public Throttled? TakeChallenge(RegistrationCall call)
    {
        if (call.Address is null)
            return null;
        var attempted = Find(KeyOf(call.Address));
        attempted.Seen = time.GetTimestamp();
        var wait = attempted.Challenges.TryTake();
        return wait == TimeSpan.Zero ? null : new Throttled(
            new Refusal(ProvisioningErrors.TooManyRequests, $"The address {call.Address} asked for many TPM challenges and answered few; the last is for {call}",
                "Let devices register one after the other, and answer each challenge."),
            wait);
    }

    /// <summary>A challenge was answered well, so it does not count.</summary>
    public void NoteAnswer(IPAddress? address)
    {
        if (address is not null && _addresses.TryGetValue(KeyOf(address), out var attempted))
            attempted.Challenges.Return();
    }

    private Throttled? Check(RegistrationCall call, Attempted attempted)
    {
        // What is left of the wait that the last refused attempt earned.
        var left = attempted.BlockedFor - time.GetElapsedTime(attempted.Seen);
        if (left <= TimeSpan.Zero)
            return null;
        return new Throttled(
            new Refusal(ProvisioningErrors.TooManyRequests, $"Too many attempts of the address {call.Address} were refused lately; the last is for {call}",
                "Look for the reason of the refusals before, and mend the devices that try with wrong credentials."),
            left);
    }

    private Attempted Find(string key)
    {
        if (_addresses.TryGetValue(key, out var found))
            return found;
        if (_addresses.Count >= Capacity)
            Sweep();
        return _addresses.Count >= Capacity
            ? _others
            : _addresses.GetOrAdd(key, _ => new Attempted(Attempts, Challenges, time));
    }

    /// <summary>At most once a second: a flood from many addresses must not pay for a walk with each.</summary>
    private void Sweep()
    {
        var last = Volatile.Read(ref _swept);
        var now = time.GetTimestamp();
        if ((last != 0 && time.GetElapsedTime(last, now) < TimeSpan.FromSeconds(1)) || Interlocked.CompareExchange(ref _swept, now, last) != last)
            return;
        foreach (var (key, attempted) in _addresses)
        {
            if (time.GetElapsedTime(attempted.Seen, now) > Forgotten)
                _addresses.TryRemove(key, out _);
        }
    }

    private static string KeyOf(IPAddress address)
    {
        if (address.IsIPv4MappedToIPv6)
            return address.MapToIPv4().ToString();
        return address.AddressFamily == AddressFamily.InterNetworkV6 ? Convert.ToHexString(address.GetAddressBytes().AsSpan(0, 8)) : address.ToString();
    }

    private sealed class Attempted(Rate attempts, Rate challenges, TimeProvider time)
    {
        private long _seen = time.GetTimestamp();
        private long _blockedTicks;

        public TokenBucket Attempts { get; } = new(attempts, time);

        public TokenBucket Challenges { get; } = new(challenges, time);

        public long Seen
        {
            get => Volatile.Read(ref _seen);
            set => Volatile.Write(ref _seen, value);
        }

        public TimeSpan BlockedFor
        {
            get => TimeSpan.FromTicks(Volatile.Read(ref _blockedTicks));
            set => Volatile.Write(ref _blockedTicks, value.Ticks);
        }
    }
}
