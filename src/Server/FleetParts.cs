using Homeport.Gateway.Http;
using Homeport.Gateway.Http.Operators;
using Homeport.Hub.Configurations;
using Homeport.Hub.Jobs;
using Homeport.Hub.Limits;
using Homeport.Hub.Query;
using Homeport.Hub.Registry;
using Homeport.People.Access;
using Homeport.Provisioning.Bulk;
using Homeport.Provisioning.Bulk.Jobs;
using Homeport.Server.Options;
using Homeport.Storage.Files;
using Homeport.Storage.Sqlite;

namespace Homeport.Server;

/// <summary>Puts together what works with many devices at once: queries, admission, jobs and configurations.</summary>
internal sealed class FleetParts : IDisposable
{
    private readonly JobScheduler _scheduler;
    private readonly ImportJobRunner _imports;

    public FleetParts(HubApi hub, ProvisioningParts provisioning, PeopleParts people, (Installation Installation, ServerOptions Options) server, ILoggerFactory loggers)
    {
        var database = server.Installation.Database;
        var rows = new SqliteQuerySource(database, hub.Live, hub.Name);
        Queries = new QueryRunner(rows);
        Admission = new DeviceAdmission(hub.Registry, rows);
        Import = new DeviceImport(hub.Registry, hub.Twins, provisioning.Lifecycle, provisioning.Api.Enrollments, provisioning.Connection);
        Export = new DeviceExport(provisioning.Lifecycle, hub.Registry, hub.Twins, provisioning.Connection, provisioning.Endpoint);
        _imports = Imports(people, server.Installation, server.Options, hub.Time, loggers);

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
        Background = [_scheduler.RunAsync, applier.RunAsync, _imports.RunAsync];
    }

    /// <summary>What runs until the server stops.</summary>
    public IReadOnlyList<Func<CancellationToken, Task>> Background { get; }

    /// <summary>Takes the ids of devices that came or went: conditions may ask for the connection.</summary>
    public Action<string> ConnectionChanged { get; }

    public QueryRunner Queries { get; }

    public DeviceAdmission Admission { get; }

    public DeviceImport Import { get; }

    /// <summary>Imports that go on by themselves.</summary>
    public ImportJobs ImportJobs { get; private set; } = null!;

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
    public void Dispose()
    {
        _scheduler.Dispose();
        _imports.Dispose();
    }

    private ImportJobRunner Imports(PeopleParts people, Installation installation, ServerOptions options, TimeProvider time, ILoggerFactory loggers)
    {
        var store = new SqliteImportJobStore(installation.Database, installation.Seal, Installation.ApplicationName);
        var files = new SealedImportFiles(Path.Combine(options.DataDirectory, "imports"), installation.Seal);
        ImportJobs = new ImportJobs(store, files, Import, options.Imports, time);
        var runner = new ImportJobRunner(ImportJobs, store, files, Import, time, loggers.CreateLogger<ImportJobRunner>())
        {
            CheckOrganization = people.Organizations.CheckAsync,
            Ending = (job, token) => people.Audit.AppendAsync(Actor.Server, ImportAudit.EndOf(job), token),
        };
        ImportJobs.Changed = runner.Wake;
        return runner;
    }
}
