namespace Homeport.Tests.Benchmarks.Targets;

/// <summary>Which servers a run compares and how each is started.</summary>
internal sealed class TargetSet : IDisposable
{
    public const string Homeport = "homeport";
    public const string Mosquitto = "mosquitto";
    public const string Bare = "bare";
    public const string RabbitMq = "rabbitmq";
    private readonly TargetOptions _options;
    private readonly TestCertificate _certificate;
    private readonly DirectoryInfo _directory;
    private readonly string? _serverDll;

    private TargetSet(TargetOptions options, TestCertificate certificate, DirectoryInfo directory, string? serverDll) =>
        (_options, _certificate, _directory, _serverDll) = (options, certificate, directory, serverDll);

    public IEnumerable<string> Names
    {
        get
        {
            if (_serverDll is not null || _options.ReadyFile is not null)
                yield return Homeport;
            if (_options.Mosquitto.Length > 0)
                yield return Mosquitto;
            yield return Bare;
        }
    }

    public static async Task<TargetSet> CreateAsync(TargetOptions options, CancellationToken cancellationToken)
    {
        var directory = Directory.CreateTempSubdirectory("homeport-bench-");
        var serverDll = options.ServerDll ?? (options.StartHomeport ? await HomeportServer.BuildAsync(cancellationToken) : null);
        return new TargetSet(options, await TestCertificate.CreateAsync(directory.FullName, options.KeyKind, cancellationToken), directory, serverDll);
    }

    public Task<RunningServer> StartAsync(string name, int devices, CancellationToken cancellationToken) => name switch
    {
        Mosquitto => ReferenceServers.StartMosquittoAsync(_certificate, _options.Mosquitto, _directory.FullName, devices, cancellationToken),
        Bare => ReferenceServers.StartBareAsync(_certificate, _options.BareTuning, devices, cancellationToken),
        Homeport when _serverDll is not null => HomeportServer.StartAsync(_serverDll, devices, cancellationToken),
        Homeport when _options.ReadyFile is not null => HomeportServer.AttachAsync(_options.ReadyFile, devices, cancellationToken),
        _ => throw new ArgumentOutOfRangeException(nameof(name), name, "No such target."),
    };

    public Task<RunningServer> StartRabbitMqAsync(string executable, int senders, CancellationToken cancellationToken)
        => RabbitMqServer.StartAsync(_certificate, executable, senders, cancellationToken);

    public void Dispose() => _directory.Delete(recursive: true);
}

/// <summary>The options that all verbs share. An empty <paramref name="Mosquitto"/> leaves mosquitto out.</summary>
internal sealed record TargetOptions(
    string? ReadyFile, bool StartHomeport, string? ServerDll, string Mosquitto, string KeyKind, IReadOnlyList<string> BareTuning);
