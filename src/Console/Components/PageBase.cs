using Homeport.Contract.Errors;
using Homeport.People.Access;
using Homeport.People.Audit;
using Homeport.WebConsole.Access;
using Microsoft.AspNetCore.Components;

namespace Homeport.WebConsole.Components;

/// <summary>What pages share: the services, the person, and what came of the last action.</summary>
public abstract class PageBase : ComponentBase
{
    [Inject]
    protected ConsoleServices Services { get; set; } = null!;

    [Inject]
    protected Me Me { get; set; } = null!;

    [Inject]
    protected NavigationManager Navigation { get; set; } = null!;

    /// <summary>Why the last action was refused.</summary>
    protected Refusal? Refusal { get; set; }

    /// <summary>What the last action did.</summary>
    protected string? Done { get; set; }

    /// <summary>Does something for the person and keeps what came of it for the page.</summary>
    /// <returns>True when it is done.</returns>
    protected async Task<bool> DoAsync(Permission permission, AuditAction action, string done, Func<CancellationToken, Task<Refusal?>> work)
    {
        Done = null;
        Refusal = await Me.DoAsync(permission, action, work);
        if (Refusal is not null)
            return false;
        Done = done;
        return true;
    }
}
