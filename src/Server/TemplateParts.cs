using Homeport.Gateway.Http;
using Homeport.Gateway.Http.Operators;
using Homeport.Gateway.Http.Operators.Templates;
using Homeport.Hub.Telemetry;
using Homeport.Server.Options;
using Homeport.Storage.Files;
using Homeport.Storage.Sqlite;
using Homeport.Templates;
using Homeport.Templates.Devices;

namespace Homeport.Server;

/// <summary>Puts together what concerns device templates: the templates, the models that devices name, and what is made of them.</summary>
internal sealed class TemplateParts
{
    public TemplateParts(HubApi hub, OperatorApi operators, MessageHistory history, ServerOptions options, Installation installation, ProvisioningParts provisioning, ILoggerFactory loggers)
    {
        const string application = Installation.ApplicationName;
        var store = new SqliteTemplateStore(installation.Database, application, hub.Name);
        var repository = new ModelRepository(new SqliteModelStore(installation.Database, application), options.ModelFolder is { } folder ? [new ModelFolder(folder)] : []);
        var reader = new TemplateReader(repository);
        var templates = new TemplateService(store, reader, repository, hub.Time);
        var models = new DeviceModels(store, reader);
        Api = new TemplateApi
        {
            Operators = operators,
            Registry = hub.Registry,
            Templates = templates,
            Association = new TemplateAssociation(store, templates, hub.Time, loggers.CreateLogger<TemplateAssociation>()),
            Migration = new TemplateMigration(store, templates, hub.Twins, hub.Time),
            Models = repository,
            DeviceModels = models,
            Properties = new DeviceProperties(models, hub.Twins),
            Commands = new DeviceCommands(models, hub.Methods, hub.CloudToDevice, new SqliteCommandStore(installation.Database, hub.Name), hub.Time),
            Telemetry = new DeviceTelemetry(models, hub.Registry, history, hub.Time),
        };
        Store = store;
        hub.Twins.ModelAnnounced = Api.Association.NoteModelAsync;
        provisioning.Registrations.ModelAnnounced = Api.Association.NoteModelAsync;
        provisioning.Lifecycle.CheckTemplate = async (id, token) => (await templates.GetPublishedAsync(id, token)).Refusal;
    }

    public TemplateApi Api { get; }

    public ITemplateStore Store { get; }

    /// <summary>Maps all calls.</summary>
    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapTemplates(Api);
        routes.MapDeviceData(Api);
    }
}
