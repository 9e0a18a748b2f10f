using Homeport.Contract;
using Homeport.Contract.Errors;
using Homeport.Hub.Files;

namespace Homeport.Storage.Files;

/// <summary>Containers by their addresses: the built-in store's by its own host names, all others over HTTPS.</summary>
/// <param name="own">Containers behind the server's own door.</param>
/// <param name="account">Whose signatures count there.</param>
/// <param name="hosts">Names of this server.</param>
/// <param name="http">Calls accounts elsewhere.</param>
/// <param name="time">The clock.</param>
public sealed class BlobContainers(IReadOnlyDictionary<string, IBlobStore> own, BlobAccount account, IReadOnlyList<string> hosts, HttpClient http, TimeProvider time) : IBlobContainers
{
    /// <inheritdoc/>
    public Outcome<IBlobContainer> Open(string? uri, string permissions)
    {
        if (!Uri.TryCreate(uri, UriKind.Absolute, out var address) || address.Scheme != Uri.UriSchemeHttps || address.UserInfo.Length > 0)
            return Refuse("A container's address is missing or does not begin with https://", "Send the address of a container with its signature: https://host/container?sv=...&sig=...");
        var fields = Fields(address.Query);
        if (!fields.ContainsKey("sig"))
            return Refuse("A container's address has no signature", "Add the shared access signature of the container: ?sv=...&sig=...");
        var container = address.AbsolutePath.Trim('/');
        if (!hosts.Contains(address.Host, StringComparer.OrdinalIgnoreCase) || !own.TryGetValue(container, out var store))
            return container.Length == 0 ? Refuse("An address names no container", "Send https://host/container?sv=...&sig=...") : new Outcome<IBlobContainer>(new RemoteContainer(address, http));
        if (!BlobSas.Verify(account, fields, container, null, time.GetUtcNow()).Succeeded(out var grant, out var refusal))
            return Refuse(refusal.Text, "Ask for a new signature.");
        return permissions.All(letter => grant.Permits(letter))
            ? new Outcome<IBlobContainer>(new OwnContainer(store, container))
            : Refuse($"The signature of a container permits '{grant.Permissions}'", $"Ask for one that permits '{permissions}'.");
    }

    private static Dictionary<string, string> Fields(string query)
    {
        var fields = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var part in query.TrimStart('?').Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var equals = part.IndexOf('=', StringComparison.Ordinal);
            if (equals > 0)
                fields[PercentEncoding.Decode(part[..equals])] = PercentEncoding.Decode(part[(equals + 1)..]);
        }
        return fields;
    }

    private static Refusal Refuse(string seen, string fix) => new(HubErrors.BlobContainerValidationError, seen, fix);
}
