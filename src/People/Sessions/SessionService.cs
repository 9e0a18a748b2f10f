using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Security.Cryptography;
using Homeport.People.Accounts;

namespace Homeport.People.Sessions;

/// <summary>Who is signed in. A session ends after <see cref="Idle"/> without use, after <see cref="Longest"/>, or at once when it is revoked.</summary>
public sealed class SessionService(ISessionStore store, TimeProvider time)
{
    /// <summary>Sessions that one account may have; the oldest ends when one more begins.</summary>
    public const int PerAccount = 20;

    /// <summary>Without use, a session ends after this time.</summary>
    public static readonly TimeSpan Idle = TimeSpan.FromHours(8);

    /// <summary>The longest that a session lasts.</summary>
    public static readonly TimeSpan Longest = TimeSpan.FromDays(7);

    private static readonly TimeSpan TouchInterval = TimeSpan.FromMinutes(1);
    private const int TokenSize = 32;
    private const int MaxProgram = 200;

    private readonly ConcurrentDictionary<string, Session> _alive = new(StringComparer.Ordinal);

    /// <summary>Raised when a session ended, so that its pages close. Handlers must only post.</summary>
    public event EventHandler<SessionEndedEventArgs>? Ended;

    /// <summary>Begins a session.</summary>
    public async Task<NewSession> BeginAsync(Account account, string? address, string? program, CancellationToken token)
    {
        var cookie = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(TokenSize));
        var now = time.GetUtcNow();
        var session = new Session
        {
            Id = Guid.NewGuid().ToString("N"),
            TokenHash = HashOf(cookie),
            AccountId = account.Id,
            AccountName = account.Name,
            Role = account.Role,
            Organization = account.Organization,
            Created = now,
            LastSeen = now,
            Address = address,
            Program = program is { Length: > MaxProgram } ? program[..MaxProgram] : program,
        };
        await store.InsertAsync(session, token);
        _alive[session.Id] = session;
        // Many people may come by one group's account.
        var mine = (await store.ListAsync(account.Id, token)).Where(s => s.AccountName == account.Name);
        await EndAsync([.. mine.Where((s, i) => i >= PerAccount || IsOver(s, now)).Select(s => s.Id)], token);
        return new NewSession(session, cookie);
    }

    /// <summary>The session of a cookie, or null when it is over.</summary>
    public async Task<Session?> FindAsync(string? cookie, CancellationToken token)
    {
        if (cookie is null || cookie.Length > 64)
            return null;
        if (await store.FindAsync(HashOf(cookie), token) is not { } session)
            return null;
        var now = time.GetUtcNow();
        if (IsOver(session, now))
        {
            await EndAsync([session.Id], token);
            return null;
        }
        if (now - session.LastSeen >= TouchInterval)
        {
            session = session with { LastSeen = now };
            await store.TouchAsync(session.Id, now, token);
        }
        _alive[session.Id] = session;
        return session;
    }

    /// <summary>True while the session lasts; notes the use. For a page that is open without new requests.</summary>
    public async Task<bool> IsAliveAsync(string sessionId, CancellationToken token)
    {
        if (!_alive.TryGetValue(sessionId, out var session))
            return false;
        var now = time.GetUtcNow();
        if (IsOver(session, now))
        {
            await EndAsync([sessionId], token);
            return false;
        }
        if (now - session.LastSeen >= TouchInterval)
        {
            var touched = session with { LastSeen = now };
            // A session that ended meanwhile must not come back.
            if (!_alive.TryUpdate(sessionId, touched, session))
                return _alive.ContainsKey(sessionId);
            await store.TouchAsync(sessionId, now, token);
        }
        return true;
    }

    /// <summary>A session by its id, if it lasts and was used since the server started.</summary>
    public Session? Alive(string sessionId) => _alive.TryGetValue(sessionId, out var session) && !IsOver(session, time.GetUtcNow()) ? session : null;

    /// <summary>All sessions that last, or those of an account, the newest first.</summary>
    public async Task<IReadOnlyList<Session>> ListAsync(string? accountId, CancellationToken token)
    {
        var now = time.GetUtcNow();
        return [.. (await store.ListAsync(accountId, token)).Where(s => !IsOver(s, now))];
    }

    /// <summary>Ends one. False when there is none.</summary>
    public async Task<bool> EndAsync(string sessionId, CancellationToken token)
    {
        var known = (await store.ListAsync(null, token)).Any(s => s.Id == sessionId);
        await EndAsync([sessionId], token);
        return known;
    }

    /// <summary>Ends all of an account, except one.</summary>
    public async Task EndAllAsync(string accountId, string? except, CancellationToken token)
        => await EndAsync([.. (await store.ListAsync(accountId, token)).Select(s => s.Id).Where(id => id != except)], token);

    private async Task EndAsync(IReadOnlyCollection<string> ids, CancellationToken token)
    {
        if (ids.Count == 0)
            return;
        await store.DeleteAsync(ids, token);
        foreach (var id in ids)
        {
            _alive.TryRemove(id, out _);
            Ended?.Invoke(this, new SessionEndedEventArgs(id));
        }
    }

    private static bool IsOver(Session session, DateTimeOffset now) => now - session.LastSeen > Idle || now - session.Created > Longest;

    private static byte[] HashOf(string cookie) => SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(cookie));
}

/// <summary>A session that ended.</summary>
/// <param name="sessionId">Its id.</param>
public sealed class SessionEndedEventArgs(string sessionId) : EventArgs
{
    public string SessionId { get; } = sessionId;
}
