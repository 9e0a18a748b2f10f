using Homeport.Contract.Errors;

namespace Homeport.Hub.Registry;

/// <summary>
/// Parents of devices: an edge device has a scope of its own, and devices below it name that scope. Source: Azure "Parent and child
/// devices" of IoT Edge gateways.
/// </summary>
internal sealed class DeviceScopes(IIdentityStore store)
{
    /// <summary>Edge devices above each other, at most.</summary>
    public const int MaxLevels = 5;

    private const string Scheme = "ms-azure-iot-edge://";

    /// <summary>Scope of an edge device.</summary>
    public static string Of(string deviceId, string generationId) => $"{Scheme}{deviceId}-{generationId}";

    /// <summary>Gives a device its scopes, or refuses when the parent is none.</summary>
    /// <param name="wanted">The device, with its generation.</param>
    /// <param name="token">Ends the call.</param>
    public async Task<Outcome<Identity>> AssignAsync(Identity wanted, CancellationToken token)
    {
        if (wanted.ModuleId is not null)
            return wanted;
        var own = Of(wanted.DeviceId, wanted.GenerationId);
        // An edge device's own scope is not its parent, however often a client sends it back.
        var parent = wanted.ParentScope ?? (wanted.IotEdge ? null : wanted.DeviceScope);
        if (parent is not null && await CheckAsync(wanted.DeviceId, parent, token) is { } bad)
            return bad;
        return wanted with { DeviceScope = wanted.IotEdge ? own : parent, ParentScope = parent };
    }

    private async Task<Refusal?> CheckAsync(string deviceId, string scope, CancellationToken token)
    {
        string? next = scope;
        for (var level = 1; next is not null; level++)
        {
            if (level > MaxLevels)
                return Invalid($"Device '{deviceId}' would have more than {MaxLevels} edge devices above it", "Choose a parent that is nearer to the top.");
            if (await FindAsync(next, token) is not { } above)
                return Invalid($"No edge device has the scope '{Shorten(next)}'", "Use the deviceScope of an edge device (capabilities.iotEdge) as parent.");
            if (string.Equals(above.DeviceId, deviceId, StringComparison.Ordinal))
                return Invalid($"Device '{deviceId}' would be above itself", "Choose another parent.");
            next = above.ParentScope;
        }
        return null;
    }

    private async Task<Identity?> FindAsync(string scope, CancellationToken token)
    {
        var dash = scope.LastIndexOf('-');
        if (!scope.StartsWith(Scheme, StringComparison.Ordinal) || dash <= Scheme.Length)
            return null;
        var found = await store.FindAsync(scope[Scheme.Length..dash], null, token);
        return found is { IotEdge: true } && string.Equals(found.DeviceScope, scope, StringComparison.Ordinal) ? found : null;
    }

    private static Refusal Invalid(string seen, string fix) => new(HubErrors.ArgumentInvalid, seen, fix);

    private static string Shorten(string text) => text.Length <= 256 ? text : text[..256] + "...";
}
