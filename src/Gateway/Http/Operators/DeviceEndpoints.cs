using System.Buffers.Text;
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Homeport.Contract.Errors;
using Homeport.Contract.Rest.Operators;
using Homeport.Hub.Registry;
using Homeport.People.Access;
using Homeport.Provisioning.Lifecycle;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Homeport.Gateway.Http.Operators;

/// <summary>Devices over REST in the form of IoT Central, and the verbs of their life cycle.</summary>
public static class DeviceEndpoints
{
    private const int DefaultPage = 25;
    private const int MaxPage = 100;

    /// <summary>Maps <c>/api/devices</c>, <c>/api/devices/{id}</c> and Homeport's own calls under <c>/api/x/devices</c>.</summary>
    public static void MapDevices(this IEndpointRouteBuilder routes, OperatorApi api, DeviceLifecycle devices)
    {
        api.Devices = devices;
        api.MapRead(routes, "/api/devices", new Operation("listDevices", Permission.ViewDevices, "Lists devices, in pages, with $filter and $orderby.") { Reach = Reach.Narrowed },
            async (context, actor) => await ListAsync(context, await api.DevicesOfAsync(actor, context.RequestAborted)));
        api.MapRead(routes, "/api/devices/{id}", new Operation("getDevice", Permission.ViewDevices, "Shows a device."), async context
            => Answer(await devices.GetAsync(OperatorApi.Id(context), context.RequestAborted)));
        api.MapChange(routes, "PUT", "/api/devices/{id}", Change("putDevice", "Makes a device, or changes it."), async (context, actor) => await PutAsync(context, actor, await api.DevicesOfAsync(actor, context.RequestAborted)));
        api.MapChange(routes, "PATCH", "/api/devices/{id}", Change("patchDevice", "Changes members of a device: enabled false blocks it, true lets it in."), async (context, actor) => await PatchAsync(context, actor, await api.DevicesOfAsync(actor, context.RequestAborted)));
        api.MapChange(routes, "DELETE", "/api/devices/{id}", Change("deleteDevice", "Deletes a device with its identity, registration and individual enrollment."), async (context, actor)
            => await (await api.DevicesOfAsync(actor, context.RequestAborted)).DeleteAsync(OperatorApi.Id(context), context.RequestAborted) is { } refusal ? refusal : Reply.Empty);
        api.MapRead(routes, "/api/x/devices/counts", new Operation("countDevices", Permission.ViewDevices, "Counts the devices in each state.") { Reach = Reach.Narrowed }, async (context, actor) =>
        {
            var counts = await (await api.DevicesOfAsync(actor, context.RequestAborted)).CountAsync(context.RequestAborted);
            return Reply.Of(new DeviceCountsDescription(counts[DeviceStatus.Provisioned], counts[DeviceStatus.Registered], counts[DeviceStatus.WaitingForApproval], counts[DeviceStatus.Blocked]),
                DeviceJson.Default.DeviceCountsDescription);
        });
        foreach (var (verb, summary, work) in Verbs)
        {
            api.MapChange(routes, "POST", $"/api/x/devices/{{id}}/{verb}", Change($"{verb}Device", summary), async (context, actor)
                => Answer(await work(await api.DevicesOfAsync(actor, context.RequestAborted), OperatorApi.Id(context), actor.Name, context.RequestAborted)));
            api.MapChange(routes, "POST", $"/api/x/devices/{verb}", ChangeMany($"{verb}Devices", $"{summary} Many at once, by ids or by a filter."), async (context, actor) =>
            {
                var mine = await api.DevicesOfAsync(actor, context.RequestAborted);
                return await SelectAsync(context, mine, async id => (await work(mine, id, actor.Name, context.RequestAborted)).Refusal);
            });
        }
        api.MapChange(routes, "POST", "/api/x/devices/delete", ChangeMany("deleteDevices", "Deletes many devices, by ids or by a filter."), async (context, actor) =>
        {
            var mine = await api.DevicesOfAsync(actor, context.RequestAborted);
            return await SelectAsync(context, mine, id => mine.DeleteAsync(id, context.RequestAborted));
        });
        api.MapChange(routes, "POST", "/api/x/devices/migrate", ChangeMany("migrateDevices", "Gives many devices another template, by ids or by a filter."), async (context, actor)
            => await MigrateAsync(context, actor, await api.DevicesOfAsync(actor, context.RequestAborted)));
    }

    /// <summary>A device as REST shows it.</summary>
    internal static OperatorDeviceDescription Show(DeviceFacts device) => new()
    {
        Id = device.DeviceId,
        Etag = device.ETag,
        DisplayName = device.DisplayName ?? device.DeviceId,
        Simulated = device.Simulated,
        Provisioned = device.Provisioned,
        Template = device.Template,
        Enabled = device.IsEnabled,
        Organizations = device.Organization is { } organization ? [organization] : null,
        Status = DeviceFilterSyntax.StatusName(device.Status),
        ModelId = device.ModelId,
        EnrollmentGroup = device.GroupId,
        CredentialUsed = device.Credential is { } credential ? JsonNamingPolicy.CamelCase.ConvertName(credential.ToString()) : null,
        Address = device.Address,
        FirstSeen = device.Created,
        LastSeen = device.LastSeen,
        LastProvisioned = device.LastProvisioned,
        ChangedBy = device.ChangedBy,
    };

    private static readonly (string Verb, string Summary, Func<DeviceLifecycle, string, string, CancellationToken, Task<Outcome<DeviceFacts>>> Work)[] Verbs =
    [
        ("approve", "Lets in a device that waits for approval.", (devices, id, by, token) => devices.ApproveAsync(id, by, token)),
        ("block", "Keeps a device out; its connections end at once.", (devices, id, by, token) => devices.BlockAsync(id, by, token)),
        ("unblock", "Lets a blocked device be again what it was.", (devices, id, by, token) => devices.UnblockAsync(id, by, token)),
    ];

    private static Operation Change(string name, string summary) => new(name, Permission.ManageDevices, summary) { Audited = "device" };

    private static Operation ChangeMany(string name, string summary) => Change(name, summary) with { Reach = Reach.Narrowed };

    private static Outcome<Reply> Answer(Outcome<DeviceFacts> outcome)
        => outcome.Succeeded(out var device, out var refusal) ? Reply.Of(Show(device), DeviceJson.Default.OperatorDeviceDescription) : refusal;

    private static async Task<Outcome<Reply>> ListAsync(HttpContext context, DeviceLifecycle devices)
    {
        var query = context.Request.Query;
        if (!DeviceFilterSyntax.Read(query["$filter"]).Succeeded(out var filter, out var refusal))
            return refusal;
        DeviceOrder? order = query["$orderby"].ToString().Trim() switch
        {
            "" or "id" or "id asc" => DeviceOrder.Id,
            "displayName" or "displayName asc" => DeviceOrder.Name,
            "displayName desc" => DeviceOrder.NameDescending,
            _ => null,
        };
        if (order is null)
            return new Refusal(PeopleErrors.InvalidQuery, "$orderby cannot be read", "Send id, displayName or displayName desc.");
        var size = DefaultPage;
        if (query["$top"] is [var top] && (!int.TryParse(top, NumberStyles.None, CultureInfo.InvariantCulture, out size) || size is < 1 or > MaxPage))
            return new Refusal(PeopleErrors.InvalidQuery, "$top cannot be read", $"Send 1 to {MaxPage}.");
        if (!ReadPosition(query["$skiptoken"], out var after))
            return new Refusal(PeopleErrors.InvalidQuery, "$skiptoken was not made by this server", "Follow nextLink as it is.");
        var found = await devices.ListAsync(filter with { Order = order.Value, Search = query["search"] }, after, size + 1, context.RequestAborted);
        var shown = found.Take(size).ToList();
        var next = found.Count > size ? NextLink(context, shown[^1]) : null;
        return Reply.Of(new Collection<OperatorDeviceDescription>([.. shown.Select(Show)], next), DeviceJson.Default.CollectionOperatorDeviceDescription);
    }

    private static async Task<Outcome<Reply>> PutAsync(HttpContext context, Actor actor, DeviceLifecycle devices)
    {
        var id = OperatorApi.Id(context);
        if (!(await DeviceChange.ReadAsync(context)).Succeeded(out var change, out var refusal))
            return refusal;
        if ((await devices.GetAsync(id, context.RequestAborted)).Value is not null)
            return await ApplyAsync(context, actor, devices, change, replaces: true);
        var made = await devices.CreateAsync(change.Apply(new DeviceFacts { DeviceId = id }, replaces: true), actor.Name, context.RequestAborted);
        if (made.Refusal?.Error == ProvisioningErrors.DeviceExists)
            return await ApplyAsync(context, actor, devices, change, replaces: true);
        return made.Value is not null && change.Enabled == false ? Answer(await devices.BlockAsync(id, actor.Name, context.RequestAborted)) : Answer(made);
    }

    private static async Task<Outcome<Reply>> PatchAsync(HttpContext context, Actor actor, DeviceLifecycle devices)
        => (await DeviceChange.ReadAsync(context)).Succeeded(out var change, out var refusal) ? await ApplyAsync(context, actor, devices, change, replaces: false) : refusal;

    private static async Task<Outcome<Reply>> ApplyAsync(HttpContext context, Actor actor, DeviceLifecycle devices, DeviceChange change, bool replaces)
    {
        var id = OperatorApi.Id(context);
        OperatorApi.Note(context, id, change.Words);
        var outcome = await devices.UpdateAsync(id, facts => change.Apply(facts, replaces), change.Condition(context), actor.Name, context.RequestAborted);
        if (outcome.Value is null || change.Enabled is not { } enabled)
            return Answer(outcome);
        return Answer(enabled ? await devices.EnableAsync(id, actor.Name, context.RequestAborted) : await devices.BlockAsync(id, actor.Name, context.RequestAborted));
    }

    private static async Task<Outcome<Reply>> MigrateAsync(HttpContext context, Actor actor, DeviceLifecycle devices)
    {
        if (!(await OperatorApi.ReadAsync(context, DeviceJson.Default.DeviceSelection)).Succeeded(out var selection, out var refusal))
            return refusal;
        return await SelectAsync(context, devices, selection, async id => (await devices.MigrateAsync(id, selection.Template, actor.Name, context.RequestAborted)).Refusal);
    }

    private static async Task<Outcome<Reply>> SelectAsync(HttpContext context, DeviceLifecycle devices, Func<string, Task<Refusal?>> work)
        => (await OperatorApi.ReadAsync(context, DeviceJson.Default.DeviceSelection)).Succeeded(out var selection, out var refusal) ? await SelectAsync(context, devices, selection, work) : refusal;

    private static async Task<Outcome<Reply>> SelectAsync(HttpContext context, DeviceLifecycle devices, DeviceSelection selection, Func<string, Task<Refusal?>> work)
    {
        if (selection.DeviceIds is null == string.IsNullOrWhiteSpace(selection.Filter) || selection.DeviceIds?.Count > DeviceAdmission.MaxListed)
            return new Refusal(PeopleErrors.InvalidBody, "The body has deviceIds and filter, or neither, or too many ids", $"Send up to {DeviceAdmission.MaxListed} deviceIds, or a filter such as status eq 'waitingForApproval'.");
        AdmissionResult result;
        if (selection.DeviceIds is { } ids)
            result = await DeviceLifecycle.EachAsync(ids, work, context.RequestAborted);
        else if (DeviceFilterSyntax.Read(selection.Filter).Succeeded(out var filter, out var refusal))
            result = await devices.EachAsync(filter, work, context.RequestAborted);
        else
            return refusal;
        var what = selection.DeviceIds is { } named ? string.Join(", ", named.Take(20)) : selection.Filter;
        OperatorApi.Note(context, $"{result.Count} devices", result.Failures.Count == 0 ? what : $"{what}; {result.Failures.Count + result.MoreFailures} failed");
        return Reply.Of(new DeviceSelectionResult(result.Count, [.. result.Failures.Select(f => new DeviceFailure(f.DeviceId, f.Refusal.Error.Name, f.Refusal.Text))], result.MoreFailures),
            DeviceJson.Default.DeviceSelectionResult);
    }

    // The place of a device in the list: it is found again although the device is gone.
    private static string NextLink(HttpContext context, DeviceFacts last)
    {
        var query = context.Request.Query.Where(q => q.Key != "$skiptoken").ToDictionary(q => q.Key, q => q.Value, StringComparer.Ordinal);
        query["$skiptoken"] = Base64Url.EncodeToString(Encoding.UTF8.GetBytes($"{last.DeviceId}\n{last.DisplayName}"));
        return $"{context.Request.Scheme}://{context.Request.Host}{context.Request.Path}{QueryString.Create(query)}";
    }

    private static bool ReadPosition(string? text, out DeviceFacts? after)
    {
        after = null;
        if (string.IsNullOrEmpty(text))
            return true;
        if (text.Length > 2048 || !Base64Url.IsValid(text) || Encoding.UTF8.GetString(Base64Url.DecodeFromChars(text)).Split('\n') is not [var id, var name])
            return false;
        after = new DeviceFacts { DeviceId = id, DisplayName = name.Length == 0 ? null : name };
        return true;
    }
}

/// <summary>What a PUT or PATCH says of a device; a PATCH is a JSON merge patch (RFC 7386).</summary>
internal sealed class DeviceChange
{
    private readonly JsonObject _sent;

    private DeviceChange(JsonObject sent) => _sent = sent;

    /// <summary>The wish to let it in or to keep it out.</summary>
    public bool? Enabled => (bool?)_sent["enabled"];

    /// <summary>For the audit log.</summary>
    public string Words => string.Join(", ", ((string[])["enabled", "displayName", "template", "organizations", "simulated"]).Where(_sent.ContainsKey));

    public static async Task<Outcome<DeviceChange>> ReadAsync(HttpContext context)
    {
        JsonNode? body;
        try
        {
            body = await JsonNode.ParseAsync(context.Request.Body, cancellationToken: context.RequestAborted);
        }
        catch (JsonException e)
        {
            return Bad($"It is no JSON (line {e.LineNumber + 1})");
        }
        if (body is not JsonObject sent)
            return Bad("It is no JSON object");
        foreach (var (name, kinds) in ((string, JsonValueKind[])[])
        [
            ("enabled", [JsonValueKind.True, JsonValueKind.False]), ("simulated", [JsonValueKind.True, JsonValueKind.False]), ("displayName", [JsonValueKind.String, JsonValueKind.Null]),
            ("template", [JsonValueKind.String, JsonValueKind.Null]), ("organizations", [JsonValueKind.Array, JsonValueKind.Null]), ("etag", [JsonValueKind.String, JsonValueKind.Null]),
        ])
        {
            if (sent.TryGetPropertyValue(name, out var value) && !kinds.Contains(value?.GetValueKind() ?? JsonValueKind.Null))
                return Bad($"{name} is of the wrong kind");
        }
        if (sent["organizations"] is JsonArray organizations && (organizations.Count > 1 || organizations.Any(o => o?.GetValueKind() != JsonValueKind.String)))
            return Bad("organizations has more than one id, or one that is no text");
        return new DeviceChange(sent);
    }

    /// <summary>The ETag of the body, or of If-Match.</summary>
    public IfMatch Condition(HttpContext context) => IfMatch.Parse((string?)_sent["etag"] ?? context.Request.Headers.IfMatch);

    /// <summary>Applies it; a PUT takes away what it does not name.</summary>
    public DeviceFacts Apply(DeviceFacts facts, bool replaces) => facts with
    {
        DisplayName = Has("displayName", replaces) ? (string?)_sent["displayName"] : facts.DisplayName,
        Template = Has("template", replaces) ? (string?)_sent["template"] : facts.Template,
        Organization = Has("organizations", replaces) ? (string?)(_sent["organizations"] as JsonArray)?.FirstOrDefault() : facts.Organization,
        Simulated = (bool?)_sent["simulated"] ?? facts.Simulated,
    };

    private bool Has(string member, bool replaces) => replaces || _sent.ContainsKey(member);

    private static Refusal Bad(string seen) => new(PeopleErrors.InvalidBody, seen, """Send for example {"displayName":"Pump 1","enabled":true}.""");
}
