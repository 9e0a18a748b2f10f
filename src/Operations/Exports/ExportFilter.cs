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
    private readonly IReadOnlyDictionary<string, string> _aliases;

    private ExportFilter(QueryCondition condition, IReadOnlyList<string> templates, IReadOnlyDictionary<string, string> aliases)
        => (_condition, _templates, _aliases) = (condition, templates, aliases);

    /// <summary>Reads a filter. A refusal names the position, counted from 1.</summary>
    public static Outcome<ExportFilter> Parse(string text)
    {
        if (text.Length > HubQuery.MaxLength)
            return Bad($"It has {text.Length} characters", $"Write at most {HubQuery.MaxLength}.");
        var head = Head().Match(text);
        var (templates, aliases) = (new List<string>(), new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase));
        var query = text;
        if (head.Success)
        {
            templates.AddRange(head.Groups["template"].Captures.Select(c => c.Value));
            foreach (var alias in head.Groups["alias"].Captures.Cast<Capture>())
                aliases[alias.Value] = head.Groups["template"].Captures.Last(t => t.Index < alias.Index).Value;
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
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Head();

    /// <summary>A message with its device as a row of a query.</summary>
    private sealed class Row(ExportMessage message, ExportedDevice device, IReadOnlyDictionary<string, string> aliases) : IQueryRow
    {
        private readonly DeviceRow _device = new(device.Facts, device.Row);

        public QueryKey Key => new(device.Facts.DeviceId);

        public int Size => message.Origin.Size;

        public QueryValue Get(QueryPath path)
        {
            if (path.Steps[0].Name is not { } name || name.StartsWith('$'))
                return _device.Get(path);
            if (path.Steps.Count > 1 && PlacesOf(name) is { } places)
                return Find(places, path, 1);
            if (path.Section == QuerySection.Field && Find([message.Component, null], path, 0) is { IsDefined: true } value)
                return value;
            var member = _device.Get(path);
            return member.IsDefined || path.Steps.Count > 1 ? member : QueryValue.From(message.Origin.Property(name));
        }

        /// <summary>The components that a name in front stands for; null when it is none.</summary>
        private List<string?>? PlacesOf(string name)
            => aliases.TryGetValue(name, out var id) ? [.. device.PlacesOf(id)] : name == message.Component || device.Model?.Components.Any(c => c.Component.Name == name) == true ? [name] : null;

        /// <summary>What the message says of a name, else what is known of the device.</summary>
        private QueryValue Find(List<string?> components, QueryPath path, int at)
        {
            if (message.Telemetry is { } telemetry && components.Contains(message.Component)
                && QueryValue.Find(JsonSerializer.SerializeToUtf8Bytes(telemetry, QueryJson.Default.JsonElement), path, at) is { IsDefined: true } sent)
            {
                return sent;
            }
            if (path.Steps[at].Name is not { } name)
                return default;
            var changed = message.Properties.FirstOrDefault(p => p.Name == name && components.Contains(p.Component))?.Value;
            if ((changed ?? components.Select(c => device.Property(c, name)).FirstOrDefault(v => v is not null)) is not { } known)
                return default;
            return QueryValue.Find(JsonSerializer.SerializeToUtf8Bytes(new Dictionary<string, JsonElement> { [name] = known }, QueryJson.Default.DictionaryStringJsonElement), path, at);
        }
    }
}

/// <summary>Values for conditions.</summary>
[System.Text.Json.Serialization.JsonSerializable(typeof(JsonElement))]
[System.Text.Json.Serialization.JsonSerializable(typeof(Dictionary<string, JsonElement>))]
internal sealed partial class QueryJson : System.Text.Json.Serialization.JsonSerializerContext;
