using Homeport.Contract.Rest;
using Homeport.Device.Client.Errors;
using Homeport.Device.Provisioning;
using Homeport.Hub.Access;
using Homeport.Server.Demo;
using Homeport.Server.Options;
using Homeport.Tpm;
using Microsoft.Extensions.Logging.Abstractions;

namespace Homeport.Server;

/// <summary>What the executable does: serve, or check its settings.</summary>
internal static class Commands
{
    private const int Failed = 1;

    /// <summary>Prints the settings in effect. Exit code 0 when they are usable.</summary>
    public static int Check(SettingSources sources)
    {
        var options = OptionsReader.Read(sources);
        if (options is null)
            return Report(sources.Errors);
        foreach (var (name, value, source) in OptionsReader.Describe(sources, options))
            Console.WriteLine($"{name,-16} {value,-40} {source}");
        return 0;
    }

    /// <summary>Gives the first administrator a new random password and lets that account in again. The server must not run.</summary>
    public static async Task<int> ResetAdministratorAsync(SettingSources sources, CancellationToken token)
    {
        var options = OptionsReader.Read(sources);
        if (options is null)
            return Report(sources.Errors);
        try
        {
            using var installation = await Installation.OpenAsync(options.DataDirectory, TimeProvider.System, token);
            using var people = new PeopleParts(installation, new Explanations(TimeProvider.System, NullLogger<Explanations>.Instance), TimeProvider.System);
            var reset = await people.ResetAdministratorAsync(token);
            await Console.Out.WriteLineAsync($"Sign in as {reset.Account.Name} with the password {reset.Password} (you replace it at the first sign-in)");
            return 0;
        }
        catch (ServerStartException e)
        {
            return Report([e.Message]);
        }
    }

    /// <summary>Serves until the process is asked to stop.</summary>
    public static async Task<int> RunAsync(SettingSources sources, bool demo, string? demoTpm, CancellationToken token)
    {
        var options = OptionsReader.Read(sources, demo, demoTpm);
        if (options is null)
            return Report(sources.Errors);
        try
        {
            await ServeAsync(options, token);
            return 0;
        }
        catch (ServerStartException e)
        {
            return Report([e.Message]);
        }
    }

    private static async Task ServeAsync(ServerOptions options, CancellationToken token)
    {
        var ports = Ports.Choose(options);
        using var installation = await Installation.OpenAsync(options.DataDirectory, TimeProvider.System, token);
        await using var server = new HomeportServer(options, ports, installation, TimeProvider.System);
        var first = await server.Accounts.EnsureFirstAsync(token);
        await server.StartAsync(token);
        var ready = Welcome.Describe(options, ports, installation, server.CaFile) with
        {
            Administrator = first is null ? null : new ReadyAdministrator(first.Account.Name, first.Password!),
        };
        await Console.Out.WriteLineAsync(Welcome.Text(ready, options, ports));
        if (options.ReadyFile is { } file)
        {
            Welcome.Write(ready, file);
            server.RootsChanged = () => Renew(ready with { CaFile = server.CaFile }, file);
        }
        if (options.Demo)
            await PlayAsync(options, ready, server);
        await server.Stopped;
    }

    /// <summary>Who reads the file later has to trust the root that counts then. One that was taken away stays away: it has secrets.</summary>
    private static void Renew(ReadyFile ready, string file)
    {
        if (File.Exists(file))
            Welcome.Write(ready, file);
    }

    /// <summary>Plays the demonstration until the server stops. When it fails the server stays up: it is the user's to try again.</summary>
    private static async Task PlayAsync(ServerOptions options, ReadyFile ready, HomeportServer server)
    {
        var demonstration = new Demonstration(ready, server.Messages, TimeProvider.System, Console.Out);
        try
        {
            await demonstration.RunAsync(options.DemoTpm, Path.Combine(options.DataDirectory, "demo-tpm"), server.Stopping);
        }
        catch (OperationCanceledException) when (server.Stopping.IsCancellationRequested)
        {
            await Console.Out.WriteLineAsync();
        }
        catch (Exception e) when (e is TpmException or ProvisioningException or IotHubException or HttpRequestException or FormatException)
        {
            await Console.Error.WriteLineAsync($"homeport: the demonstration ended: {e.Message}");
        }
    }

    private static int Report(IReadOnlyList<string> errors)
    {
        foreach (var error in errors)
            Console.Error.WriteLine($"homeport: {error}");
        return Failed;
    }
}
