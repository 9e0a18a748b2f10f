using Homeport.Gateway.Http;
using Homeport.Hub.Configurations;
using Homeport.Hub.Jobs;
using Homeport.Hub.Limits;
using Homeport.Hub.Query;
using Homeport.Hub.Registry;
using Homeport.Provisioning.Bulk;
using Homeport.Storage.Sqlite;

namespace Homeport.Server;

/// <summary>Puts together what works with many devices at once: queries, admission, jobs and configurations.</summary>
internal sealed class FleetParts : IDisposable
{
    private readonly JobScheduler _scheduler;

    public FleetParts(HubApi hub, ProvisioningParts provisioning, SqliteDatabase database, ILoggerFactory loggers)
    {
        var rows = new SqliteQuerySource(database, hub.Live, hub.Name);
        Queries = new QueryRunner(rows);
        Admission = new DeviceAdmission(hub.Registry, rows);
        Import = new DeviceImport(hub.Registry, hub.Twins, provisioning.Lifecycle, provisioning.Api.Enrollments, provisioning.Connection);
        Export = new DeviceExport(provisioning.Lifecycle, hub.Registry, hub.Twins, provisioning.Connection, provisioning.Endpoint);

        var jobs = new SqliteJobStore(database, hub.Name);
        var settings = new JobSettings { Concurrent = hub.Throttles?.Profile.ConcurrentJobs ?? ThrottleProfile.Machine().ConcurrentJobs };
        Jobs = new ScheduledJobs(jobs, hub.Time, settings);
        _scheduler = new JobScheduler(jobs, rows, new DeviceWork(hub.Twins, hub.Methods, hub.Time, hub.Throttles), hub.Time, settings, loggers.CreateLogger<JobScheduler>());
        Jobs.Changed = _scheduler.Wake;

        var configurations = new SqliteConfigurationStore(database, hub.Name);
        Configurations = new DeviceConfigurations(configurations, rows, hub.Twins, hub.Registry, hub.Time);
        var applier = new ConfigurationApplier(configurations, rows, hub.Twins, new ModuleContent(hub.Registry, hub.Twins), hub.Time, loggers.CreateLogger<ConfigurationApplier>());
        Configurations.Changed = applier.NoteAll;
        ConnectionChanged = applier.Note;
        hub.Twins.Changed = applier.Note;
        hub.Registry.Written = applier.Note;
        Background = [_scheduler.RunAsync, applier.RunAsync];
    }

    /// <summary>What runs until the server stops.</summary>
    public IReadOnlyList<Func<CancellationToken, Task>> Background { get; }

    /// <summary>Takes the ids of devices that came or went: conditions may ask for the connection.</summary>
    public Action<string> ConnectionChanged { get; }

    public QueryRunner Queries { get; }

    public DeviceAdmission Admission { get; }

    public DeviceImport Import { get; }

    public DeviceExport Export { get; }

    public ScheduledJobs Jobs { get; }

    public DeviceConfigurations Configurations { get; }

    /// <summary>Maps all calls.</summary>
    public void Map(IEndpointRouteBuilder routes, HubApi hub)
    {
        routes.MapQuery(hub, Queries);
        routes.MapAdmission(hub, Admission);
        routes.MapJobs(hub, Jobs);
        routes.MapConfigurations(hub, Configurations);
        routes.MapDigitalTwins(hub);
    }

    /// <inheritdoc/>
    public void Dispose() => _scheduler.Dispose();
}
