using System.Text.Json.Nodes;
using Homeport.Hub.Query;
using Homeport.Hub.Twins;

namespace Homeport.Hub.Configurations;

/// <summary>A configuration made ready to be held against twins.</summary>
internal sealed class TargetedConfiguration
{
    private readonly JsonObject? _patch;

    private TargetedConfiguration(Configuration configuration, QueryCondition condition, ConfigurationContent content)
    {
        Configuration = configuration;
        Condition = condition;
        IsDeployment = content.Modules.Count > 0;
        Modules = [.. ReadModules(content)];
        _patch = condition.Collection == QueryCollection.Modules ? content.Module : content.Device;
    }

    public Configuration Configuration { get; }

    public QueryCondition Condition { get; }

    /// <summary>It has content for the modules of edge devices, which takes nothing from configurations of other kinds.</summary>
    public bool IsDeployment { get; }

    /// <summary>Desired properties of edge modules by their ids.</summary>
    public IReadOnlyList<(string ModuleId, JsonObject Desired)> Modules { get; }

    /// <summary>Those that target something, in the order in which they win.</summary>
    public static List<TargetedConfiguration> Prepare(IEnumerable<Configuration> configurations)
    {
        var ready = new List<TargetedConfiguration>();
        foreach (var configuration in configurations)
        {
            if (configuration.TargetCondition.Length > 0
                && HubQuery.ParseCondition(configuration.TargetCondition).Value is { } condition
                && ConfigurationContent.Read(TwinMerge.Read(configuration.Content)).Value is { } content)
            {
                ready.Add(new TargetedConfiguration(configuration, condition, content));
            }
        }
        return [.. ready.OrderByDescending(c => c.Configuration.Priority).ThenByDescending(c => c.Configuration.CreatedTime).ThenBy(c => c.Configuration.Id, StringComparer.Ordinal)];
    }

    /// <summary>What has to be written to desired properties that are so, or null when they have it all.</summary>
    public TwinPatch? Missing(ReadOnlyMemory<byte> desired) => _patch is null ? null : Missing(_patch, desired);

    /// <summary>What has to be written to desired properties so that they have these, or null when they have them all.</summary>
    public static TwinPatch? Missing(JsonObject wanted, ReadOnlyMemory<byte> desired)
    {
        var members = desired.IsEmpty ? [] : TwinMerge.Read(desired);
        var before = TwinMerge.Write(members);
        TwinMerge.Apply(members, wanted);
        return before.AsSpan().SequenceEqual(TwinMerge.Write(members)) ? null : new TwinPatch(null, wanted.DeepClone().AsObject());
    }

    private static IEnumerable<(string ModuleId, JsonObject Desired)> ReadModules(ConfigurationContent content)
    {
        foreach (var (module, members) in content.Modules)
        {
            if (ConfigurationContent.ReadPatch($"modulesContent.{module}", members).Value is { } desired)
                yield return (module, desired);
        }
    }
}
