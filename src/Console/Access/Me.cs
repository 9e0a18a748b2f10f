using Homeport.Contract.Errors;
using Homeport.People.Access;
using Homeport.People.Audit;
using Homeport.People.Sessions;
using Homeport.Provisioning.Lifecycle;
using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Components.Authorization;

namespace Homeport.WebConsole.Access;

/// <summary>
/// Who sits in front of a page, one for each open page. All that a page changes goes through <see cref="DoAsync"/>: it checks the
/// session and the permission again and writes the audit log, whatever the page showed.
/// </summary>
public sealed class Me(ConsoleServices services, AuthenticationStateProvider states, NavigationManager navigation) : IDisposable
{
    private Session? _session;
    private Func<Func<Task>, Task>? _dispatch;

    /// <summary>The session. Set once <see cref="BeginAsync"/> ran.</summary>
    public Session Session => _session ?? throw new InvalidOperationException("The page did not begin with its session.");

    /// <summary>Who acts.</summary>
    public Actor Actor => Session.Actor;

    /// <summary>Finds the session. False when it is over.</summary>
    /// <param name="dispatch">Runs work in the page's own order; used when the session ends elsewhere.</param>
    public async Task<bool> BeginAsync(Func<Func<Task>, Task> dispatch)
    {
        if (_session is not null)
            return true;
        var state = await states.GetAuthenticationStateAsync();
        _session = state.User.FindFirst(ConsoleGate.SessionClaim) is { } claim ? services.Sessions.Alive(claim.Value) : null;
        if (_session is null)
            return false;
        _dispatch = dispatch;
        services.Sessions.Ended += OnEnded;
        return true;
    }

    /// <summary>True when the role gives the permission; for what a page shows.</summary>
    public bool May(Permission permission) => Actor.May(permission);

    /// <summary>True when a page is for the person.</summary>
    public bool MayOpen(RequiresAttribute rule) => May(rule.Permission) && (Actor.Organization is null || rule.ForOrganizations);

    /// <summary>The devices that the person reaches: those of the organization of the role, or all. Pages ask for devices here and nowhere else.</summary>
    public async Task<DeviceLifecycle> DevicesAsync()
        => services.Lifecycle.Within(await services.Organizations.ScopeOfAsync(Actor, CancellationToken.None), Actor.Organization);

    /// <summary>Does something on behalf of the person. Null when it is done, else the refusal to show.</summary>
    /// <param name="permission">What it needs.</param>
    /// <param name="action">For the audit log.</param>
    /// <param name="work">Does it.</param>
    public async Task<Refusal?> DoAsync(Permission permission, AuditAction action, Func<CancellationToken, Task<Refusal?>> work)
    {
        if (!await services.Sessions.IsAliveAsync(Session.Id, CancellationToken.None))
        {
            Leave();
            return new Refusal(PeopleErrors.Unauthorized, "The session is over", "Sign in again.");
        }
        var refusal = Actor.Check(permission) ?? await CheckReachAsync(action) ?? await work(CancellationToken.None);
        var entry = refusal is null ? action : action with { Result = AuditResult.Refused, Detail = refusal.Error.Name };
        await services.Audit.AppendAsync(Actor, entry, CancellationToken.None);
        return refusal;
    }

    /// <summary>Notes that the person uses the page. Leaves when the session is over.</summary>
    public async Task TouchAsync()
    {
        if (_session is not null && !await services.Sessions.IsAliveAsync(_session.Id, CancellationToken.None))
            Leave();
    }

    /// <summary>Leaves when the session is over; that the page is open is no use of it.</summary>
    public void LeaveWhenOver()
    {
        if (_session is not null && services.Sessions.Alive(_session.Id) is null)
            Leave();
    }

    /// <inheritdoc/>
    public void Dispose() => services.Sessions.Ended -= OnEnded;

    /// <summary>Whose role counts in an organization changes devices that it reaches, makes new ones, and changes the own account.</summary>
    private async Task<Refusal?> CheckReachAsync(AuditAction action)
    {
        if (Actor.Organization is null || action.EntityType == "account")
            return null;
        if (action.EntityType != "device")
            return Actor.CheckWhole();
        var missing = (await (await DevicesAsync()).GetAsync(action.EntityId, CancellationToken.None)).Refusal;
        // Several at once are named by their number: they are changed within the reach.
        return missing is null || (await services.Lifecycle.GetAsync(action.EntityId, CancellationToken.None)).Value is null ? null : missing;
    }

    private void OnEnded(object? sender, SessionEndedEventArgs e)
    {
        if (e.SessionId != _session?.Id || _dispatch is null)
            return;
        // The page may be gone meanwhile; then there is nobody to send away.
        _ = _dispatch(() =>
        {
            Leave();
            return Task.CompletedTask;
        });
    }

    private void Leave() => navigation.NavigateTo(ConsoleGate.SignInPath, forceLoad: true);
}
