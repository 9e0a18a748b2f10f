using System.Text;
using System.Text.Json.Nodes;
using Homeport.Contract.Access;
using Homeport.Contract.Rest;
using Homeport.Operations.Groups;
using Homeport.Operations.Jobs;
using Homeport.Operations.Modules;
using Homeport.Operations.Relationships;
using Homeport.Gateway.Http.Operators;
using Homeport.Gateway.Http.Operators.Groups;
using Homeport.Gateway.Http.Operators.Issuer;
using Homeport.Gateway.Http.Operators.Templates;
using Homeport.Hub.Access;
using Homeport.Hub.CloudToDevice;
using Homeport.Hub.Live;
using Homeport.Hub.Methods;
using Homeport.Hub.Registry;
using Homeport.Hub.Telemetry;
using Homeport.Hub.Twins;
using Homeport.Log;
using Homeport.People.Access;
using Homeport.People.Accounts;
using Homeport.People.Audit;
using Homeport.People.Issuer;
using Homeport.People.Organizations;
using Homeport.People.Sessions;
using Homeport.People.Tokens;
using Homeport.Provisioning.Allocation;
using Homeport.Provisioning.Attestation;
using Homeport.Provisioning.Attestation.Tpm;
using Homeport.Provisioning.Bulk;
using Homeport.Provisioning.Bulk.Jobs;
using Homeport.Provisioning.Certificates;
using Homeport.Provisioning.Enrollments;
using Homeport.Provisioning.Lifecycle;
using Homeport.Provisioning.Registrations;
using Homeport.Routing;
using Homeport.Routing.Sinks.Webhooks;
using Homeport.Storage;
using Homeport.Storage.Files;
using Homeport.Storage.Sqlite;
using Homeport.Templates;
using Homeport.Templates.Devices;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Homeport.Tests.People;

/// <summary>Accounts, sessions, tokens and the audit log over SQLite, and the operators' API on Kestrel at a free port.</summary>
public sealed class PeopleFixture : IAsyncLifetime
{
    public const string IdScope = "0ne000A1B2C";

    /// <summary>The group of <see cref="KnockAsync"/>.</summary>
    public const string Group = "knocking";

    /// <summary>TPM2B_PUBLIC of a software TPM.</summary>
    public const string EndorsementKey =
        "AToAAQALAAMAsgAgg3GXZ0SEs/gakMyNRqXXJP1S124GUgtk8qHaGzMUaaoABgCAAEMAEAgAAAAAAAEAr+F0eKD9yMm5TP6qmdn4SNmyOfAVKUoARHdSIJXy4FG+OVR8bsX/p1ta1nvnRiz/Nn+JLc996VD3AS6y" +
        "JrISbViUx+HiDhExho9hkEaIkos5ZgxyYDs9DEjk3/+GuafXdF7F71jH3UJax9pL7S84kFsE5lqwAB7DlicyLkWA3HXHriZxWIOfediAPYqxEomcx16H2x8jqt4ZHLBD5VYGvRmi3ozrCp8OdP4uf0ApbU8svgvW" +
        "Bs2daSCk6QtHYwSNqLPHYE7FWm1kW/aNfwW9+RU66w+5kOcJq52n/uJHOi+fZY3GZ5UijpH2A/Ji4M6IuRU1TggB/PNRV1jX0V3Huw==";

    private static readonly byte[] ChainKey = Encoding.ASCII.GetBytes("the key of the chain, 32 bytes..");
    private readonly string _folder = Directory.CreateTempSubdirectory("homeport-people-").FullName;
    private readonly Passwords _passwords = new(iterations: 1000);
    private SecretSeal _seal = null!;
    private WebApplication _app = null!;
    private HttpClient _http = null!;
    private SqliteRecordStore _records = null!;
    private HttpClient _issuerHttp = null!;
    private IssuerDocument _document = null!;

    internal FakeTimeProvider Time { get; } = new();

    internal SecretSeal Seal => _seal;

    public SqliteDatabase Database { get; private set; } = null!;

    public AuditLog Audit { get; private set; } = null!;

    public SessionService Sessions { get; private set; } = null!;

    public AccountService Accounts { get; private set; } = null!;

    public SignInService SignIn { get; private set; } = null!;

    public IssuerSignIn IssuerSignIn { get; private set; } = null!;

    internal TestIssuer Issuer { get; } = new();

    public OrganizationService Organizations { get; private set; } = null!;

    public ApiTokenService Tokens { get; private set; } = null!;

    public IdentityRegistry Registry { get; private set; } = null!;

    public DeviceTwins Twins { get; private set; } = null!;

    public DeviceImport Import { get; private set; } = null!;

    public DeviceExport Export { get; private set; } = null!;

    public ImportJobs ImportJobs { get; private set; } = null!;

    /// <summary>Runs imports while a test lets it.</summary>
    public ImportJobRunner ImportRunner { get; private set; } = null!;

    public IImportJobStore ImportStore { get; private set; } = null!;

    /// <summary>Where the files of imports are.</summary>
    internal string ImportFolder => Path.Combine(_folder, "imports");

    internal HubLog Log { get; private set; } = null!;

    internal TemplateApi Templates { get; private set; } = null!;

    internal CloudToDeviceMessages Messages { get; private set; } = null!;

    internal DirectMethods Methods { get; private set; } = null!;

    public RoutingService Routing { get; private set; } = null!;

    internal LiveConnections Live { get; } = new();

    /// <summary>A folder of models in the layout of the public repository.</summary>
    internal string Models => Path.Combine(_folder, "models");

    public DeviceGroups Groups { get; private set; } = null!;

    public GroupJobs Jobs { get; private set; } = null!;

    /// <summary>Runs jobs while a test lets it.</summary>
    public GroupJobRunner Runner { get; private set; } = null!;

    public DeviceLifecycle Lifecycle { get; private set; } = null!;

    public DeviceApproval Approval { get; private set; } = null!;

    public EnrollmentService Enrollments { get; private set; } = null!;

    public RegistrationService Registrations { get; private set; } = null!;

    /// <summary>The endpoints of the API as they are mapped.</summary>
    public IReadOnlyList<RouteEndpoint> Endpoints => [.. _app.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()];

    public async ValueTask InitializeAsync()
    {
        Database = SqliteDatabase.Open(Path.Combine(_folder, "homeport.db"));
        _seal = SecretSeal.Open(Path.Combine(_folder, "seal.key"));
        var accounts = new SqliteAccountStore(Database, _seal);
        Audit = new AuditLog(new SqliteAuditStore(Database), ChainKey, Time);
        Sessions = new SessionService(new SqliteSessionStore(Database), Time);
        Accounts = new AccountService(accounts, _passwords, Sessions, Time);
        SignIn = new SignInService(accounts, _passwords, Sessions, Audit, Time);
        Organizations = new OrganizationService(new SqliteOrganizationStore(Database, "default"));
        IssuerSignIn = new IssuerSignIn(accounts, _passwords, Sessions, Audit, Time);
        foreach (var id in new[] { "north", "south" })
            (await Organizations.PutAsync(new Organization(id, id, null), null, default)).Refusal.ShouldBeNull();
        _issuerHttp = new HttpClient(Issuer);
        _document = new IssuerDocument(TestIssuer.Settings, _issuerHttp, Time);
        Tokens = new ApiTokenService(new SqliteApiTokenStore(Database), "default", Time);
        var live = Live;
        Registry = new IdentityRegistry(new SqliteIdentityStore(Database, _seal, "hub1"), live, Time);
        Twins = new DeviceTwins(new SqliteTwinStore(Database, "hub1"), Registry, live, Time);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        _app = builder.Build();
        var api = new OperatorApi
        {
            Accounts = Accounts,
            Sessions = Sessions,
            Organizations = Organizations,
            Tokens = Tokens,
            Bearer = new BearerTokens(TestIssuer.Settings, _document, IssuerSignIn, NullLogger<BearerTokens>.Instance),
            Audit = Audit,
            Explanations = new Explanations(Time, NullLogger<Explanations>.Instance),
            Time = Time,
        };
        _app.MapPeople(api);
        _app.MapOrganizations(api);
        _app.MapAudit(api);
        Templates = OpenTemplates(api);
        _app.MapTemplates(Templates);
        _app.MapDeviceData(Templates);
        MapDevices(api, live);
        _app.MapRoutes(api, OpenRouting());
        _app.MapOpenApi(api);
        await _app.StartAsync();
        _http = new HttpClient { BaseAddress = new Uri(_app.Urls.First()) };
    }

    private TemplateApi OpenTemplates(OperatorApi api)
    {
        Directory.CreateDirectory(Models);
        _records = SqliteRecordStore.Open(Path.Combine(_folder, "messages.db"), 2);
        Log = new HubLog(_records, new RetentionLimits(TimeSpan.FromDays(1), null), Time, NullLogger<HubLog>.Instance);
        var store = new SqliteTemplateStore(Database, "default", "hub1");
        var repository = new ModelRepository(new SqliteModelStore(Database, "default"), [new ModelFolder(Models)]);
        var reader = new TemplateReader(repository);
        var templates = new TemplateService(store, reader, repository, Time);
        var models = new DeviceModels(store, reader);
        Methods = new DirectMethods(Live, Registry, Time);
        Messages = new CloudToDeviceMessages(new SqliteCloudToDeviceStore(Database, "hub1"), Live, new CloudToDeviceSettings(), Time);
        return new TemplateApi
        {
            Operators = api,
            Registry = Registry,
            Templates = templates,
            Association = new TemplateAssociation(store, templates, Time, NullLogger<TemplateAssociation>.Instance),
            Migration = new TemplateMigration(store, templates, Twins, Time),
            Models = repository,
            DeviceModels = models,
            Properties = new DeviceProperties(models, Twins),
            Commands = new DeviceCommands(models, Methods, Messages, new SqliteCommandStore(Database, "hub1"), Time),
            Telemetry = new DeviceTelemetry(models, Registry, new MessageHistory(Log), Time),
        };
    }

    private RoutingService OpenRouting() => Routing = new RoutingService(
        "hub1", new SqliteRoutingStore(Database, _seal, "hub1"), Log, new SqliteTwinStore(Database, "hub1"), [new WebhookSinks("hub1", Time)], Time, NullLoggerFactory.Instance);

    private void MapDevices(OperatorApi api, LiveConnections live)
    {
        var own = new OwnHub(Registry, new DeviceTwins(new SqliteTwinStore(Database, "hub1"), Registry, live, Time));
        var allocator = new HubAllocator([new LinkedHub("hub1.test", own)]);
        Enrollments = new EnrollmentService(new SqliteEnrollmentStore(Database, _seal, "default"), new SqliteEndorsementStore(Database, "default"), allocator, Time);
        var authorities = new ProvisioningAuthorities(new SqliteCertificateStore(Database, "provisioning of default"), new SqliteRevocationStore(Database, "default"), Time);
        var devices = new SqliteDeviceStore(Database, "default");
        Approval = new DeviceApproval(devices, Time);
        Registrations = new RegistrationService(new DeviceAttestation(Enrollments, authorities, new ChallengeKeys(Time), Time), new SqliteRegistrationStore(Database, "default"), allocator, Time) { Approval = Approval };
        Lifecycle = new DeviceLifecycle(devices, own, allocator, Registrations, Enrollments, Time);
        Lifecycle.CheckOrganization = Organizations.CheckAsync;
        var connection = new ConnectionCredentials(IdScope, Enrollments, authorities);
        Lifecycle.CheckTemplate = async (id, token) => (await Templates.Templates.GetPublishedAsync(id, token)).Refusal;
        Import = new DeviceImport(Registry, Twins, Lifecycle, Enrollments, connection);
        Export = new DeviceExport(Lifecycle, Registry, Twins, connection, "hub1.test");
        _app.MapBulkFiles(api, Import, Export);
        var imports = new SqliteImportJobStore(Database, _seal, "default");
        var files = new SealedImportFiles(ImportFolder, _seal);
        ImportJobs = new ImportJobs(imports, files, Import, new ImportLimits(5000, 1 << 20), Time);
        ImportRunner = new ImportJobRunner(ImportJobs, imports, files, Import, Time, NullLogger<ImportJobRunner>.Instance)
        {
            CheckOrganization = Organizations.CheckAsync,
            Ending = (job, token) => Audit.AppendAsync(Actor.Server, ImportAudit.EndOf(job), token),
        };
        ImportStore = imports;
        _app.MapImportJobs(api, ImportJobs);
        _app.MapDevices(api, Lifecycle);
        _app.MapAttestation(api, Lifecycle, connection, Enrollments);
        GroupEndpoints.Map(_app, api, Enrollments, connection);
        _app.MapConnection(api, IdScope, "hub1.test", Approval);
        Groups = new DeviceGroups(new SqliteDeviceGroupStore(Database, "default"), new DeviceGroupMembers(devices, new SqliteQuerySource(Database, live, "hub1")), Time);
        _app.MapDeviceGroups(api, Groups);
        var jobs = new SqliteGroupJobStore(Database, "default");
        Runner = new GroupJobRunner(jobs, Groups, new GroupJobWork(Lifecycle, Templates.DeviceModels, Templates.Properties, Templates.Commands, null, Time), Time, NullLogger<GroupJobRunner>.Instance);
        Jobs = new GroupJobs(jobs, Groups, Templates.Templates, Time) { Changed = Runner.Wake };
        _app.MapGroupJobs(api, Jobs);
        _app.MapRelationships(api, new DeviceRelationships(new SqliteRelationshipStore(Database, "default"), Lifecycle, Templates.DeviceModels));
        _app.MapModules(api, new DeviceModules(Registry, Twins, Methods, new SqliteCommandStore(Database, "hub1"), Time), live);
        _app.MapSystem(api, Registry, Twins, live, Messages);
    }

    /// <summary>A template that devices may follow, or one that is still a draft.</summary>
    public async Task TemplateAsync(string id, bool published = true)
    {
        var model = id.Replace(";", ":model;", StringComparison.Ordinal);
        var text = $$"""
            {"@id":"{{id}}","@type":["ModelDefinition","DeviceModel"],"@context":["dtmi:iotcentral:context;2","dtmi:dtdl:context;2"],"displayName":"{{id}}",
             "capabilityModel":{"@id":"{{model}}","@type":"Interface","@context":"dtmi:dtdl:context;2","contents":[]} }
            """;
        var there = (await Templates.Templates.GetAsync(id, default)).Value;
        if (there?.IsPublished == published)
            return;
        var saved = published ? await Templates.Templates.PutAsync(id, text, IfMatch.Absent, default) : await Templates.Templates.SaveDraftAsync(id, text, IfMatch.Absent, default);
        saved.Refusal.ShouldBeNull();
    }

    /// <summary>A device with the key derived from a group registers. Gives 0, or the number of the error that it reads.</summary>
    public async Task<int> RegisterAsync(string group, string id)
    {
        var enrollment = (await Enrollments.GetAsync(EnrollmentKind.Group, group, default)).Value.ShouldNotBeNull();
        var call = new RegistrationCall
        {
            IdScope = IdScope,
            RegistrationId = id,
            Authorization = SharedAccessSignature.Create(
                $"{IdScope}/registrations/{id}", DerivedKey.FromGroupKey(enrollment.Attestation.PrimaryKey!, id), Time.GetUtcNow().AddHours(1), "registration"),
            ApiVersion = "2019-03-31",
        };
        var reply = (await Registrations.RegisterAsync(call, default)).Value.ShouldNotBeNull();
        return (await Registrations.PollAsync(call, reply.OperationId!, default)).Value.ShouldNotBeNull().Registration.ErrorCode ?? 0;
    }

    /// <summary>A device of <see cref="Group"/> registers.</summary>
    public async Task<int> KnockAsync(string id)
    {
        var group = new EnrollmentDescription { Attestation = new AttestationDescription { Type = "symmetricKey" } };
        await Enrollments.PutAsync(EnrollmentKind.Group, Group, group, IfMatch.Absent, default);
        return await RegisterAsync(Group, id);
    }

    /// <summary>A token with a role.</summary>
    public async Task<string> TokenAsync(Role role, string? id = null)
        => (await Tokens.CreateAsync(id ?? $"t-{Guid.NewGuid():N}", role, null, Actor.Server, default)).Value!.Text;

    /// <summary>A token whose role counts in an organization.</summary>
    public async Task<string> TokenInAsync(string organization, Role role)
        => (await Tokens.CreateAsync($"t-{Guid.NewGuid():N}", role, organization, null, Actor.Server, default)).Value!.Text;

    /// <summary>Makes an account and signs it in with a password of its own.</summary>
    public async Task<(Account Account, string Password)> PersonAsync(Role role = Role.Operator)
    {
        var made = (await Accounts.CreateAsync($"p-{Guid.NewGuid():N}", $"{Guid.NewGuid():N}@example.com", role, default)).Value!;
        return (made.Account, made.Password!);
    }

    public async Task<(int Status, JsonNode? Body)> SendAsync(string method, string path, string? token, string? body = null)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path.Contains('?', StringComparison.Ordinal) ? path : path + "?api-version=2022-07-31");
        if (token is not null)
            request.Headers.TryAddWithoutValidation("Authorization", token).ShouldBeTrue();
        if (body is not null)
            request.Content = new StringContent(body, Encoding.UTF8, "application/json");
        using var response = await _http.SendAsync(request);
        var text = await response.Content.ReadAsStringAsync();
        return ((int)response.StatusCode, text.StartsWith('{') && response.Content.Headers.ContentType?.MediaType == "application/json" ? JsonNode.Parse(text) : JsonValue.Create(text));
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        Routing.Dispose();
        Runner.Dispose();
        ImportRunner.Dispose();
        await _app.DisposeAsync();
        await Log.DisposeAsync();
        _records.Dispose();
        Database.Dispose();
        _seal.Dispose();
        _passwords.Dispose();
        _document.Dispose();
        _issuerHttp.Dispose();
        Directory.Delete(_folder, recursive: true);
    }
}
