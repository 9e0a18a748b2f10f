using System.Globalization;
using System.Text.Json;
using Homeport.Contract.Errors;
using Homeport.Contract.Rest;
using Homeport.Hub.Registry;
using Homeport.Hub.Telemetry;
using Homeport.Models.Elements;

namespace Homeport.Templates.Devices;

/// <summary>A value that a device sent.</summary>
/// <param name="Value">JSON.</param>
/// <param name="Time">When the hub took it.</param>
public sealed record ReceivedValue(JsonElement Value, DateTimeOffset Time);

/// <summary>Numbers of one name over time, the oldest first.</summary>
/// <param name="Component">Component, or null for the device itself.</param>
/// <param name="Name">Name on the wire; fields of objects behind dots.</param>
/// <param name="Points">Time and number.</param>
public sealed record ValueSeries(string? Component, string Name, IReadOnlyList<(DateTimeOffset Time, double Value)> Points);

/// <summary>What a device sent, by the names of its template.</summary>
public sealed class DeviceTelemetry(DeviceModels models, IdentityRegistry registry, MessageHistory history, TimeProvider time)
{
    /// <summary>How far back is looked: as long as messages are kept at most.</summary>
    public static readonly TimeSpan MaxAge = TimeSpan.FromDays(7);

    private const int MaxDepth = 16;
    private const int MaxFields = 8;

    /// <summary>The last value of a name.</summary>
    public async Task<Outcome<ReceivedValue>> LastAsync(string deviceId, string? component, string name, CancellationToken token)
    {
        if (!(await registry.GetAsync(deviceId, null, token)).Succeeded(out _, out var refusal))
            return refusal;
        if (await models.FindAsync(deviceId, token) is { } model && model.Find<Telemetry>(component, name) is null)
            return DeviceModels.Unknown(model, component, "telemetry", name);
        await foreach (var message in history.NewestAsync(deviceId, time.GetUtcNow() - MaxAge, token).WithCancellation(token))
        {
            if (!IsOf(message, component) || Read(message) is not { } body)
                continue;
            using (body)
            {
                if (body.RootElement.TryGetProperty(name, out var value))
                    return new ReceivedValue(value.Clone(), message.EnqueuedTime.Time!.Value);
            }
        }
        return new Refusal(TemplateErrors.NoValue, $"'{DeviceModels.Cut(deviceId)}' sent no '{DeviceModels.Cut(name)}' lately", "Wait until the device sends it; messages are kept as long as retention-days says.");
    }

    /// <summary>The numbers that a device sent, for charts: of its template, or without one all numbers at the top of its messages.</summary>
    /// <param name="deviceId">The device.</param>
    /// <param name="since">The oldest.</param>
    /// <param name="maxPoints">Points of a series; the newest are kept.</param>
    /// <param name="token">Ends the call.</param>
    public async Task<IReadOnlyList<ValueSeries>> SeriesAsync(string deviceId, DateTimeOffset since, int maxPoints, CancellationToken token)
    {
        var series = new Dictionary<(string? Component, string Name), List<(DateTimeOffset, double)>>();
        await foreach (var message in history.NewestAsync(deviceId, since, token).WithCancellation(token))
        {
            foreach (var (component, name, value) in Numbers(message))
            {
                if (!series.TryGetValue((component, name), out var points))
                    series[(component, name)] = points = [];
                if (points.Count < maxPoints)
                    points.Add((message.EnqueuedTime.Time!.Value, value));
            }
            if (series.Count > 0 && series.Values.All(p => p.Count >= maxPoints))
                break;
        }
        return [.. series.Select(s => new ValueSeries(s.Key.Component, s.Key.Name, [.. Enumerable.Reverse(s.Value)])).OrderBy(s => s.Component, StringComparer.Ordinal).ThenBy(s => s.Name, StringComparer.Ordinal)];
    }

    /// <summary>Numbers of a message: at its top, and fields of objects there.</summary>
    public static IReadOnlyList<(string? Component, string Name, double Value)> Numbers(StoredMessage message)
    {
        if (Read(message) is not { } body)
            return [];
        using (body)
        {
            var numbers = new List<(string?, string, double)>();
            var component = message.SystemProperties.GetValueOrDefault("dt-subject");
            foreach (var member in body.RootElement.EnumerateObject().Take(MaxFields * MaxFields))
            {
                if (NumberOf(member.Value) is { } number)
                    numbers.Add((component, member.Name, number));
                else if (member.Value.ValueKind == JsonValueKind.Object)
                    numbers.AddRange(member.Value.EnumerateObject().Take(MaxFields).Where(f => NumberOf(f.Value) is not null).Select(f => (component, $"{member.Name}.{f.Name}", NumberOf(f.Value)!.Value)));
            }
            return numbers;
        }
    }

    /// <summary>True when a message comes from this component, or from the device itself.</summary>
    public static bool IsOf(StoredMessage message, string? component) => string.Equals(message.SystemProperties.GetValueOrDefault("dt-subject") ?? "", component ?? "", StringComparison.Ordinal);

    /// <summary>The JSON object of a message; null when it is none.</summary>
    public static JsonDocument? Read(StoredMessage message)
    {
        if (message.Body is not [(byte)'{' or (byte)' ' or (byte)'\n' or (byte)'\r' or (byte)'\t', ..])
            return null;
        try
        {
            var document = JsonDocument.Parse(message.Body, new JsonDocumentOptions { MaxDepth = MaxDepth });
            if (document.RootElement.ValueKind == JsonValueKind.Object)
                return document;
            document.Dispose();
            return null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static double? NumberOf(JsonElement value)
        => value.ValueKind == JsonValueKind.Number && double.TryParse(value.GetRawText(), NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number) ? number : null;
}
