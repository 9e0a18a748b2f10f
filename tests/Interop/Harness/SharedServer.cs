[assembly: CollectionBehavior(DisableTestParallelization = true)]

namespace Homeport.Tests.Interop.Harness;

/// <summary>One server on the ports that the SDKs have compiled in, shared by all tests with real clients.</summary>
public sealed class SharedServer : IAsyncLifetime
{
    public const int HttpsPort = 443;
    public const int MqttPort = 8883;
    public const int AmqpPort = 5671;
    public const int CrlPort = 8080;
    private readonly TempFolder _folder = new();
    private ServerProcess? _server;

    public ServerProcess Server => _server ?? throw new InvalidOperationException("the server did not start");

    public NodeClient Node => new(Server.Ready.CaFile);

    public async ValueTask InitializeAsync() =>
        _server = await ServerProcess.StartAsync(new ServerSettings(_folder.Path, HttpsPort, MqttPort, CrlPort, AmqpPort));

    /// <summary>An id that no other test uses.</summary>
    public static string NewId(string purpose) => $"{purpose}-{Guid.NewGuid():N}"[..Math.Min(purpose.Length + 9, 40)];

    public async ValueTask DisposeAsync()
    {
        if (_server is not null)
            await _server.DisposeAsync();
        _folder.Dispose();
    }
}

/// <summary>Tests with clients that know fixed ports only.</summary>
[CollectionDefinition(Name)]
public sealed class SharedServerTests : ICollectionFixture<SharedServer>
{
    public const string Name = "one server on the fixed ports";
}
