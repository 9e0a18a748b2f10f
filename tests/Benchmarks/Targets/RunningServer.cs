using System.Security.Cryptography.X509Certificates;
using Homeport.Tests.Benchmarks.Load;

namespace Homeport.Tests.Benchmarks.Targets;

/// <summary>A server that is ready to be measured, with the devices that may connect to it.</summary>
internal sealed class RunningServer(ServerAddress address, IReadOnlyList<DeviceLogin> logins, Func<ValueTask> stop) : IAsyncDisposable
{
    public ServerAddress Address => address;

    public IReadOnlyList<DeviceLogin> Logins => logins;

    public Task<TlsEndpoint> ProbeAsync(CancellationToken cancellationToken) =>
        TlsEndpoint.ProbeAsync(address.Host, address.MqttPort, address.Trusted, cancellationToken);

    public ValueTask DisposeAsync() => stop();
}

/// <summary>Where a server listens, which process it is and which certificate it is trusted by.</summary>
internal sealed record ServerAddress(int ProcessId, string Host, int MqttPort, X509Certificate2 Trusted);
