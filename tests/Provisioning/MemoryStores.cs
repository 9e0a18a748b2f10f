using Homeport.Contract.Errors;
using Homeport.Hub.Events;
using Homeport.Hub.Registry;
using Homeport.Provisioning.Certificates;
using Homeport.Hub.Twins;
using Homeport.Provisioning.Enrollments;
using Homeport.Provisioning.Registrations;

namespace Homeport.Tests.Provisioning;

/// <summary>Enrollments in memory.</summary>
internal sealed class MemoryEnrollmentStore : IEnrollmentStore
{
    private readonly Lock _lock = new();
    private readonly SortedDictionary<(EnrollmentKind Kind, string Key), Enrollment> _entries = [];

    public Task<Enrollment?> FindAsync(EnrollmentKind kind, string id, CancellationToken token)
    {
        lock (_lock)
            return Task.FromResult(_entries.GetValueOrDefault((kind, id.ToLowerInvariant())));
    }

    public Task<IReadOnlyList<Enrollment>> ListAsync(EnrollmentKind kind, string? after, int max, CancellationToken token)
    {
        lock (_lock)
        {
            return Task.FromResult<IReadOnlyList<Enrollment>>([.. _entries.Where(e => e.Key.Kind == kind)
                .OrderBy(e => e.Key.Key, StringComparer.Ordinal)
                .Where(e => string.CompareOrdinal(e.Key.Key, (after ?? "").ToLowerInvariant()) > 0)
                .Take(max).Select(e => e.Value)]);
        }
    }

    public Task<InsertResult> InsertAsync(Enrollment enrollment, int limit, CancellationToken token)
    {
        lock (_lock)
        {
            if (_entries.ContainsKey(Key(enrollment)))
                return Task.FromResult(InsertResult.Exists);
            if (_entries.Keys.Count(k => k.Kind == enrollment.Kind) >= limit)
                return Task.FromResult(InsertResult.LimitReached);
            _entries.Add(Key(enrollment), enrollment);
            return Task.FromResult(InsertResult.Added);
        }
    }

    public Task<bool> ReplaceAsync(Enrollment enrollment, string etag, CancellationToken token)
    {
        lock (_lock)
        {
            if (_entries.GetValueOrDefault(Key(enrollment))?.ETag != etag)
                return Task.FromResult(false);
            _entries[Key(enrollment)] = enrollment;
            return Task.FromResult(true);
        }
    }

    public Task<bool> DeleteAsync(EnrollmentKind kind, string id, string etag, CancellationToken token)
    {
        lock (_lock)
        {
            var key = (kind, id.ToLowerInvariant());
            return Task.FromResult(_entries.GetValueOrDefault(key)?.ETag == etag && _entries.Remove(key));
        }
    }

    private static (EnrollmentKind, string) Key(Enrollment enrollment) => (enrollment.Kind, enrollment.Id.ToLowerInvariant());
}

/// <summary>Registration records in memory.</summary>
internal sealed class MemoryRegistrationStore : IRegistrationStore
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, Registration> _entries = new(StringComparer.OrdinalIgnoreCase);

    public int Count => _entries.Count;

    /// <summary>How old the answer to a search is: two calls at once both find what was before.</summary>
    public TimeSpan Latency { get; set; }

    public async Task<Registration?> FindAsync(string registrationId, CancellationToken token)
    {
        Registration? found;
        lock (_lock)
            found = _entries.GetValueOrDefault(registrationId);
        if (Latency > TimeSpan.Zero)
            await Task.Delay(Latency, token);
        return found;
    }

    public Task<IReadOnlyList<Registration>> ListAsync(string enrollmentGroupId, string? after, int max, CancellationToken token)
    {
        lock (_lock)
        {
            return Task.FromResult<IReadOnlyList<Registration>>([.. _entries.Values
                .Where(r => r.EnrollmentGroupId is not null && r.EnrollmentGroupId.Equals(enrollmentGroupId, StringComparison.OrdinalIgnoreCase))
                .OrderBy(r => r.RegistrationId.ToLowerInvariant(), StringComparer.Ordinal)
                .Where(r => string.CompareOrdinal(r.RegistrationId.ToLowerInvariant(), (after ?? "").ToLowerInvariant()) > 0)
                .Take(max)]);
        }
    }

    public Task<IReadOnlyList<Registration>> FindByEndorsementAsync(byte[] hash, int max, CancellationToken token)
    {
        lock (_lock)
        {
            return Task.FromResult<IReadOnlyList<Registration>>([.. _entries.Values
                .Where(r => r.EndorsementHash is { } own && own.AsSpan().SequenceEqual(hash))
                .OrderBy(r => r.RegistrationId.ToLowerInvariant(), StringComparer.Ordinal).Take(max)]);
        }
    }

    public Task<IReadOnlyList<Registration>> ListLeftBehindAsync(string? after, int max, CancellationToken token)
    {
        lock (_lock)
        {
            return Task.FromResult<IReadOnlyList<Registration>>([.. _entries.Values.Where(r => r.LeftBehind.Count > 0)
                .OrderBy(r => r.RegistrationId.ToLowerInvariant(), StringComparer.Ordinal)
                .Where(r => string.CompareOrdinal(r.RegistrationId.ToLowerInvariant(), (after ?? "").ToLowerInvariant()) > 0)
                .Take(max)]);
        }
    }

    public Task<bool> SaveAsync(Registration registration, string? etag, CancellationToken token)
    {
        lock (_lock)
        {
            if (_entries.GetValueOrDefault(registration.RegistrationId)?.ETag != etag)
                return Task.FromResult(false);
            _entries[registration.RegistrationId] = registration;
            return Task.FromResult(true);
        }
    }

    public Task<bool> DeleteAsync(string registrationId, string etag, CancellationToken token)
    {
        lock (_lock)
            return Task.FromResult(_entries.GetValueOrDefault(registrationId)?.ETag == etag && _entries.Remove(registrationId));
    }
}

/// <summary>Lists of endorsement keys in memory.</summary>
internal sealed class MemoryEndorsementStore : IEndorsementStore
{
    private readonly Lock _lock = new();
    private readonly SortedDictionary<string, ListedEndorsement> _entries = new(StringComparer.Ordinal);

    public Task<ListedEndorsement?> FindAsync(byte[] hash, CancellationToken token)
    {
        lock (_lock)
            return Task.FromResult(_entries.GetValueOrDefault(Convert.ToHexString(hash)));
    }

    public Task<EndorsementsAdded> AddAsync(string groupId, IReadOnlyList<ListedEndorsement> keys, int limit, CancellationToken token)
    {
        var (added, known, other, over) = (0, 0, 0, 0);
        lock (_lock)
        {
            foreach (var key in keys)
            {
                var present = _entries.GetValueOrDefault(Convert.ToHexString(key.Hash));
                if (present is not null && !present.GroupId.Equals(groupId, StringComparison.OrdinalIgnoreCase))
                {
                    other++;
                }
                else if (present is null && _entries.Values.Count(e => e.GroupId.Equals(groupId, StringComparison.OrdinalIgnoreCase)) >= limit)
                {
                    over++;
                }
                else
                {
                    _entries[Convert.ToHexString(key.Hash)] = key with { GroupId = groupId.ToLowerInvariant(), RegistrationId = key.RegistrationId?.ToLowerInvariant() };
                    (added, known) = present is null ? (added + 1, known) : (added, known + 1);
                }
            }
        }
        return Task.FromResult(new EndorsementsAdded(added, known, other, over));
    }

    public Task<IReadOnlyList<ListedEndorsement>> ListAsync(string groupId, byte[]? after, int max, CancellationToken token)
    {
        lock (_lock)
        {
            return Task.FromResult<IReadOnlyList<ListedEndorsement>>([.. _entries.Where(e => e.Value.GroupId.Equals(groupId, StringComparison.OrdinalIgnoreCase)
                && string.CompareOrdinal(e.Key, Convert.ToHexString(after ?? [])) > 0).Take(max).Select(e => e.Value)]);
        }
    }

    public Task<long> CountAsync(string groupId, CancellationToken token)
    {
        lock (_lock)
            return Task.FromResult((long)_entries.Values.Count(e => e.GroupId.Equals(groupId, StringComparison.OrdinalIgnoreCase)));
    }

    public async Task<bool> DeleteAsync(string groupId, byte[] hash, CancellationToken token)
        => (await FindAsync(hash, token))?.GroupId.Equals(groupId, StringComparison.OrdinalIgnoreCase) is true && _entries.Remove(Convert.ToHexString(hash));

    public async Task<int> DeleteSomeAsync(string groupId, int max, CancellationToken token)
    {
        var some = await ListAsync(groupId, null, max, token);
        foreach (var key in some)
            _entries.Remove(Convert.ToHexString(key.Hash));
        return some.Count;
    }
}

/// <summary>Revocation lists in memory.</summary>
internal sealed class MemoryRevocationStore : IRevocationStore
{
    private readonly Dictionary<string, byte[]> _lists = new(StringComparer.OrdinalIgnoreCase);

    public Task<IReadOnlyList<(string Authority, byte[] List)>> ListAsync(CancellationToken token)
        => Task.FromResult<IReadOnlyList<(string, byte[])>>([.. _lists.Select(l => (l.Key, l.Value))]);

    public Task PutAsync(string authority, byte[] list, CancellationToken token)
    {
        _lists[authority] = list;
        return Task.CompletedTask;
    }

    public Task<bool> DeleteAsync(string authority, CancellationToken token) => Task.FromResult(_lists.Remove(authority));
}

/// <summary>Identities of a hub in memory, with their twins; it counts writes.</summary>
internal sealed class MemoryIdentityStore : IIdentityStore, ITwinStore
{
    private readonly Dictionary<string, Twin> _twins = new(StringComparer.Ordinal);
    private readonly Lock _lock = new();
    private readonly Dictionary<string, Identity> _entries = new(StringComparer.Ordinal);

    public int Writes { get; private set; }

    public Identity? this[string deviceId] => _entries.GetValueOrDefault(deviceId);

    public Task<Identity?> FindAsync(string deviceId, string? moduleId, CancellationToken token)
    {
        lock (_lock)
            return Task.FromResult(_entries.GetValueOrDefault(Identity.KeyOf(deviceId, moduleId)));
    }

    public Task<string?> FindSimilarAsync(string deviceId, CancellationToken token)
    {
        lock (_lock)
            return Task.FromResult(_entries.Keys.FirstOrDefault(k => k.Equals(deviceId, StringComparison.OrdinalIgnoreCase)));
    }

    public Task<IReadOnlyList<Identity>> ListDevicesAsync(int max, CancellationToken token)
    {
        lock (_lock)
            return Task.FromResult<IReadOnlyList<Identity>>([.. _entries.Values.Take(max)]);
    }

    public Task<IReadOnlyList<Identity>> ListModulesAsync(string deviceId, CancellationToken token) => Task.FromResult<IReadOnlyList<Identity>>([]);

    public Task<bool> InsertAsync(Identity identity, FirstState? first, CancellationToken token)
    {
        lock (_lock)
        {
            Writes++;
            if (!_entries.TryAdd(identity.Key, identity))
                return Task.FromResult(false);
            _twins[identity.Key] = first?.Twin ?? new Twin { DeviceId = identity.DeviceId, ModuleId = identity.ModuleId };
            return Task.FromResult(true);
        }
    }

    public Task<bool> ReplaceAsync(Identity identity, long version, CancellationToken token)
    {
        lock (_lock)
        {
            if (_entries.GetValueOrDefault(identity.Key)?.Version != version)
                return Task.FromResult(false);
            Writes++;
            _entries[identity.Key] = identity;
            return Task.FromResult(true);
        }
    }

    public Task<bool> DeleteAsync(string deviceId, string? moduleId, long? version, HubEvent? happened, CancellationToken token)
    {
        lock (_lock)
            return Task.FromResult(_entries.Remove(Identity.KeyOf(deviceId, moduleId)));
    }

    Task<Twin?> ITwinStore.FindAsync(string deviceId, string? moduleId, CancellationToken token)
    {
        lock (_lock)
            return Task.FromResult(_entries.ContainsKey(Identity.KeyOf(deviceId, moduleId)) ? _twins[Identity.KeyOf(deviceId, moduleId)] : null);
    }

    public Task<Outcome<TwinChange>?> ChangeAsync(string deviceId, string? moduleId, Func<Twin, Outcome<TwinChange>> change, Action<TwinChange> committed, CancellationToken token)
    {
        lock (_lock)
        {
            var key = Identity.KeyOf(deviceId, moduleId);
            if (!_entries.ContainsKey(key))
                return Task.FromResult<Outcome<TwinChange>?>(null);
            var outcome = change(_twins[key]);
            if (outcome.Value is { } changed)
            {
                _twins[key] = changed.Twin;
                committed(changed);
            }
            return Task.FromResult<Outcome<TwinChange>?>(outcome);
        }
    }

    public Task<(long Total, long Enabled)> CountAsync(CancellationToken token)
    {
        lock (_lock)
            return Task.FromResult(((long)_entries.Count, (long)_entries.Values.Count(e => e.Enabled)));
    }

    public Task NoteActivityAsync(IReadOnlyCollection<IdentityActivity> activities, CancellationToken token) => Task.CompletedTask;
}
