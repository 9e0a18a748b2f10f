using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json.Nodes;
using Homeport.Contract.Errors;
using Homeport.Contract.Naming;
using Homeport.Hub.Query;
using Homeport.Hub.Registry;
using Homeport.Hub.Twins;

namespace Homeport.Hub.Configurations;

/// <summary>The configurations of a hub, as services write and read them; <see cref="ConfigurationApplier"/> brings them to the twins.</summary>
public sealed class DeviceConfigurations(IConfigurationStore store, IQuerySource source, DeviceTwins twins, IdentityRegistry registry, TimeProvider time)
{
    /// <summary>Configurations that a hub may have, as in the service.</summary>
    public const int MaxCount = 100;

    /// <summary>Metric queries that a configuration may have.</summary>
    public const int MaxMetrics = 20;

    /// <summary>Largest JSON of labels, content and metrics together, in bytes.</summary>
    public const int MaxSize = 128 * 1024;

    // What the metrics gave when they were last asked for; a list does not run the queries of all configurations.
    private readonly ConcurrentDictionary<string, IReadOnlyDictionary<string, long>> _metrics = new(StringComparer.Ordinal);

    /// <summary>Raised after a configuration was written or deleted. Handlers must only post.</summary>
    public Action? Changed { get; set; }

    /// <summary>Finds one and runs its metric queries.</summary>
    public async Task<Outcome<ConfigurationView>> GetAsync(string id, CancellationToken token)
    {
        if (await store.FindAsync(id, token) is not { } found)
            return NotFound(id);
        _metrics[id] = await MeasureAsync(found, token);
        return await ViewAsync(found, token);
    }

    /// <summary>Configurations in the order of their ids, with the results of their metrics when they were last asked for.</summary>
    public async Task<IReadOnlyList<ConfigurationView>> ListAsync(int max, CancellationToken token)
    {
        var views = new List<ConfigurationView>();
        foreach (var configuration in await store.ListAsync(max, token))
            views.Add(await ViewAsync(configuration, token));
        return views;
    }

    /// <summary>Creates (without a condition) or replaces (with one that fits).</summary>
    public async Task<Outcome<ConfigurationView>> PutAsync(ConfigurationRequest request, IfMatch condition, CancellationToken token)
    {
        ArgumentNullException.ThrowIfNull(request);
        if (!Read(request).Succeeded(out var wanted, out var refusal))
            return refusal;
        var now = time.GetUtcNow();
        var existing = await store.FindAsync(request.Id, token);
        if (existing is null)
        {
            if (!condition.IsAbsent)
                return NotFound(request.Id);
            wanted = wanted with { CreatedTime = now, UpdatedTime = now };
            switch (await store.InsertAsync(wanted, MaxCount, token))
            {
                case InsertResult.Exists:
                    return Exists(request.Id);
                case InsertResult.Full:
                    return new Refusal(HubErrors.IotHubQuotaExceeded, $"The hub has {MaxCount} configurations, which is the limit", "Delete one that is not used any more.");
            }
        }
        else
        {
            if (condition.IsAbsent)
                return Exists(request.Id);
            wanted = wanted with { CreatedTime = existing.CreatedTime, UpdatedTime = now, Version = existing.Version + 1 };
            if (!condition.Matches(existing.ETag) || !await store.ReplaceAsync(wanted, existing.Version, token))
                return Stale(request.Id);
        }
        _metrics.TryRemove(request.Id, out _);
        Changed?.Invoke();
        return await ViewAsync(wanted, token);
    }

    /// <summary>Deletes one. What it wrote stays in the twins, as in the service. Null when it is done.</summary>
    public async Task<Refusal?> DeleteAsync(string id, IfMatch condition, CancellationToken token)
    {
        if (await store.FindAsync(id, token) is not { } existing)
            return NotFound(id);
        if (!condition.Matches(existing.ETag) || !await store.DeleteAsync(id, condition.IsConditional ? existing.Version : null, token))
            return Stale(id);
        while (await store.ClearStatusAsync(id, token))
        {
            // More of them.
        }
        _metrics.TryRemove(id, out _);
        Changed?.Invoke();
        return null;
    }

    /// <summary>Says what is wrong with a condition and with metric queries.</summary>
    /// <param name="targetCondition">The condition; null and empty target nothing, which is no error.</param>
    /// <param name="queries">Queries by their names.</param>
    public static Outcome<ConfigurationTest> Test(string? targetCondition, IReadOnlyDictionary<string, string?> queries)
    {
        ArgumentNullException.ThrowIfNull(queries);
        if (queries.Count > MaxMetrics)
            return TooManyMetrics(queries.Count);
        var errors = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var (name, query) in queries)
        {
            if (HubQuery.Parse(query).Refusal is { } refusal)
                errors[name] = refusal.Text;
        }
        return new ConfigurationTest(CheckTarget(targetCondition)?.Text, errors);
    }

    /// <summary>Merges content into the twins of one device and its modules, once; makes modules that are not there. Null when it is done.</summary>
    public async Task<Refusal?> ApplyAsync(string deviceId, JsonObject content, CancellationToken token)
    {
        if (!ConfigurationContent.Read(content).Succeeded(out var read, out var refusal))
            return refusal;
        if (read.Module is not null)
            return Invalid("moduleContent names no module", "Use modulesContent with the id of the module as the member's name.");
        var patches = new List<(string? Module, JsonObject Patch)>();
        if (read.Device is not null)
            patches.Add((null, read.Device));
        foreach (var (module, desired) in read.Modules)
        {
            if (!ConfigurationContent.ReadPatch($"modulesContent.{module}", desired).Succeeded(out var patch, out refusal))
                return refusal;
            patches.Add((module, patch));
        }
        if ((await registry.GetAsync(deviceId, null, token)).Refusal is { } missing)
            return missing;
        var modules = new ModuleContent(registry, twins);
        foreach (var (module, patch) in patches)
        {
            var failed = module is null
                ? (await twins.PatchAsync(deviceId, null, new TwinPatch(null, patch), IfMatch.Absent, token)).Refusal
                : await modules.ApplyAsync(deviceId, module, patch, token);
            if (failed is not null)
                return failed;
        }
        return null;
    }

    /// <summary>The hub's own queries for what a configuration targets and reached.</summary>
    public static (string Targeted, string Applied) SystemQueries(Configuration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        var modules = HubQuery.ParseCondition(configuration.TargetCondition).Value?.Collection == QueryCollection.Modules;
        var (select, from) = modules ? ("SELECT deviceId, moduleId", "FROM devices.modules") : ("SELECT deviceId", "FROM devices");
        var condition = configuration.TargetCondition.Trim();
        var targeted = condition is "*" ? $"{select} {from}"
            : condition.StartsWith("FROM", StringComparison.OrdinalIgnoreCase) ? $"{select} {condition}" : $"{select} {from} WHERE {condition}";
        return (targeted, $"{select} {from} WHERE configurations.[[{configuration.Id}]].status = 'Applied'");
    }

    private async Task<ConfigurationView> ViewAsync(Configuration configuration, CancellationToken token)
    {
        var (targeted, applied) = await store.CountAsync(configuration.Id, token);
        return new ConfigurationView(configuration, targeted, applied, _metrics.GetValueOrDefault(configuration.Id) ?? new Dictionary<string, long>(StringComparer.Ordinal));
    }

    private async Task<IReadOnlyDictionary<string, long>> MeasureAsync(Configuration configuration, CancellationToken token)
    {
        var results = new Dictionary<string, long>(StringComparer.Ordinal);
        foreach (var (name, query) in TwinMerge.Read(configuration.MetricQueries))
        {
            if (HubQuery.Parse((string?)query).Value is { } parsed)
                results[name] = await CountAsync(parsed, token);
        }
        return results;
    }

    /// <summary>A metric is the number of rows of its query.</summary>
    private async Task<long> CountAsync(HubQuery query, CancellationToken token)
    {
        var count = 0L;
        if (query.Groups)
        {
            var runner = new QueryRunner(source);
            string? continuation = null;
            do
            {
                if (!(await runner.RunAsync(query, QueryRunner.MaxPageSize, continuation, token)).Succeeded(out var page, out _))
                    return count;
                count += page.Objects.Count;
                continuation = page.Continuation;
            }
            while (continuation is not null);
            return count;
        }
        var scan = new QueryScan(query.Condition.Collection, query.Condition.Index, query.Condition.Parts, null);
        await foreach (var row in source.ScanAsync(scan, token).WithCancellation(token))
        {
            if (query.Condition.Matches(row) && ++count >= query.Top)
                break;
        }
        return count;
    }

    private static Outcome<Configuration> Read(ConfigurationRequest request)
    {
        if (DeviceIdRules.Check(request.Id) is { } id)
            return Invalid($"id: {id}", "Use 1 to 128 letters, digits and - : . + % _ # * ? ! ( ) , = @ ; $ '.");
        if (request.Priority < 0)
            return Invalid(string.Create(CultureInfo.InvariantCulture, $"priority is {request.Priority}"), "Use 0 or more; the highest priority wins.");
        if (CheckTarget(request.TargetCondition) is { } bad)
            return bad with { Seen = "targetCondition: " + bad.Seen };
        if (!ConfigurationContent.Read(request.Content).Succeeded(out var content, out var refusal))
            return refusal;
        var modules = !string.IsNullOrWhiteSpace(request.TargetCondition) && HubQuery.ParseCondition(request.TargetCondition).Value?.Collection == QueryCollection.Modules;
        if (modules ? content.Device is not null || content.Modules.Count > 0 : content.Module is not null)
        {
            return Invalid(modules ? "The targetCondition targets modules and the content is for devices" : "content.moduleContent is for modules and the targetCondition targets devices",
                "Use moduleContent together with FROM devices.modules WHERE ..., and deviceContent without it.");
        }
        if (CheckMetrics(request.MetricQueries) is { } metric)
            return metric;
        if (request.Labels?.FirstOrDefault(l => l.Value is not JsonValue value || !value.TryGetValue<string>(out _)) is { Key: { } label })
            return Invalid($"labels.{label} is no text", "Labels are texts.");
        var configuration = new Configuration
        {
            Id = request.Id,
            SchemaVersion = request.SchemaVersion is { Length: > 0 and <= 64 } version ? version : "1.0",
            TargetCondition = request.TargetCondition?.Trim() ?? "",
            Priority = request.Priority,
            Labels = TwinMerge.Write(request.Labels ?? []),
            Content = TwinMerge.Write(request.Content ?? []),
            MetricQueries = TwinMerge.Write(request.MetricQueries ?? []),
        };
        var size = configuration.Labels.Length + configuration.Content.Length + configuration.MetricQueries.Length;
        return size <= MaxSize ? configuration : Invalid(string.Create(CultureInfo.InvariantCulture, $"Labels, content and metrics have {size} bytes"), $"Send at most {MaxSize} bytes.");
    }

    private static Refusal? CheckTarget(string? condition)
    {
        if (string.IsNullOrWhiteSpace(condition))
            return null;
        if (!HubQuery.ParseCondition(condition).Succeeded(out var parsed, out var refusal))
            return refusal;
        return parsed.Collection == QueryCollection.Jobs ? Invalid("The condition targets devices.jobs", "Target devices, or modules with FROM devices.modules WHERE ...") : null;
    }

    private static Refusal? CheckMetrics(JsonObject? queries)
    {
        if (queries?.Count > MaxMetrics)
            return TooManyMetrics(queries.Count);
        foreach (var (name, query) in queries ?? [])
        {
            if (query is not JsonValue value || !value.TryGetValue<string>(out var text))
                return Invalid($"metrics.queries.{name} is no text", "Send a query such as SELECT deviceId FROM devices WHERE ...");
            if (HubQuery.Parse(text).Refusal is { } refusal)
                return refusal with { Seen = $"metrics.queries.{name}: {refusal.Seen}" };
        }
        return null;
    }

    private static Refusal TooManyMetrics(int count)
        => Invalid(string.Create(CultureInfo.InvariantCulture, $"There are {count} metric queries"), $"Use at most {MaxMetrics}.");

    private static Refusal Invalid(string seen, string fix) => new(HubErrors.ArgumentInvalid, seen, fix);

    private static Refusal Exists(string id)
        => new(HubErrors.ConfigurationAlreadyExists, $"There is a configuration '{id}'", "To change it, send the header If-Match with its ETag or *.");

    private static Refusal Stale(string id)
        => new(HubErrors.PreconditionFailed, $"Configuration '{id}' has another ETag than If-Match asks for", "Read it again, repeat your change on that, or send If-Match: *.");

    private static Refusal NotFound(string id)
        => new(HubErrors.ConfigurationNotFound, $"There is no configuration '{(id.Length <= DeviceIdRules.MaxLength ? id : id[..DeviceIdRules.MaxLength])}'", "Check the id.");
}
