using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Homeport.Contract.Errors;
using Homeport.Operations.Jobs;

namespace Homeport.Gateway.Http.Operators.Groups;

/// <summary>A job as JSON in the form of IoT Central; <c>progress</c>, <c>reason</c> and the times are Homeport's own.</summary>
internal static class GroupJobForm
{
    private const string Example = """{"displayName":"Slower","group":"pumps","data":[{"type":"property","target":"dtmi:example:pump;1","path":"interval","value":60}]}""";

    /// <summary>Reads a new job.</summary>
    public static Outcome<GroupJob> Read(string id, JsonObject body)
    {
        try
        {
            var batch = Share(body["batch"]);
            var threshold = body["cancellationThreshold"];
            return new GroupJob
            {
                Id = id,
                DisplayName = (string?)body["displayName"] ?? id,
                Description = (string?)body["description"],
                Group = (string?)body["group"] ?? throw new FormatException("group is missing"),
                Organization = (string?)(body["organizations"] as JsonArray)?.FirstOrDefault(),
                Data = [.. (body["data"] as JsonArray ?? throw new FormatException("data is missing")).Select(Data)],
                Batch = batch,
                CancellationThreshold = Share(threshold) is { } failures ? new JobThreshold(failures, (bool?)threshold!["batch"] ?? false) : null,
            };
        }
        catch (Exception e) when (e is FormatException or InvalidOperationException)
        {
            // A member of another kind than asked for is an InvalidOperationException of the JSON tree.
            return new Refusal(PeopleErrors.InvalidBody, e is FormatException ? e.Message : "A member is of the wrong kind", $"Send for example {Example}.");
        }
    }

    public static JsonNode Show(GroupJob job)
    {
        var body = new JsonObject
        {
            ["id"] = job.Id,
            ["displayName"] = job.DisplayName,
            ["description"] = job.Description ?? "",
            ["group"] = job.Group,
            ["data"] = new JsonArray([.. job.Data.Select(Show)]),
            ["status"] = GroupJobs.Word(job.Status),
        };
        if (job.Organization is { } organization)
            body["organizations"] = new JsonArray(organization);
        if (job.Batch is { } batch)
            body["batch"] = Show(batch);
        if (job.CancellationThreshold is { } threshold)
        {
            var shown = Show(threshold.Failures);
            shown["batch"] = threshold.PerBatch;
            body["cancellationThreshold"] = shown;
        }
        body["progress"] = new JsonObject
        {
            ["total"] = job.Devices.Total,
            ["pending"] = job.Devices.Pending,
            ["running"] = job.Devices.Running,
            ["completed"] = job.Devices.Completed,
            ["failed"] = job.Devices.Failed,
        };
        body["reason"] = job.Reason;
        body["createdBy"] = job.CreatedBy;
        body["created"] = Time(job.Created);
        body["start"] = Time(job.Began);
        body["end"] = Time(job.Ended);
        return body;
    }

    public static JsonNode Show(GroupJobDevice device)
    {
        var body = new JsonObject { ["id"] = device.DeviceId, ["status"] = JsonNamingPolicy.CamelCase.ConvertName(device.Status.ToString()) };
        if (device.Error is { } error)
            body["error"] = new JsonObject { ["code"] = error, ["message"] = device.Text };
        else if (device.Text is { } answer)
            body["response"] = answer;
        return body;
    }

    private static JsonNode Show(JobData data)
    {
        var body = new JsonObject { ["type"] = JsonNamingPolicy.CamelCase.ConvertName(data.Type.ToString()), ["target"] = data.Target };
        if (data.Type == JobDataType.DeviceTemplateMigration)
            body["template"] = data.Target;
        if (data.Path is { } path)
            body["path"] = path;
        if (data.Value is { } value)
            body["value"] = JsonNode.Parse(value);
        return body;
    }

    private static JsonObject Show(JobShare share) => new() { ["type"] = share.IsPercentage ? "percentage" : "number", ["value"] = share.Value };

    private static JobData Data(JsonNode? node)
    {
        if (node is not JsonObject data)
            throw new FormatException("data has an element that is no object");
        // Documents of the service call them PropertyJobData and so on, its calls property.
        var name = ((string?)data["type"] ?? "").Replace("JobData", "", StringComparison.Ordinal);
        if (!Enum.TryParse<JobDataType>(name, ignoreCase: true, out var type) || char.IsAsciiDigit(name[0]))
            throw new FormatException("data.type is neither property, cloudProperty, command nor deviceTemplateMigration");
        var target = (string?)(type == JobDataType.DeviceTemplateMigration ? data["template"] ?? data["target"] : data["target"]) ?? throw new FormatException("data.target is missing");
        return new JobData(type, target, (string?)data["path"], data.TryGetPropertyValue("value", out var value) ? value?.ToJsonString() ?? "null" : null);
    }

    private static JobShare? Share(JsonNode? node) => node is null ? null : new JobShare((string?)node["type"] switch
    {
        "percentage" => true,
        "number" => false,
        _ => throw new FormatException("type of batch or cancellationThreshold is neither number nor percentage"),
    }, (int?)node["value"] ?? throw new FormatException("value of batch or cancellationThreshold is missing"));

    private static string? Time(DateTimeOffset? time) => time?.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);
}
