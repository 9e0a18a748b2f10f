using Homeport.Server.Options;

namespace Homeport.Server;

/// <summary>What the executable does: serve, or check its settings.</summary>
internal static class Commands
{
    private const int Failed = 1;

    /// <summary>Prints the settings in effect. Exit code 0 when they are usable.</summary>
    public static int Check(SettingSources sources)
    {
        var options = OptionsReader.Read(sources, demo: false);
        if (options is null)
            return Report(sources.Errors);
        foreach (var (name, value, source) in OptionsReader.Describe(sources, options))
            Console.WriteLine($"{name,-16} {value,-40} {source}");
        return 0;
    }

    /// <summary>Serves until the process is asked to stop.</summary>
    public static async Task<int> RunAsync(SettingSources sources, bool demo, CancellationToken token)
    {
        var options = OptionsReader.Read(sources, demo);
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
        using var installation = await Installation.OpenAsync(options.DataDirectory, token);
        await using var server = new HomeportServer(options, ports, installation, TimeProvider.System);
        await server.StartAsync(token);
        var ready = Welcome.Describe(options, ports, installation, server.CaFile);
        Console.WriteLine(Welcome.Text(ready, options, ports));
        if (options.ReadyFile is not null)
            Welcome.Write(ready, options.ReadyFile);
        await server.Stopped;
    }

    private static int Report(IReadOnlyList<string> errors)
    {
        foreach (var error in errors)
            Console.Error.WriteLine($"homeport: {error}");
        return Failed;
    }
}
