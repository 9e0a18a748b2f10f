using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Homeport.Contract.Errors;
using Homeport.Hub.Methods;
using Homeport.Hub.Registry;
using Homeport.Hub.Twins;

namespace Homeport.Hub.Jobs;

/// <summary>What a job does on each device, read from its JSON and written back in one form.</summary>
public abstract record JobAction
{
    /// <summary>Type of a job that does this.</summary>
    public abstract JobType Type { get; }

    /// <summary>Canonical JSON, from which <see cref="Read"/> makes the action again.</summary>
    public abstract byte[] ToBytes();

    /// <summary>Reads the action of a stored job.</summary>
    public static Outcome<JobAction> Read(Job job)
    {
        ArgumentNullException.ThrowIfNull(job);
        if (job.Type == JobType.ScheduleDeviceMethod)
            return ReadMethod(job.Body);
        return TwinJson.ReadObject(job.Body.Span).Succeeded(out var twin, out var refusal) ? TwinAction.Read(twin) : refusal;
    }

    private static MethodAction ReadMethod(ReadOnlyMemory<byte> json)
    {
        using var document = JsonDocument.Parse(json);
        var root = document.RootElement;
        var payload = root.TryGetProperty("payload", out var value) ? System.Runtime.InteropServices.JsonMarshal.GetRawUtf8Value(value).ToArray() : [];
        return new MethodAction(new MethodCall(root.GetProperty("methodName").GetString()!, payload, Seconds(root, "responseTimeoutInSeconds"), Seconds(root, "connectTimeoutInSeconds")));
    }

    private static TimeSpan Seconds(JsonElement root, string name) => TimeSpan.FromSeconds(root.GetProperty(name).GetDouble());
}

/// <summary>Calls a direct method.</summary>
/// <param name="Call">The method.</param>
public sealed record MethodAction(MethodCall Call) : JobAction
{
    /// <inheritdoc/>
    public override JobType Type => JobType.ScheduleDeviceMethod;

    /// <inheritdoc/>
    public override byte[] ToBytes()
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream))
        {
            writer.WriteStartObject();
            writer.WriteString("methodName", Call.Name);
            if (!Call.Payload.IsEmpty)
            {
                writer.WritePropertyName("payload");
                writer.WriteRawValue(Call.Payload.Span, skipInputValidation: true);
            }
            writer.WriteNumber("responseTimeoutInSeconds", Call.ResponseTimeout.TotalSeconds);
            writer.WriteNumber("connectTimeoutInSeconds", Call.ConnectTimeout.TotalSeconds);
            writer.WriteEndObject();
        }
        return stream.ToArray();
    }
}

/// <summary>Merges tags and desired properties.</summary>
/// <param name="Patch">What is written.</param>
/// <param name="ETag">ETag that every twin must have, <c>*</c> or null for any.</param>
public sealed record TwinAction(TwinPatch Patch, string? ETag) : JobAction
{
    /// <inheritdoc/>
    public override JobType Type => JobType.ScheduleUpdateTwin;

    /// <summary>Condition for the write.</summary>
    public IfMatch Condition => IfMatch.Parse(ETag);

    /// <summary>Reads the twin of a job.</summary>
    public static Outcome<JobAction> Read(JsonObject twin)
    {
        ArgumentNullException.ThrowIfNull(twin);
        if (twin["etag"] is { } tag && tag.GetValueKind() != JsonValueKind.String)
            return new Refusal(HubErrors.ArgumentInvalid, $"updateTwin.etag is {tag.GetValueKind()}", "Send an ETag, *, or leave the member out.");
        if (!TwinPatch.Read(twin).Succeeded(out var patch, out var refusal))
            return refusal;
        return patch.Tags is null or { Count: 0 } && patch.Desired is null or { Count: 0 }
            ? new Refusal(HubErrors.ArgumentInvalid, "updateTwin has neither tags nor properties.desired", "Add what the job shall write.")
            : new TwinAction(patch, (string?)twin["etag"]);
    }

    /// <inheritdoc/>
    public override byte[] ToBytes()
    {
        var twin = new JsonObject { ["etag"] = ETag ?? "*" };
        if (Patch.Tags is { } tags)
            twin["tags"] = tags.DeepClone();
        if (Patch.Desired is { } desired)
            twin["properties"] = new JsonObject { ["desired"] = desired.DeepClone() };
        return TwinMerge.Write(twin);
    }

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"twin, {Patch.Tags?.Count ?? 0} tags, {Patch.Desired?.Count ?? 0} desired properties");
}
