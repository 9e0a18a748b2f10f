using System.Text.Json;
using System.Text.RegularExpressions;
using Homeport.Contract.Errors;
using Homeport.Hub.Query;
using Homeport.Log;
using Homeport.Operations.Groups;

namespace Homeport.Operations.Exports;

/// <summary>
/// The filter of an export: <c>SELECT * FROM dtmi:example:pump;1 AS A, dtmi:example:valve;1 WHERE A.temperature &gt; target AND $simulated = false</c>, or
/// <c>FROM devices</c> for all. Names with <c>$</c> are members of the device. Plain names are what the message says (telemetry, properties
/// that changed), else properties of the device, else properties of the message; an alias, or the name of a component, may stand in front. Source: Azure "Use the
/// IoT Central REST API to manage data exports", filters.
/// </summary>
internal sealed partial class ExportFilter
{
    private readonly QueryCondition _condition;
    private readonly IReadOnlyList<string> _templates;
    private readonly HashSet<string> _aliases;

    private ExportFilter(QueryCondition condition, IReadOnlyList<string> templates, IEnumerable<string> aliases)
        => (_condition, _templates, _aliases) = (condition, templates, aliases.ToHashSet(StringComparer.OrdinalIgnoreCase));

    /// <summary>Reads a filter. A refusal names the position, counted from 1.</summary>
    public static Outcome<ExportFilter> Parse(string text)
    {
        if (text.Length > HubQuery.MaxLength)
            return Bad($"It has {text.Length} characters", $"Write at most {HubQuery.MaxLength}.");
        var head = Head().Match(text);
        var (templates, aliases) = (new List<string>(), new List<string>());
        var query = text;
        if (head.Success)
        {
            templates.AddRange(head.Groups["template"].Captures.Select(c => c.Value));
            aliases.AddRange(head.Groups["alias"].Captures.Select(c => c.Value));
            var from = head.Groups["from"];
            // In the same length, so that positions of mistakes stay right.
            query = text[..from.Index] + "devices".PadRight(from.Length) + text[(from.Index + from.Length)..];
        }
        return HubQuery.ParseDevices(query, DeviceRow.Members).Succeeded(out var condition, out var refusal)
            ? new ExportFilter(condition, templates, aliases)
            : refusal with { Error = ExportErrors.InvalidExportFilter };
    }

    /// <summary>True when a message is exported.</summary>
    public bool Takes(ExportMessage message)
    {
        if (message.Origin.Source == MessageSource.DeviceTemplate)
            return _templates.Count == 0 || _templates.Contains(message.TemplateId ?? "", StringComparer.Ordinal);
        if (message.Device is not { } device || (_templates.Count > 0 && !_templates.Any(t => device.PlacesOf(t).Any())))
            return false;
        return _condition.Matches(new Row(message, device, _aliases));
    }

    private static Refusal Bad(string seen, string fix) => new(ExportErrors.InvalidExportFilter, seen, fix);

    [GeneratedRegex(
        """^\s*SELECT\s+\*\s+FROM\s+(?<from>(?<template>dtmi:[^\s,]+)(\s+AS\s+(?<alias>(?!WHERE\b)\w+))?(\s*,\s*(?<template>dtmi:[^\s,]+)(\s+AS\s+(?<alias>(?!WHERE\b)\w+))?)*)(?=\s|$)""",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Head();

    /// <summary>A message with its device as a row of a query.</summary>
    private sealed class Row(ExportMessage message, ExportedDevice device, HashSet<string> aliases) : IQueryRow
    {
        private readonly DeviceRow _device = new(device.Facts, device.Row);
        private ReadOnlyMemory<byte>? _said;

        public QueryKey Key => new(device.Facts.DeviceId);

        public int Size => message.Origin.Size;

        private ReadOnlyMemory<byte> Said => _said ??= message.Telemetry is { } telemetry
            ? JsonSerializer.SerializeToUtf8Bytes(telemetry, QueryJson.Default.JsonElement)
            : JsonSerializer.SerializeToUtf8Bytes(message.Properties.Where(p => p.Component is null).DistinctBy(p => p.Name).ToDictionary(p => p.Name, p => p.Value), QueryJson.Default.DictionaryStringJsonElement);

        public QueryValue Get(QueryPath path)
        {
            if (path.Steps[0].Name is not { } name || name.StartsWith('$'))
                return _device.Get(path);
            var at = path.Steps.Count > 1 && (aliases.Contains(name) || name == message.Component) ? 1 : 0;
            if (QueryValue.Find(Said, path, at) is { IsDefined: true } said)
                return said;
            if (at == 0 && path.Section != QuerySection.Field)
                return _device.Get(path);
            var property = at == 0 ? _device.Get(path) : Property(path.Steps[1].Name);
            return property.IsDefined || path.Steps.Count > at + 1 ? property : QueryValue.From(message.Origin.Property(path.Steps[at].Name ?? ""));
        }

        private QueryValue Property(string? name)
            => name is not null && (device.Property(message.Component, name) ?? device.Property(null, name)) is { } value ? QueryValue.FromJson(JsonSerializer.SerializeToUtf8Bytes(value, QueryJson.Default.JsonElement)) : default;
    }
}

/// <summary>Values for conditions.</summary>
[System.Text.Json.Serialization.JsonSerializable(typeof(JsonElement))]
[System.Text.Json.Serialization.JsonSerializable(typeof(Dictionary<string, JsonElement>))]
internal sealed partial class QueryJson : System.Text.Json.Serialization.JsonSerializerContext;
