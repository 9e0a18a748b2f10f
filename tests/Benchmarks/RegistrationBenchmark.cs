using System.Diagnostics;
using System.Net.Security;
using Homeport.Tests.Benchmarks.Load;
using Homeport.Tests.Benchmarks.Measure;
using Homeport.Tests.Benchmarks.Targets;

namespace Homeport.Tests.Benchmarks;

internal sealed record RegistrationOptions(int Callers, int Chips, string Kind, WindowOptions Time);

/// <summary>
/// Registrations over HTTPS, each on a connection of its own with a full handshake: register, for a TPM twice, and poll. The server has each
/// device in its hub, on the disk, before it answers. Keys and certificates register for the first time; chips, of which there are only as
/// many as keys were made for, again and again.
/// </summary>
internal static class RegistrationBenchmark
{
    private const int Ok = 200;
    private const int Accepted = 202;
    private const int Unauthorized = 401;

    public static async Task<string> RunAsync(TargetSet targets, RegistrationOptions options, CancellationToken cancellationToken)
    {
        var measured = await Rounds.RunAsync(
            Fleet.Kinds.Where(k => k.StartsWith(options.Kind, StringComparison.OrdinalIgnoreCase)), options.Time.Rounds, kind => MeasureAsync(targets, kind, options, cancellationToken), static r => r.Rate, static r => r.Usage);
        return LoadResult.Report("registration", "registrations", measured);
    }

    private static async Task<LoadResult> MeasureAsync(TargetSet targets, string kind, RegistrationOptions options, CancellationToken cancellationToken)
    {
        await using var server = await targets.StartAsync(TargetSet.Homeport, devices: 1, cancellationToken);
        var endpoint = await server.ProbeHttpsAsync(cancellationToken);
        using var fleet = await Fleet.EnrollAsync(kind, server.Ready, options.Chips, cancellationToken);
        var state = new LoadState();
        var calling = Enumerable.Range(0, options.Callers).Select(i => Task.Run(() => RegisterAsync(endpoint, fleet, i, options.Callers, state, cancellationToken), cancellationToken)).ToList();
        var result = await LoadResult.MeasureAsync(server.Address.ProcessId, endpoint.Description, state, calling, options.Time, cancellationToken);
        await Task.WhenAll(calling);
        return result;
    }

    private static async Task RegisterAsync(TlsEndpoint endpoint, Fleet fleet, int caller, int callers, LoadState state, CancellationToken cancellationToken)
    {
        for (var number = caller; !state.Stopping; number += callers)
        {
            var device = fleet.Device(number);
            var start = Stopwatch.GetTimestamp();
            await using (var http = new HttpCaller(await OpenAsync(endpoint, device, cancellationToken)))
                await RegisterAsync(http, device, cancellationToken);
            state.Complete(start);
        }
    }

    private static Task<SslStream> OpenAsync(TlsEndpoint endpoint, FleetDevice device, CancellationToken cancellationToken)
        => device.Certificate is { } certificate ? endpoint.OpenAsync(certificate, cancellationToken) : endpoint.OpenAsync(cancellationToken);

    private static async Task RegisterAsync(HttpCaller http, FleetDevice device, CancellationToken cancellationToken)
    {
        var token = device.Token;
        if (device.Tpm is { } tpm)
        {
            var challenge = await http.CallAsync(device.Register(null), Unauthorized, cancellationToken);
            token = device.Sign(tpm.Activate(FleetDevice.Blob(challenge.Span)));
        }
        var started = await http.CallAsync(device.Register(token), Accepted, cancellationToken);
        var state = await http.CallAsync(device.Poll(started.Span, token), Ok, cancellationToken);
        if (state.Span.IndexOf("\"status\":\"assigned\""u8) < 0)
            throw new InvalidDataException($"The device is not assigned: {System.Text.Encoding.UTF8.GetString(state.Span)}");
        device.Tpm?.Activate(FleetDevice.Blob(state.Span));
    }
}
