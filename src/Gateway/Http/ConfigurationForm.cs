using System.Text.Json;
using System.Text.Json.Nodes;
using Homeport.Contract.Errors;
using Homeport.Contract.Rest;
using Homeport.Hub.Configurations;
using Homeport.Hub.Twins;

namespace Homeport.Gateway.Http;

/// <summary>Configurations as JSON. Source: IoT Hub data plane, <c>Configuration</c> and <c>ConfigurationQueriesTestInput</c>.</summary>
internal static class ConfigurationForm
{
    /// <summary>Reads a body. Members that the hub makes itself are passed over.</summary>
    public static Outcome<ConfigurationRequest> Read(ReadOnlySpan<byte> body, string id)
    {
        if (!TwinJson.ReadObject(body).Succeeded(out var json, out var refusal))
            return refusal;
        foreach (var name in (string[])["id", "schemaVersion", "targetCondition"])
        {
            if (json[name] is { } text && text.GetValueKind() != JsonValueKind.String)
                return Wrong(name, text, "a text");
        }
        foreach (var name in (string[])["labels", "content", "metrics"])
        {
            if (json[name] is { } member and not JsonObject)
                return Wrong(name, member, "a JSON object");
        }
        if (json["metrics"]?["queries"] is { } queries and not JsonObject)
            return Wrong("metrics.queries", queries, "a JSON object");
        if (json["id"] is { } shown && (string)shown! is { Length: > 0 } given && !string.Equals(given, id, StringComparison.Ordinal))
            return new Refusal(HubErrors.ArgumentInvalid, "The body's id is not the path's", "Use the same id in both.");
        var priority = 0;
        if (json["priority"] is { } number && !(number is JsonValue value && value.TryGetValue(out priority)))
            return Wrong("priority", number, "a whole number");
        return new ConfigurationRequest(
            id, (string?)json["targetCondition"], priority, (string?)json["schemaVersion"],
            json["labels"] as JsonObject, json["content"] as JsonObject, json["metrics"]?["queries"] as JsonObject);
    }

    /// <summary>Reads what is to be tested.</summary>
    public static Outcome<ConfigurationTest> ReadTest(ReadOnlySpan<byte> body)
    {
        if (!TwinJson.ReadObject(body).Succeeded(out var json, out var refusal))
            return refusal;
        if (json["targetCondition"] is { } condition && condition.GetValueKind() != JsonValueKind.String)
            return Wrong("targetCondition", condition, "a text");
        if (json["customMetricQueries"] is { } metrics and not JsonObject)
            return Wrong("customMetricQueries", metrics, "a JSON object");
        var queries = new Dictionary<string, string?>(StringComparer.Ordinal);
        foreach (var (name, query) in json["customMetricQueries"] as JsonObject ?? [])
        {
            if (query is not null && query.GetValueKind() != JsonValueKind.String)
                return Wrong($"customMetricQueries.{name}", query, "a text");
            queries[name] = (string?)query;
        }
        return DeviceConfigurations.Test((string?)json["targetCondition"], queries);
    }

    /// <summary>Writes a configuration as services see it.</summary>
    public static void Write(Utf8JsonWriter writer, ConfigurationView view)
    {
        var configuration = view.Configuration;
        writer.WriteStartObject();
        writer.WriteString("id", configuration.Id);
        writer.WriteString("schemaVersion", configuration.SchemaVersion);
        WriteRaw(writer, "labels", configuration.Labels);
        WriteRaw(writer, "content", configuration.Content);
        writer.WriteString("contentType", "assignment");
        writer.WriteString("targetCondition", configuration.TargetCondition);
        writer.WriteString("createdTimeUtc", new ServiceTime(configuration.CreatedTime).ToString());
        writer.WriteString("lastUpdatedTimeUtc", new ServiceTime(configuration.UpdatedTime).ToString());
        writer.WriteNumber("priority", configuration.Priority);
        writer.WriteStartObject("systemMetrics");
        writer.WriteStartObject("results");
        writer.WriteNumber("targetedCount", view.Targeted);
        writer.WriteNumber("appliedCount", view.Applied);
        writer.WriteEndObject();
        writer.WriteStartObject("queries");
        if (configuration.TargetCondition.Length > 0)
        {
            var (targeted, applied) = DeviceConfigurations.SystemQueries(configuration);
            writer.WriteString("targetedCount", targeted);
            writer.WriteString("appliedCount", applied);
        }
        writer.WriteEndObject();
        writer.WriteEndObject();
        writer.WriteStartObject("metrics");
        writer.WriteStartObject("results");
        foreach (var (name, result) in view.Metrics)
            writer.WriteNumber(name, result);
        writer.WriteEndObject();
        WriteRaw(writer, "queries", configuration.MetricQueries);
        writer.WriteEndObject();
        writer.WriteString("etag", configuration.ETag);
        writer.WriteEndObject();
    }

    /// <summary>Writes what a test gave.</summary>
    public static void Write(Utf8JsonWriter writer, ConfigurationTest test)
    {
        writer.WriteStartObject();
        writer.WriteString("targetConditionError", test.TargetConditionError);
        writer.WriteStartObject("customMetricQueryErrors");
        foreach (var (name, error) in test.MetricErrors)
            writer.WriteString(name, error);
        writer.WriteEndObject();
        writer.WriteEndObject();
    }

    private static void WriteRaw(Utf8JsonWriter writer, string name, ReadOnlyMemory<byte> json)
    {
        writer.WritePropertyName(name);
        writer.WriteRawValue(json.Span, skipInputValidation: true);
    }

    private static Refusal Wrong(string name, JsonNode found, string wanted)
        => new(HubErrors.ArgumentInvalid, $"{name} is {found.GetValueKind()}", $"Send {wanted} there, or leave the member out.");
}
