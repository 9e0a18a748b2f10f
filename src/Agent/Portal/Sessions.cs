using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;

namespace Homeport.Agent.Portal;

/// <summary>A person who signed in.</summary>
/// <param name="Id">In the cookie.</param>
/// <param name="FormToken">In every form, so that another site cannot send one.</param>
internal sealed record Session(string Id, string FormToken)
{
    public DateTimeOffset LastUse { get; set; }

    /// <summary>Shown once on the next page.</summary>
    public string? Notice { get; set; }

    public bool IsFormToken(string? text)
        => CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(text ?? ""), Encoding.UTF8.GetBytes(FormToken));
}

/// <summary>The people who are signed in: in memory, gone after half an hour without use and with the process.</summary>
internal sealed class Sessions(TimeProvider time)
{
    /// <summary>The prefix makes browsers insist on TLS and on this very host.</summary>
    private const string CookieName = "__Host-homeport";

    private const int MaxSessions = 32;
    private static readonly TimeSpan Idle = TimeSpan.FromMinutes(30);

    private readonly ConcurrentDictionary<string, Session> _sessions = new(StringComparer.Ordinal);

    public Session? Find(HttpContext context)
    {
        if (context.Request.Cookies[CookieName] is not { } id || !_sessions.TryGetValue(id, out var session))
            return null;
        if (time.GetUtcNow() - session.LastUse > Idle)
        {
            _sessions.TryRemove(id, out _);
            return null;
        }

        session.LastUse = time.GetUtcNow();
        return session;
    }

    public Session Begin(HttpContext context)
    {
        while (_sessions.Count >= MaxSessions)
            _sessions.TryRemove(_sessions.MinBy(static s => s.Value.LastUse).Key, out _);
        var session = new Session(Random(), Random()) { LastUse = time.GetUtcNow() };
        _sessions[session.Id] = session;
        context.Response.Cookies.Append(CookieName, session.Id, new CookieOptions { HttpOnly = true, Secure = true, SameSite = SameSiteMode.Strict, Path = "/" });
        return session;
    }

    public void End(HttpContext context, Session session)
    {
        _sessions.TryRemove(session.Id, out _);
        context.Response.Cookies.Delete(CookieName, new CookieOptions { Secure = true, Path = "/" });
    }

    /// <summary>Ends all: the password changed.</summary>
    public void Clear() => _sessions.Clear();

    private static string Random() => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32));
}
