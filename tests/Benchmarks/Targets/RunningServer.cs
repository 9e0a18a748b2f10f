using System.Security.Cryptography.X509Certificates;
using Homeport.Tests.Benchmarks.Load;

namespace Homeport.Tests.Benchmarks.Targets;

/// <summary>A server that is ready to be measured, with the devices that may connect to it.</summary>
internal sealed class RunningServer(ServerAddress address, IReadOnlyList<DeviceLogin> logins, Func<ValueTask> stop, ReadyFile? ready = null) : IAsyncDisposable
{
    public ServerAddress Address => address;

    public IReadOnlyList<DeviceLogin> Logins => logins;

    public Task<TlsEndpoint> ProbeAsync(CancellationToken cancellationToken) =>
        TlsEndpoint.ProbeAsync(address.Host, address.Port, address.Trusted, cancellationToken);

    /// <summary>The door of AMQP, which is the only one of a server that is not Homeport.</summary>
    public Task<TlsEndpoint> ProbeAmqpAsync(CancellationToken cancellationToken) =>
        TlsEndpoint.ProbeAsync(address.Host, ready?.AmqpPort ?? address.Port, address.Trusted, cancellationToken);

    /// <summary>The door of the REST API. Only Homeport has one.</summary>
    public Task<TlsEndpoint> ProbeHttpsAsync(CancellationToken cancellationToken) =>
        TlsEndpoint.ProbeAsync(address.Host, Ready.HttpsPort, address.Trusted, cancellationToken);

    /// <summary>Requests with the right to do everything.</summary>
    public HttpRequests Requests() => new(Ready.Host, HomeportRegistry.ServiceToken(Ready.ServiceConnectionString));

    public ReadyFile Ready => ready ?? throw new InvalidOperationException("This server has no REST API.");

    public ValueTask DisposeAsync() => stop();
}

/// <summary>Where a server listens, which process it is and which certificate it is trusted by.</summary>
internal sealed record ServerAddress(int ProcessId, string Host, int Port, X509Certificate2 Trusted);
