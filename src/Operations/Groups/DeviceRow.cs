using System.Text.Json;
using Homeport.Hub.Query;
using Homeport.Provisioning.Lifecycle;

namespace Homeport.Operations.Groups;

/// <summary>A device with its twin as a row of a query.</summary>
internal sealed class DeviceRow(DeviceFacts facts, TwinRow? twin) : IQueryRow
{
    public const string Id = "$id";
    public const string Template = "$template";
    public const string Status = "$status";

    private static readonly Dictionary<string, Func<DeviceFacts, QueryValue>> Values = new(StringComparer.Ordinal)
    {
        [Id] = d => QueryValue.From(d.DeviceId),
        ["$displayName"] = d => QueryValue.From(d.DisplayName ?? d.DeviceId),
        [Template] = d => TextOrNull(d.Template),
        ["$enabled"] = d => QueryValue.From(d.IsEnabled),
        ["$provisioned"] = d => QueryValue.From(d.Provisioned),
        ["$simulated"] = d => QueryValue.From(d.Simulated),
        ["$organizations"] = d => TextOrNull(d.Organization),
        [Status] = d => QueryValue.From(NameOf(d.Status)),
    };

    /// <summary>Names of the members.</summary>
    public static IReadOnlyCollection<string> Members => Values.Keys;

    /// <inheritdoc/>
    public QueryKey Key => new(facts.DeviceId);

    /// <inheritdoc/>
    public int Size => twin?.Size ?? 0;

    /// <summary>The state of a name, or null.</summary>
    public static DeviceStatus? StatusNamed(string name) => Enum.GetValues<DeviceStatus>().Where(s => NameOf(s) == name).Select(s => (DeviceStatus?)s).FirstOrDefault();

    /// <inheritdoc/>
    public QueryValue Get(QueryPath path)
    {
        if (path.Section != QuerySection.Field)
            return twin?.Get(path) ?? default;
        if (path.Steps is [{ Name: { } name }] && Values.TryGetValue(name, out var member))
            return member(facts);
        if (twin is null)
            return path is { Field: QueryField.DeviceId, Steps.Count: 1 } ? QueryValue.From(facts.DeviceId) : default;
        // A property may be called as a member of the twin is: what the template says counts.
        return twin.Property(path) is { IsDefined: true } property ? property : twin.Get(path);
    }

    private static string NameOf(DeviceStatus status) => JsonNamingPolicy.CamelCase.ConvertName(status.ToString());

    private static QueryValue TextOrNull(string? text) => text is null ? QueryValue.Null : QueryValue.From(text);
}
