using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using Homeport.Contract.Access;
using Homeport.Contract.Errors;
using Homeport.Gateway.Http.Provisioning;
using Homeport.Gateway.Provisioning;
using Homeport.Hub.Access;
using Homeport.Hub.Live;
using Homeport.Hub.Registry;
using Homeport.Hub.Twins;
using Homeport.Provisioning.Allocation;
using Homeport.Provisioning.Attestation;
using Homeport.Provisioning.Attestation.Tpm;
using Homeport.Provisioning.Certificates;
using Homeport.Provisioning.Enrollments;
using Homeport.Provisioning.Registrations;
using Homeport.Storage;
using Homeport.Storage.Sqlite;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Homeport.Tests.Provisioning;

/// <summary>The endpoints on Kestrel at a free port over SQLite. Its policy has the key of the recorded clients.</summary>
internal sealed class TestServer : IAsyncDisposable
{
    public const string IdScope = TestApplication.IdScope;
    public const string HubHost = "localhost";
    public static readonly byte[] RecordedKey = Encoding.ASCII.GetBytes("probe-key-probe-key-probe-key-32");

    private readonly string _folder = Directory.CreateTempSubdirectory("homeport-provisioning-").FullName;
    private readonly LogWatcher _log = new();
    private SqliteDatabase _database = null!;
    private SecretSeal _seal = null!;
    private WebApplication _app = null!;

    public ManualTime Time { get; } = new();

    public Explanations Explanations { get; private set; } = null!;

    public IdentityRegistry Hub { get; private set; } = null!;

    public HttpClient Http { get; private set; } = null!;

    public static async Task<TestServer> StartAsync()
    {
        var server = new TestServer();
        await server.OpenAsync();
        return server;
    }

    /// <summary>Stops, and starts again on the same files.</summary>
    public async Task RestartAsync()
    {
        await CloseAsync();
        await OpenAsync();
    }

    public string ServiceToken(string policy = "provisioningserviceowner") => SharedAccessSignature.Create("localhost", RecordedKey, Time.Now.AddHours(1), policy);

    public string DeviceToken(string registrationId, byte[] key) => SharedAccessSignature.Create($"{IdScope}/registrations/{registrationId}", key, Time.Now.AddHours(1), "registration");

    /// <summary>Sends a call. Gives status, headers and JSON body.</summary>
    public async Task<Answer> SendAsync(string method, string path, string? body = null, string? token = null, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path.Contains('?', StringComparison.Ordinal) ? path : path + "?api-version=2021-10-01");
        if (body is not null)
            request.Content = new StringContent(body, Encoding.UTF8, "application/json");
        if (token is not null)
            request.Headers.TryAddWithoutValidation("Authorization", token);
        foreach (var (name, value) in headers)
        {
            if (!request.Headers.TryAddWithoutValidation(name, value))
                request.Content!.Headers.TryAddWithoutValidation(name, value).ShouldBeTrue();
        }
        using var response = await Http.SendAsync(request);
        var text = await response.Content.ReadAsStringAsync();
        return new Answer((int)response.StatusCode, response.Headers.Concat(response.Content.Headers)
            .ToDictionary(h => h.Key, h => string.Join(',', h.Value), StringComparer.OrdinalIgnoreCase), text);
    }

    /// <summary>A call of a service client.</summary>
    public Task<Answer> ServiceAsync(string method, string path, string? body = null, params (string Name, string Value)[] headers) => SendAsync(method, path, body, ServiceToken(), headers);

    /// <summary>Sends the very bytes that a client sent, over a connection of its own.</summary>
    public async Task<Answer> ReplayAsync(JsonNode recorded, string? url = null, string? body = null)
    {
        using var tcp = new TcpClient();
        await tcp.ConnectAsync(IPAddress.Loopback, Http.BaseAddress!.Port);
        await using var stream = tcp.GetStream();
        body ??= recorded["body"]!.GetValue<string>();
        var text = new StringBuilder($"{recorded["method"]} {url ?? recorded["url"]!.GetValue<string>()} HTTP/1.1\r\n");
        foreach (var header in recorded["headers"]!.AsArray())
        {
            var (name, value) = (header![0]!.GetValue<string>(), header[1]!.GetValue<string>());
            if (name.Equals("Connection", StringComparison.OrdinalIgnoreCase))
                continue;
            text.Append($"{name}: {(name.Equals("Content-Length", StringComparison.OrdinalIgnoreCase) ? Encoding.UTF8.GetByteCount(body) : value)}\r\n");
        }
        text.Append("Connection: close\r\n\r\n").Append(body);
        await stream.WriteAsync(Encoding.UTF8.GetBytes(text.ToString()));
        using var reader = new StreamReader(stream, Encoding.UTF8);
        return Answer.Parse(await reader.ReadToEndAsync());
    }

    public async ValueTask DisposeAsync()
    {
        await CloseAsync();
        Directory.Delete(_folder, recursive: true);
        _log.Errors.ShouldBeEmpty();
    }

    private async Task OpenAsync()
    {
        _database = SqliteDatabase.Open(Path.Combine(_folder, "homeport.db"));
        _seal = SecretSeal.Open(Path.Combine(_folder, "seal.key"));
        Explanations = new Explanations(Time, NullLogger<Explanations>.Instance);
        Hub = new IdentityRegistry(new SqliteIdentityStore(_database, _seal, "hub1"), new LiveConnections(), Time);
        var allocator = new HubAllocator([new LinkedHub(HubHost, new OwnHub(Hub, new DeviceTwins(new SqliteTwinStore(_database, "hub1"), Hub, new LiveConnections(), Time)))]);
        var endorsements = new SqliteEndorsementStore(_database, "default");
        var enrollments = new EnrollmentService(new SqliteEnrollmentStore(_database, _seal, "default"), endorsements, allocator, Time);
        var authorities = new ProvisioningAuthorities(new SqliteCertificateStore(_database, "provisioning"), new SqliteRevocationStore(_database, "default"), Time);
        var attestation = new DeviceAttestation(enrollments, authorities, new ChallengeKeys(Time), Time);
        var registrations = new RegistrationService(attestation, new SqliteRegistrationStore(_database, "default"), allocator, Time);
        var policies = new[]
        {
            new SharedAccessPolicy("provisioningserviceowner", Rights.EnrollmentWrite | Rights.RegistrationStatusWrite | Rights.ServiceConfig, RecordedKey, RecordedKey),
            new SharedAccessPolicy("reader", Rights.EnrollmentRead | Rights.RegistrationStatusRead, RecordedKey, RecordedKey),
        }.ToDictionary(p => p.Name);
        var authorizer = new ServiceAuthorizer(policies, new TokenRules(new HashSet<string> { "localhost", "127.0.0.1" }, Time), ProvisioningErrors.Unauthorized, ProvisioningErrors.Forbidden);

        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders().AddProvider(_log);
        builder.WebHost.UseKestrel(k => k.Listen(IPAddress.Loopback, 0));
        _app = builder.Build();
        var devices = new RegistrationDoor(IdScope, registrations, new RegistrationLimits(Time), Explanations, Time, _app.Services.GetRequiredService<ILogger<RegistrationDoor>>());
        var api = new ProvisioningApi(devices, enrollments, registrations, authorizer, Explanations, Time, _app.Services.GetRequiredService<ILogger<ProvisioningApi>>());
        _app.MapProvisioningDevices(api);
        _app.MapProvisioningService(api);
        _app.MapProvisioningCertificates(api, authorities);
        _app.MapEndorsementKeys(api, new EndorsementLists(enrollments, endorsements, authorities, Time));
        await _app.StartAsync();
        var address = _app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();
        Http = new HttpClient { BaseAddress = new Uri(address) };
    }

    private async Task CloseAsync()
    {
        Http.Dispose();
        await _app.DisposeAsync();
        _database.Dispose();
        _seal.Dispose();
    }

    /// <summary>Remembers what the server logged as an error: no test expects one.</summary>
    private sealed class LogWatcher : ILoggerProvider, ILogger
    {
        private readonly Lock _lock = new();
        private readonly List<string> _errors = [];

        public IReadOnlyList<string> Errors
        {
            get
            {
                lock (_lock)
                    return [.. _errors];
            }
        }

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull
            => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Error;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (!IsEnabled(logLevel))
                return;
            lock (_lock)
                _errors.Add($"{formatter(state, exception)} {exception}");
        }

        public void Dispose()
        {
        }
    }
}

/// <summary>An HTTP answer.</summary>
internal sealed record Answer(int Status, IReadOnlyDictionary<string, string> Headers, string Text)
{
    public JsonNode Json => JsonNode.Parse(Text).ShouldNotBeNull();

    /// <summary>A member of the body by its path, or null.</summary>
    public JsonNode? this[params string[] path] => path.Aggregate((JsonNode?)Json, (node, name) => node?[name]);

    public static Answer Parse(string text)
    {
        var end = text.IndexOf("\r\n\r\n", StringComparison.Ordinal);
        var lines = text[..end].Split("\r\n");
        var headers = lines.Skip(1).Select(l => l.Split(": ", 2)).ToDictionary(p => p[0], p => p[1], StringComparer.OrdinalIgnoreCase);
        return new Answer(int.Parse(lines[0].Split(' ')[1]), headers, text[(end + 4)..]);
    }

    public Answer Expect(int status)
    {
        Status.ShouldBe(status, Text);
        return this;
    }
}
