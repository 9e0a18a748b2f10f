using Homeport.Gateway.Http;
using Homeport.Gateway.Http.Operators;
using Homeport.Gateway.Http.Operators.Groups;
using Homeport.Gateway.Http.Operators.Templates;
using Homeport.Operations.Groups;
using Homeport.Operations.Jobs;
using Homeport.Operations.Modules;
using Homeport.Operations.Relationships;
using Homeport.Provisioning.Lifecycle;
using Homeport.Storage.Sqlite;

namespace Homeport.Server;

/// <summary>Puts together what operators do with many devices: groups of them, and jobs over groups.</summary>
internal sealed class GroupParts : IDisposable
{
    private readonly OperatorApi _operators;
    private readonly GroupJobRunner _runner;
    private readonly HubApi _hub;
    private readonly SqliteCommandStore _commands;

    public GroupParts(HubApi hub, TemplateApi templates, DeviceLifecycle devices, SqliteDatabase database, ILoggerFactory loggers)
    {
        const string application = Installation.ApplicationName;
        _operators = templates.Operators;
        var members = new DeviceGroupMembers(new SqliteDeviceStore(database, application), new SqliteQuerySource(database, hub.Live, hub.Name));
        Groups = new DeviceGroups(new SqliteDeviceGroupStore(database, application), members, hub.Time);
        var jobs = new SqliteGroupJobStore(database, application);
        var work = new GroupJobWork(devices, templates.DeviceModels, templates.Properties, templates.Commands, hub.Throttles, hub.Time);
        _runner = new GroupJobRunner(jobs, Groups, work, hub.Time, loggers.CreateLogger<GroupJobRunner>());
        Relationships = new DeviceRelationships(new SqliteRelationshipStore(database, application), devices, templates.DeviceModels);
        _hub = hub;
        _commands = new SqliteCommandStore(database, hub.Name);
        Jobs = new GroupJobs(jobs, Groups, templates.Templates, hub.Time) { Changed = _runner.Wake };
    }

    public DeviceGroups Groups { get; }

    public GroupJobs Jobs { get; }

    /// <summary>Which device belongs to which.</summary>
    public DeviceRelationships Relationships { get; }

    /// <summary>Maps all calls.</summary>
    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapDeviceGroups(_operators, Groups);
        routes.MapGroupJobs(_operators, Jobs);
        routes.MapRelationships(_operators, Relationships);
        routes.MapModules(_operators, new DeviceModules(_hub.Registry, _hub.Twins, _hub.Methods, _commands, _hub.Time), _hub.Live);
        routes.MapSystem(_operators, _hub.Registry, _hub.Twins, _hub.Live, _hub.CloudToDevice);
    }

    /// <summary>Runs jobs until stopped.</summary>
    public Task RunAsync(CancellationToken stop) => _runner.RunAsync(stop);

    /// <inheritdoc/>
    public void Dispose() => _runner.Dispose();
}
