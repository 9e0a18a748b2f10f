using Homeport.Contract.Errors;
using Homeport.Hub.Query;
using Homeport.Provisioning.Lifecycle;

namespace Homeport.Operations.Groups;

/// <summary>
/// The filter of a device group: <c>SELECT * FROM devices WHERE $template = "dtmi:..." AND $provisioned = true AND city = "Oslo"</c>. Names
/// with <c>$</c> are members of the device, plain names its properties (<c>component.name</c> those of a component), and <c>tags</c>,
/// <c>properties</c> and members of twins such as <c>connectionState</c> mean what they do in queries of the hub. Source: IoT Central data
/// plane, api-version 2022-07-31; operators and functions are those of the hub's query language.
/// </summary>
public sealed class DeviceGroupFilter
{
    private readonly IReadOnlyList<QueryCondition> _conditions;

    private DeviceGroupFilter(IReadOnlyList<QueryCondition> conditions)
    {
        _conditions = conditions;
        Ids = Values(DeviceRow.Id) is { } ids ? [.. ids.Order(StringComparer.Ordinal)] : null;
        Narrowed = new DeviceFilter
        {
            Template = Values(DeviceRow.Template) is [var template] ? template : null,
            Status = Values(DeviceRow.Status) is [var name] && DeviceRow.StatusNamed(name) is { } status ? status : null,
        };
    }

    /// <summary>What an index of the devices can do of it.</summary>
    internal DeviceFilter Narrowed { get; }

    /// <summary>The only ids that it can choose, in ordinal order; null when it does not say.</summary>
    internal IReadOnlyList<string>? Ids { get; }

    /// <summary>What it reads of twins.</summary>
    internal QueryParts Parts => _conditions.Aggregate(QueryParts.None, (parts, c) => parts | c.Parts);

    /// <summary>Reads a filter. A refusal names the position, counted from 1.</summary>
    public static Outcome<DeviceGroupFilter> Parse(string? text)
    {
        if (string.IsNullOrWhiteSpace(text))
            return new Refusal(FleetErrors.InvalidFilter, "It is empty", """Write for example SELECT * FROM devices WHERE $template = "dtmi:example:pump;1".""");
        return HubQuery.ParseDevices(text, DeviceRow.Members).Succeeded(out var condition, out var refusal)
            ? new DeviceGroupFilter([condition])
            : refusal with { Error = FleetErrors.InvalidFilter };
    }

    /// <summary>The devices that fulfil another filter too.</summary>
    public DeviceGroupFilter And(DeviceGroupFilter other) => new([.. _conditions, .. other._conditions]);

    /// <summary>True when a device is in the group.</summary>
    /// <param name="device">The device.</param>
    /// <param name="twin">Its twin; null when it is in no hub yet, or none is needed.</param>
    public bool Matches(DeviceFacts device, TwinRow? twin)
    {
        var row = new DeviceRow(device, twin);
        return _conditions.All(c => c.Matches(row));
    }

    private List<string>? Values(string member) => _conditions.SelectMany(c => c.Index)
        .FirstOrDefault(c => c.Match == IndexMatch.AnyOf && c.Path.Steps is [{ Name: { } name }] && name == member)?
        .Values.Select(v => v.Text).OfType<string>().ToList();
}
