using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Homeport.Contract.Naming;
using Homeport.Contract.Rest;

namespace Homeport.Tool.Migration;

/// <summary>
/// Puts the devices of an IoT Hub into this hub, with their keys, thumbprints, modules, tags and desired properties, from a file of
/// <c>az iot hub state export</c> or from the <c>devices.txt</c> of a registry export. Devices that are there stay as they are.
/// </summary>
internal sealed class HubStateImport(HubClient hub, MigrationRun run)
{
    /// <summary>Elements of a bulk call.</summary>
    private const int BatchSize = 100;

    private const int MaxLine = 16 * 1024 * 1024;

    /// <summary>A call's body is at most 1 MiB; a device with its modules may come on top.</summary>
    private const int BatchBytes = 256 * 1024;

    private readonly List<JsonObject> _batch = [];
    private int _bytes;
    private bool _hasParents;

    /// <summary>Imports a file.</summary>
    public async Task RunAsync(FileInfo file)
    {
        if (await IsStateAsync(file))
            await StateAsync(file);
        else
            await LinesAsync(file);
    }

    private async Task StateAsync(FileInfo file)
    {
        await using (var stream = LargeJson.Open(file))
        {
            await foreach (var member in LargeJson.MembersAsync(stream, "devices", run.Token))
            {
                if (member.Section is not null)
                    await run.EachAsync("device", member.Name, () => Device(member.Name, member.Value as JsonObject));
                if (_bytes >= BatchBytes || _batch.Count >= BatchSize)
                    await FlushAsync();
                if (member is { Section: null, Name: "configurations" })
                    await ConfigurationsAsync(member.Value as JsonObject);
                else if (member is { Section: null, Name: "arm" })
                    await run.EachAsync("arm", "resources", () => ResourcesAsync(member.Value as JsonObject));
            }
        }
        await FlushAsync();
        if (!_hasParents)
            return;
        // Behind all devices: a parent may come later in the file.
        await using var again = LargeJson.Open(file);
        await foreach (var member in LargeJson.MembersAsync(again, "devices", run.Token))
        {
            if (member.Section is not null && (member.Value as JsonObject)?["parent"] is JsonValue parent && parent.TryGetValue<string>(out var name))
                await ParentAsync(member.Name, name);
        }
    }

    private async Task LinesAsync(FileInfo file)
    {
        var parents = new List<(string Device, string Parent)>();
        using var reader = new StreamReader(LargeJson.Open(file), Encoding.UTF8);
        for (var number = 1; await reader.ReadLineAsync(run.Token) is { } line; number++)
        {
            if (string.IsNullOrWhiteSpace(line))
                continue;
            if (line.Length > MaxLine || ReadLine(line) is not { } element || MigrationRun.Text(element["id"]) is not { } id)
            {
                run.Report.Add("device", $"line {number}", MigrationOutcome.LeftOut, "The line is no JSON object with an id.");
                continue;
            }
            await run.EachAsync("device", id, () =>
            {
                if (ParentOf(element) is { } parent)
                    parents.Add((id, parent));
                foreach (var member in (string[])["eTag", "twinETag", "importMode", "deviceScope", "parentScopes", "cloudToDeviceMessageCount"])
                    element.Remove(member);
                Add(element);
                return Task.CompletedTask;
            });
            if (_bytes >= BatchBytes || _batch.Count >= BatchSize)
                await FlushAsync();
        }
        await FlushAsync();
        foreach (var (device, parent) in parents)
            await ParentAsync(device, parent);
    }

    private Task Device(string id, JsonObject? device)
    {
        if (device?["identity"] is not JsonObject identity)
        {
            run.Report.Add("device", id, MigrationOutcome.LeftOut, "It has no identity in the file.");
            return Task.CompletedTask;
        }
        _hasParents |= device["parent"] is JsonValue;
        Add(Element(id, null, identity, device["twin"] as JsonObject));
        foreach (var (moduleId, module) in device["modules"] as JsonObject ?? [])
        {
            if (module?["identity"] is JsonObject own)
                Add(Element(id, moduleId, own, module["twin"] as JsonObject));
        }
        return Task.CompletedTask;
    }

    private static JsonObject Element(string id, string? moduleId, JsonObject identity, JsonObject? twin)
    {
        var element = new JsonObject { ["id"] = id };
        if (moduleId is not null)
            element["moduleId"] = moduleId;
        foreach (var member in (string[])["authentication", "capabilities", "status", "statusReason", "managedBy"])
        {
            if (identity[member] is { } value)
                element[member] = value.DeepClone();
        }
        if (twin?["tags"] is JsonObject tags)
            element["tags"] = tags.DeepClone();
        if (twin?["properties"]?["desired"] is JsonObject desired)
            element["properties"] = new JsonObject { ["desired"] = desired.DeepClone() };
        return element;
    }

    private void Add(JsonObject element)
    {
        if (Wrong(element) is { } wrong)
        {
            run.Report.Add(Kind(element), Name(element), MigrationOutcome.LeftOut, wrong);
            return;
        }
        element["importMode"] = "create";
        _batch.Add(element);
        _bytes += Encoding.UTF8.GetByteCount(element.ToJsonString());
    }

    /// <summary>What is wrong with an element, so that a trial run finds it as well.</summary>
    private static string? Wrong(JsonObject element)
    {
        if (DeviceIdRules.Check((string?)element["id"]) is { } badId)
            return $"{badId}.";
        if (element["authentication"] is not JsonObject authentication || (string?)authentication["type"] is not "sas")
            return null;
        foreach (var name in (string[])["primaryKey", "secondaryKey"])
        {
            if ((string?)authentication["symmetricKey"]?[name] is { } key && !MigrationRun.IsKey(key))
                return $"Its {name} is not the Base64 text of 16 to 64 bytes.";
        }
        return null;
    }

    private async Task FlushAsync()
    {
        if (_batch.Count == 0)
            return;
        if (run.DryRun)
            await Parallel.ForEachAsync(_batch, new ParallelOptions { MaxDegreeOfParallelism = MigrationRun.Concurrent, CancellationToken = run.Token }, async (element, _) => await TryAsync(element));
        else
            await WriteAsync();
        _batch.Clear();
        _bytes = 0;
    }

    private async Task TryAsync(JsonObject element)
    {
        var there = await run.FindAsync(async () => (await hub.GetAsync(PathOf(element), run.Token)).Node());
        Note(element, there is null ? null : "AlreadyExists", null);
    }

    private async Task WriteAsync()
    {
        foreach (var elements in _batch.Chunk(BatchSize))
            await WriteAsync(elements);
    }

    private async Task WriteAsync(JsonObject[] elements)
    {
        var body = JsonSerializer.SerializeToUtf8Bytes(new JsonArray([.. elements]));
        var result = (await run.PatientlyAsync(() => hub.SendAsync(new HubRequest(HttpMethod.Post, "devices", body) { TakesRefusals = true }, run.Token))).As(Json.Default.BulkResult);
        if (result.Errors is null)
            throw new ToolException("The server's answer to a bulk call is not understood. Is it a Homeport server of this version?");
        var refused = result.Errors.GroupBy(e => (e.DeviceId, e.ModuleId)).ToDictionary(g => g.Key, g => g.First());
        foreach (var element in elements)
        {
            var error = refused.GetValueOrDefault(((string?)element["id"], (string?)element["moduleId"]));
            Note(element, error?.ErrorCode, error?.ErrorStatus);
        }
    }

    private void Note(JsonObject element, string? code, string? reason)
    {
        var (kind, name) = (Kind(element), Name(element));
        if (code is null)
        {
            run.Report.Add(kind, name, MigrationOutcome.Made);
            if ((string?)element["authentication"]?["type"] == "sas" && (string?)element["authentication"]?["symmetricKey"]?["primaryKey"] is null)
                run.Report.Add(kind, name, MigrationOutcome.ByHand, "The file has no key for it, so it has a new one: give that to the device, or export again with keys.");
        }
        else if (code.Contains("AlreadyExists", StringComparison.Ordinal))
        {
            run.Report.Add(kind, name, MigrationOutcome.There);
        }
        else
        {
            run.Report.Add(kind, name, MigrationOutcome.LeftOut, reason);
        }
    }

    /// <summary>Gives a device its parent, unless it has one.</summary>
    private Task ParentAsync(string deviceId, string parentId) => run.EachAsync("parent", deviceId, async () =>
    {
        if (run.DryRun)
        {
            run.Report.Add("parent", deviceId, MigrationOutcome.Made);
            return;
        }
        var child = (await run.PatientlyAsync(() => hub.GetAsync($"devices/{Uri.EscapeDataString(deviceId)}", run.Token))).Node()!.AsObject();
        var scope = (string?)(await run.PatientlyAsync(() => hub.GetAsync($"devices/{Uri.EscapeDataString(parentId)}", run.Token))).Node()!["deviceScope"];
        var isEdge = (bool?)child["capabilities"]?["iotEdge"] == true;
        if (isEdge ? child["parentScopes"] is JsonArray { Count: > 0 } : (string?)child["deviceScope"] is { Length: > 0 })
        {
            run.Report.Add("parent", deviceId, MigrationOutcome.There);
            return;
        }
        if (isEdge)
            child["parentScopes"] = new JsonArray(scope);
        else
            child["deviceScope"] = scope;
        var request = new HubRequest(HttpMethod.Put, $"devices/{Uri.EscapeDataString(deviceId)}", JsonSerializer.SerializeToUtf8Bytes(child)) { IfMatch = (string?)child["etag"] };
        await run.PatientlyAsync(() => hub.SendAsync(request, run.Token));
        run.Report.Add("parent", deviceId, MigrationOutcome.Made);
    });

    private async Task ConfigurationsAsync(JsonObject? configurations)
    {
        foreach (var (_, section) in configurations ?? [])
        {
            foreach (var (id, configuration) in section as JsonObject ?? [])
                await ConfigurationAsync(id, configuration as JsonObject ?? []);
        }
    }

    private Task ConfigurationAsync(string id, JsonObject configuration) => run.EachAsync("configuration", id, async () =>
    {
        var path = $"configurations/{Uri.EscapeDataString(id)}";
        if (await run.FindAsync(async () => (await hub.GetAsync(path, run.Token)).Node()) is not null)
        {
            run.Report.Add("configuration", id, MigrationOutcome.There);
            return;
        }
        var body = new JsonObject { ["id"] = id };
        foreach (var member in (string[])["content", "targetCondition", "priority", "labels"])
        {
            if (configuration[member] is { } value)
                body[member] = value.DeepClone();
        }
        if (configuration["metrics"]?["queries"] is JsonObject queries)
            body["metrics"] = new JsonObject { ["queries"] = queries.DeepClone() };
        if (!run.DryRun)
            await run.PatientlyAsync(() => hub.SendAsync(new HubRequest(HttpMethod.Put, path, JsonSerializer.SerializeToUtf8Bytes(body)), run.Token));
        run.Report.Add("configuration", id, MigrationOutcome.Made);
    });

    /// <summary>The part of Azure's resource manager: what has no call here is named, so that somebody does it.</summary>
    private async Task ResourcesAsync(JsonObject? arm)
    {
        foreach (var resource in arm?["resources"] as JsonArray ?? [])
        {
            var (type, name) = ((string?)resource?["type"], (string?)resource?["name"] ?? "");
            var properties = resource?["properties"] as JsonObject;
            if (type == "Microsoft.Devices/IotHubs/certificates")
                await AuthorityAsync(name[(name.LastIndexOf('/') + 1)..], properties);
            else if (type == "Microsoft.Devices/IotHubs")
                Settings(properties);
        }
    }

    private void Settings(JsonObject? properties)
    {
        foreach (var route in properties?["routing"]?["routes"] as JsonArray ?? [])
            run.Report.Add("route", (string?)route?["name"] ?? "", MigrationOutcome.ByHand, $"Make the route again if you need it: {(string?)route?["source"]} where {(string?)route?["condition"]}. Keys of its endpoints are not taken over.");
        foreach (var (name, storage) in properties?["storageEndpoints"] as JsonObject ?? [])
        {
            if ((string?)storage?["containerName"] is { Length: > 0 })
                run.Report.Add("fileUpload", name, MigrationOutcome.ByHand, "File uploads go into this server's own store; to use the account of before, name it in the settings of the server.");
        }
    }

    private Task AuthorityAsync(string name, JsonObject? properties) => run.EachAsync("certificate", name, async () =>
    {
        var path = $"homeport/v1/certificates/{Uri.EscapeDataString(name)}";
        if (await run.FindAsync(async () => (await hub.GetAsync(path, run.Token)).Node()) is not null)
        {
            run.Report.Add("certificate", name, MigrationOutcome.There);
            return;
        }
        var body = new JsonObject { ["certificate"] = (string?)properties?["certificate"] };
        if (!run.DryRun)
            await run.PatientlyAsync(() => hub.SendAsync(new HubRequest(HttpMethod.Put, path, JsonSerializer.SerializeToUtf8Bytes(body)), run.Token));
        run.Report.Add("certificate", name, MigrationOutcome.Made);
        run.Report.Add("certificate", name, MigrationOutcome.ByHand, "Prove under Certificates that you hold its key; until then its devices are refused.");
    });

    /// <summary>A file of lines begins with a whole object that has an id.</summary>
    private async Task<bool> IsStateAsync(FileInfo file)
    {
        using var reader = new StreamReader(LargeJson.Open(file), Encoding.UTF8);
        var start = new char[64 * 1024];
        var text = new string(start, 0, await reader.ReadBlockAsync(start, run.Token));
        var line = text.Split('\n', 2)[0];
        return ReadLine(line) is not { } first || first["id"] is null;
    }

    private static JsonObject? ReadLine(string line)
    {
        try
        {
            return LargeJson.Parse(Encoding.UTF8.GetBytes(line)) as JsonObject;
        }
        catch (JsonException)
        {
            // The caller says what it is then.
            return null;
        }
    }

    /// <summary>The parent that a scope names: <c>ms-azure-iot-edge://{device}-{generation}</c>.</summary>
    private static string? ParentOf(JsonObject element)
    {
        var isEdge = (bool?)element["capabilities"]?["iotEdge"] == true;
        var scope = isEdge ? (string?)(element["parentScopes"] as JsonArray)?.FirstOrDefault() : (string?)element["deviceScope"];
        const string scheme = "ms-azure-iot-edge://";
        return scope is not null && scope.StartsWith(scheme, StringComparison.Ordinal) && scope.LastIndexOf('-') is var dash && dash > scheme.Length ? scope[scheme.Length..dash] : null;
    }

    private static string Kind(JsonObject element) => element["moduleId"] is null ? "device" : "module";

    private static string Name(JsonObject element)
        => element["moduleId"] is { } module ? $"{MigrationRun.Text(element["id"])}/{MigrationRun.Text(module)}" : MigrationRun.Text(element["id"]) ?? "";

    private static string PathOf(JsonObject element)
    {
        var device = $"devices/{Uri.EscapeDataString((string)element["id"]!)}";
        return element["moduleId"] is { } module ? $"{device}/modules/{Uri.EscapeDataString((string)module!)}" : device;
    }
}
