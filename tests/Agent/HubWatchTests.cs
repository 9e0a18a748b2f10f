using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Homeport.Agent.Connection;
using Homeport.Agent.Identity;
using Homeport.Contract.Access;
using Homeport.Device;
using Homeport.Device.Identity;
using Homeport.Tpm;
using Homeport.Tpm.Software;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Homeport.Tests.Agent;

/// <summary>A clock that is wrong by a year, and servers that do not answer as they should.</summary>
public sealed class HubWatchTests : IAsyncLifetime
{
    private readonly string _root = Directory.CreateTempSubdirectory("watch-test-").FullName;
    private readonly byte[] _key = RandomNumberGenerator.GetBytes(32);
    private readonly int _port = RunningAgent.FreePort();
    private readonly SoftwareTpm _software;
    private readonly TpmSource _source;
    private WebApplication _hub = null!;

    public HubWatchTests()
    {
        _software = new SoftwareTpm(new SoftwareTpmOptions(Path.Combine(_root, "tpm")));
        _source = TpmSource.Software(_software);
    }

    public async ValueTask InitializeAsync()
    {
        new TpmDevice(0, _source).Provision(Convert.ToBase64String(_key), "localhost", "pump");
        await StartHubAsync(new DateTimeOffset(2000, 1, 1, 0, 0, 0, TimeSpan.Zero), new DateTimeOffset(2049, 1, 1, 0, 0, 0, TimeSpan.Zero));
    }

    public async ValueTask DisposeAsync()
    {
        await _hub.DisposeAsync();
        _software.Dispose();
        Directory.Delete(_root, recursive: true);
    }

    [Theory]
    [InlineData(-365)]
    [InlineData(0)]
    [InlineData(365)]
    public async Task A_clock_that_is_wrong_by_a_year_is_noticed_and_tokens_are_right_all_the_same(int days)
    {
        var machine = new OffsetTime(TimeSpan.FromDays(days));
        var clock = new HubClock(machine);
        var identity = new AgentIdentity(_source, Path.Combine(_root, "state"), clock);
        var state = await WatchAsync(identity, clock, machine);
        state.State.ShouldBe("connected");
        if (days == 0)
            state.ClockBehindSeconds.ShouldBeNull();
        else
            state.ClockBehindSeconds!.Value.ShouldBe(-days * 86400d, 60);
        var token = (await identity.GetTokenAsync(0, 3600, fresh: false, default)).Value!;
        token.Expiry.ShouldBeInRange(TimeProvider.System.GetUtcNow().ToUnixTimeSeconds() + 3400, TimeProvider.System.GetUtcNow().ToUnixTimeSeconds() + 3660);
    }

    [Fact]
    public async Task A_certificate_that_is_not_valid_by_this_clock_is_a_matter_of_the_clock()
    {
        await _hub.DisposeAsync();
        await StartHubAsync(TimeProvider.System.GetUtcNow().AddDays(-30), TimeProvider.System.GetUtcNow().AddDays(30));
        var machine = new OffsetTime(TimeSpan.FromDays(-365));
        var clock = new HubClock(machine);
        var state = await WatchAsync(new AgentIdentity(_source, Path.Combine(_root, "state"), clock), clock, machine, trusts: false);
        state.State.ShouldBe("clockWrong");
        state.Message!.ShouldContain("timedatectl set-ntp true");
    }

    [Fact]
    public async Task Another_key_than_the_hubs_is_a_refusal_with_its_fix()
    {
        new TpmDevice(0, _source).Provision(Convert.ToBase64String(new byte[32]), "localhost", "pump");
        var clock = new HubClock(TimeProvider.System);
        var state = await WatchAsync(new AgentIdentity(_source, Path.Combine(_root, "state"), clock), clock, TimeProvider.System);
        state.State.ShouldBe("refused");
        state.Message!.ShouldContain("is the key in the TPM its key?");
    }

    [Fact]
    public async Task A_name_that_nobody_knows_is_a_matter_of_the_network()
    {
        new TpmDevice(0, _source).Provision(Convert.ToBase64String(_key), "no-such-name.invalid", "pump");
        var clock = new HubClock(TimeProvider.System);
        var state = await WatchAsync(new AgentIdentity(_source, Path.Combine(_root, "state"), clock), clock, TimeProvider.System);
        state.State.ShouldBe("unreachable");
        state.Message!.ShouldContain("cannot be resolved");
    }

    private async Task<Contract.Rest.AgentConnection> WatchAsync(AgentIdentity identity, HubClock clock, TimeProvider machine, bool trusts = true)
    {
        using var stop = new CancellationTokenSource();
        var trust = trusts ? ServerTrust.FromPemFile(Path.Combine(_root, "ca.pem")) : ServerTrust.System;
        var watch = new HubWatch(identity, new HubCheck(trust, _port, machine), 0, clock, NullLogger<HubWatch>.Instance);
        var running = watch.RunAsync(stop.Token);
        for (var tries = 0; watch.State.Checked is null && tries < 600; tries++)
            await Task.Delay(50);
        await stop.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(running);
        return watch.State;
    }

    /// <summary>A hub that judges tokens by the true time, as a hub does.</summary>
    private async Task StartHubAsync(DateTimeOffset from, DateTimeOffset to)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        request.CertificateExtensions.Add(names.Build());
        using var made = request.CreateSelfSigned(from, to);
        await File.WriteAllTextAsync(Path.Combine(_root, "ca.pem"), made.ExportCertificatePem());
        var certificate = X509CertificateLoader.LoadPkcs12(made.Export(X509ContentType.Pfx), null);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, _port, listen => listen.UseHttps(certificate)));
        _hub = builder.Build();
        _hub.Run(context =>
        {
            var isGood = SharedAccessSignature.TryParse(context.Request.Headers.Authorization, out var token, out _) && token.IsSignedBy(_key)
                && token.Expiry > TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();
            context.Response.StatusCode = isGood ? 404 : 401;
            return Task.CompletedTask;
        });
        await _hub.StartAsync();
    }

    /// <summary>The clock of a machine that is wrong.</summary>
    private sealed class OffsetTime(TimeSpan offset) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => System.GetUtcNow() + offset;
    }
}
