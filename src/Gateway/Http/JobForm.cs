using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Homeport.Contract.Errors;
using Homeport.Contract.Rest;
using Homeport.Hub.Jobs;
using Homeport.Hub.Twins;

namespace Homeport.Gateway.Http;

/// <summary>Jobs as JSON. Source: IoT Hub data plane, <c>JobRequest</c> and <c>JobResponse</c>.</summary>
internal static class JobForm
{
    /// <summary>Reads a body; members that the SDKs send as null count as left out.</summary>
    public static Outcome<JobRequest> Read(ReadOnlySpan<byte> body, string jobId)
    {
        if (!TwinJson.ReadObject(body).Succeeded(out var json, out var refusal)
            || !Text(json, "jobId").Succeeded(out var id, out refusal)
            || !Text(json, "type").Succeeded(out var type, out refusal)
            || !Text(json, "queryCondition").Succeeded(out var condition, out refusal)
            || !Text(json, "startTime").Succeeded(out var startTime, out refusal))
        {
            return refusal;
        }
        if (id.Value is { Length: > 0 } named && !string.Equals(named, jobId, StringComparison.Ordinal))
            return new Refusal(HubErrors.ArgumentInvalid, "The body's jobId is not the path's", "Use the same id in both.");
        if (!ReadAction(json, type.Value).Succeeded(out var action, out refusal))
            return refusal;
        if (!ReadSeconds(json).Succeeded(out var seconds, out refusal))
            return refusal;
        DateTimeOffset? start = null;
        if (!string.IsNullOrEmpty(startTime.Value))
        {
            if (!DateTimeOffset.TryParse(startTime.Value, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time))
                return new Refusal(HubErrors.ArgumentInvalid, "startTime is no time", "Send a time such as 2026-01-31T12:00:00Z, or leave it out to start at once.");
            start = time;
        }
        return new JobRequest(jobId, condition.Value, action, start, seconds.Value);
    }

    /// <summary>Writes a job as services see it.</summary>
    public static void Write(Utf8JsonWriter writer, Job job)
    {
        writer.WriteStartObject();
        writer.WriteString("jobId", job.Id);
        writer.WriteString("queryCondition", job.Condition);
        writer.WriteString("createdTime", new ServiceTime(job.CreatedTime).ToString());
        writer.WriteString("startTime", new ServiceTime(job.StartTime).ToString());
        if (job.EndTime is { } end)
            writer.WriteString("endTime", new ServiceTime(end).ToString());
        writer.WriteNumber("maxExecutionTimeInSeconds", (long)job.MaxExecution.TotalSeconds);
        writer.WriteString("type", JobWords.Of(job.Type));
        writer.WritePropertyName(job.Type == JobType.ScheduleDeviceMethod ? "cloudToDeviceMethod" : "updateTwin");
        writer.WriteRawValue(job.Body.Span, skipInputValidation: true);
        writer.WriteString("status", JobWords.Of(job.Status));
        if (job.FailureReason is not null)
        {
            writer.WriteString("failureReason", job.FailureReason);
            writer.WriteString("statusMessage", job.FailureReason);
        }
        var devices = job.Devices;
        writer.WriteStartObject("deviceJobStatistics");
        writer.WriteNumber("deviceCount", devices.Total);
        writer.WriteNumber("failedCount", devices.Failed);
        writer.WriteNumber("succeededCount", devices.Succeeded);
        writer.WriteNumber("runningCount", devices.Running);
        writer.WriteNumber("pendingCount", devices.Pending);
        writer.WriteEndObject();
        writer.WriteEndObject();
    }

    private static Outcome<JobAction> ReadAction(JsonObject json, string? type)
    {
        switch (JobWords.Type(type))
        {
            case JobType.ScheduleDeviceMethod:
                if (json["cloudToDeviceMethod"] is not JsonObject described)
                    return new Refusal(HubErrors.ArgumentNull, "The body has no object cloudToDeviceMethod", "Add it, for example {\"methodName\":\"reboot\"}.");
                return ReadMethod(described);
            case JobType.ScheduleUpdateTwin:
                return json["updateTwin"] is JsonObject twin
                    ? TwinAction.Read(twin)
                    : new Refusal(HubErrors.ArgumentNull, "The body has no object updateTwin", "Add it, for example {\"tags\":{\"floor\":1}}.");
            default:
                return new Refusal(HubErrors.ArgumentInvalid, type is null ? "The body has no type" : "The type is not one of a job", "Use scheduleDeviceMethod or scheduleUpdateTwin.");
        }
    }

    private static Outcome<JobAction> ReadMethod(JsonObject described)
    {
        MethodDescription? method;
        try
        {
            method = described.Deserialize(Json.Default.MethodDescription);
        }
        catch (JsonException e)
        {
            return new Refusal(HubErrors.ArgumentInvalid, $"cloudToDeviceMethod cannot be read at {e.Path ?? "$"}", "Send methodName, payload, responseTimeoutInSeconds and connectTimeoutInSeconds.");
        }
        return MethodEndpoints.Read(method!).Succeeded(out var call, out var refusal) ? new MethodAction(call) : refusal;
    }

    private static Outcome<Member<long?>> ReadSeconds(JsonObject json) => json["maxExecutionTimeInSeconds"] switch
    {
        null => new Member<long?>(null),
        JsonValue value when value.TryGetValue<long>(out var number) => new Member<long?>(number),
        _ => new Refusal(HubErrors.ArgumentInvalid, "maxExecutionTimeInSeconds is no whole number", "Send a number of seconds, or leave it out for one hour."),
    };

    private static Outcome<Member<string?>> Text(JsonObject json, string name) => json[name] switch
    {
        null => new Member<string?>(null),
        JsonValue value when value.TryGetValue<string>(out var text) => new Member<string?>(text),
        var other => new Refusal(HubErrors.ArgumentInvalid, $"{name} is {other.GetValueKind()}", "Send a text there."),
    };

    /// <summary>A member that may be left out.</summary>
    private sealed record Member<T>(T Value);
}
