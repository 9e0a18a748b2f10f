using System.Text.Json;
using Homeport.Contract.Errors;
using Homeport.Contract.Rest;
using Homeport.Hub.Methods;

namespace Homeport.Hub.Jobs;

/// <summary>How far a job is on one device. The numbers are stored.</summary>
public enum DeviceJobStatus
{
    Pending,
    Running,
    Completed,
    Failed,
    Canceled,
}

/// <summary>What a job gave on one device.</summary>
/// <param name="Method">What the device answered to a direct method, or null.</param>
/// <param name="Error">Why it failed, or null when it did not.</param>
public sealed record DeviceJobResult(MethodResult? Method = null, DeviceJobError? Error = null)
{
    public DeviceJobStatus Status => Error is null ? DeviceJobStatus.Completed : DeviceJobStatus.Failed;

    /// <summary>A failure with the service's own error.</summary>
    public static DeviceJobResult Of(Refusal refusal) => new(null, DeviceJobError.Of(refusal));
}

/// <summary>Why a job failed on a device.</summary>
/// <param name="Code">The service's name for the error.</param>
/// <param name="Description">What was seen and what helps.</param>
public sealed record DeviceJobError(string Code, string Description)
{
    public static DeviceJobError Of(Refusal refusal) => new(refusal.Error.Name, refusal.Text);
}

/// <summary>A job on one device, as queries over <c>devices.jobs</c> see it. Source: IoT Hub data plane, <c>DeviceJob</c>.</summary>
public sealed record DeviceJob
{
    public required string DeviceId { get; init; }

    public required string JobId { get; init; }

    public required JobType Type { get; init; }

    public required DeviceJobStatus Status { get; init; }

    public required DateTimeOffset CreatedTime { get; init; }

    public required DateTimeOffset UpdatedTime { get; init; }

    /// <summary>When the work on this device began, or null.</summary>
    public DateTimeOffset? StartTime { get; init; }

    /// <summary>When it ended, or null.</summary>
    public DateTimeOffset? EndTime { get; init; }

    public MethodResult? Method { get; init; }

    public DeviceJobError? Error { get; init; }

    /// <summary>The JSON object in UTF-8.</summary>
    public byte[] ToBytes()
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream))
        {
            writer.WriteStartObject();
            writer.WriteString("deviceId", DeviceId);
            writer.WriteString("jobId", JobId);
            writer.WriteString("jobType", JobWords.Of(Type));
            writer.WriteString("status", JobWords.Of(Status));
            // As the C# models have it: a time that is not there is the year 1.
            writer.WriteString("startTimeUtc", new ServiceTime(StartTime).ToString());
            writer.WriteString("endTimeUtc", new ServiceTime(EndTime).ToString());
            writer.WriteString("createdDateTimeUtc", new ServiceTime(CreatedTime).ToString());
            writer.WriteString("lastUpdatedDateTimeUtc", new ServiceTime(UpdatedTime).ToString());
            if (Method is not null)
                WriteOutcome(writer, Method);
            if (Error is not null)
            {
                writer.WriteStartObject("error");
                writer.WriteString("code", Error.Code);
                writer.WriteString("description", Error.Description);
                writer.WriteEndObject();
            }
            writer.WriteEndObject();
        }
        return stream.ToArray();
    }

    private static void WriteOutcome(Utf8JsonWriter writer, MethodResult method)
    {
        writer.WriteStartObject("outcome");
        writer.WriteStartObject("deviceMethodResponse");
        writer.WriteNumber("status", method.Status);
        writer.WritePropertyName("payload");
        writer.WriteRawValue(method.Payload.IsEmpty ? "null"u8 : method.Payload.Span, skipInputValidation: true);
        writer.WriteEndObject();
        writer.WriteEndObject();
    }
}
