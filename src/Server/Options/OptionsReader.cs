using System.Globalization;
using System.Net;
using Homeport.Hub.Limits;
using Homeport.Hub.Trust;
using Homeport.Log;
using Homeport.Provisioning.Bulk.Jobs;
using Homeport.Provisioning.Allocation;

namespace Homeport.Server.Options;

/// <summary>Turns settings into options; finds all errors, not just the first.</summary>
internal static class OptionsReader
{
    /// <summary>Reads the options. Null when there are errors, which are then in <see cref="SettingSources.Errors"/>.</summary>
    public static ServerOptions? Read(SettingSources sources, bool demo = false, string? demoTpm = null)
    {
        var errors = sources.Errors;
        var options = new ServerOptions
        {
            Hosts = Hosts(sources[Setting.Host].Text, errors),
            DataDirectory = Path.GetFullPath(sources[Setting.Data].Text ?? DefaultData()),
            HttpsPort = Number(sources, Setting.HttpsPort, 1, 65535),
            HttpsPortIsDefault = sources[Setting.HttpsPort].IsDefault,
            MqttPort = Number(sources, Setting.MqttPort, 1, 65535),
            AmqpPort = Number(sources, Setting.AmqpPort, 1, 65535),
            CrlPort = Number(sources, Setting.CrlPort, 1, 65535),
            CertificateFile = sources[Setting.Certificate].Text,
            CertificateKeyFile = sources[Setting.CertificateKey].Text,
            ReadyFile = sources[Setting.ReadyFile].Text,
            Partitions = Number(sources, Setting.Partitions, 1, 32),
            Retention = Retention(sources),
            Events = Sources(sources[Setting.Events].Text, errors),
            LogLevel = Level(sources, errors),
            Files = FileSettings.Read(sources, (setting, min, max) => Number(sources, setting, min, max)),
            Limits = Limits(sources),
            FaultInjection = Flag(sources, Setting.FaultInjection),
            Listen = Addresses(sources[Setting.Listen].Text, errors),
            Webhooks = Webhooks(sources),
            CertificateSigner = sources[Setting.CertificateSigner].Text,
            DeviceCertificateDays = Number(sources, Setting.DeviceCertificateDays, 1, 825),
            ModelFolder = sources[Setting.Models].Text is { } models ? Path.GetFullPath(models) : null,
            Imports = new ImportLimits(Number(sources, Setting.ImportRows, 1, 10_000_000), (long)Number(sources, Setting.ImportMb, 1, 4096) << 20),
            Issuer = IssuerOptions.Read(sources),
            Demo = demo,
            DemoTpm = demoTpm,
        };
        if (options.CertificateFile is null != options.CertificateKeyFile is null)
            errors.Add("--certificate and --certificate-key belong together: give both or neither.");
        foreach (var file in new[] { options.CertificateFile, options.CertificateKeyFile, options.CertificateSigner })
        {
            if (file is not null && !File.Exists(file))
                errors.Add($"The file '{file}' does not exist.");
        }
        if (options.ModelFolder is { } folder && !Directory.Exists(folder))
            errors.Add($"models ({sources[Setting.Models].Source}) is '{folder}', which is no folder.");
        var ports = new[] { options.HttpsPort, options.MqttPort, options.AmqpPort, options.CrlPort };
        if (ports.Distinct().Count() < ports.Length)
            errors.Add("The ports of HTTPS, MQTT, AMQP and the revocation list must differ.");
        return errors.Count == 0 ? options with { Shown = [.. Describe(sources, options)] } : null;
    }

    /// <summary>Values in effect, for <c>check</c>: name, value, source.</summary>
    public static IEnumerable<(string Name, string Value, string Source)> Describe(SettingSources sources, ServerOptions options)
    {
        foreach (var setting in Setting.All)
        {
            var value = setting == Setting.Host ? string.Join(", ", options.Hosts)
                : setting == Setting.Data ? options.DataDirectory
                : setting == Setting.BlobStorage ? FileSettings.Shown(sources[setting])
                : setting == Setting.OidcClientSecret ? IssuerOptions.Shown(sources[setting])
                : sources[setting].Text ?? "(none)";
            yield return (setting.Name, value, sources[setting].Source);
        }
    }

    private static List<string> Hosts(string? text, List<string> errors)
    {
        var hosts = text is null
            ? ["localhost", "127.0.0.1", Environment.MachineName]
            : text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        if (hosts.Length == 0)
            errors.Add("--host has no name.");
        foreach (var host in hosts.Where(h => Uri.CheckHostName(h) == UriHostNameType.Unknown))
            errors.Add($"'{host}' is no host name and no IP address.");
        return [.. hosts.Select(h => h.ToLowerInvariant()).Distinct(StringComparer.Ordinal)];
    }

    private static List<IPAddress> Addresses(string? text, List<string> errors)
    {
        var addresses = new List<IPAddress>();
        foreach (var part in Split(text))
        {
            if (IPAddress.TryParse(part, out var address))
                addresses.Add(address);
            else
                errors.Add($"--listen has '{part}', which is no IP address.");
        }
        return addresses;
    }

    private static WebhookSettings Webhooks(SettingSources sources)
    {
        var networks = new List<IPNetwork>();
        foreach (var part in Split(sources[Setting.WebhookNetworks].Text))
        {
            if (IPNetwork.TryParse(part, out var network))
                networks.Add(network);
            else
                sources.Errors.Add($"webhook-networks has '{part}', which is no network such as 10.1.0.0/16.");
        }
        var settings = new WebhookSettings { Networks = networks };
        if (sources[Setting.WebhookCa].Text is not { } file)
            return settings;
        try
        {
            return settings with { Trust = PeerTrust.FromPem(File.ReadAllText(file)) };
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or FormatException)
        {
            sources.Errors.Add($"webhook-ca ({sources[Setting.WebhookCa].Source}) is '{file}': {e.Message}");
            return settings;
        }
    }

    private static string[] Split(string? text) => (text ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    private static HashSet<MessageSource> Sources(string? text, List<string> errors)
    {
        var known = Enum.GetValues<MessageSource>().Where(s => s != MessageSource.Telemetry).ToDictionary(s => s.NameOf(), StringComparer.OrdinalIgnoreCase);
        var sources = new HashSet<MessageSource>();
        foreach (var name in (text ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            if (known.TryGetValue(name, out var source))
                sources.Add(source);
            else
                errors.Add($"--events has '{name}'. Known are {string.Join(", ", known.Keys)}.");
        }
        return sources;
    }

    private static int Number(SettingSources sources, Setting setting, int min, int max)
    {
        if (int.TryParse(sources[setting].Text, NumberStyles.None, CultureInfo.InvariantCulture, out var value) && value >= min && value <= max)
            return value;
        sources.Errors.Add($"{setting.Name} ({sources[setting].Source}) is '{sources[setting].Text}', not a number from {min} to {max}.");
        return 0;
    }

    private static RetentionLimits Retention(SettingSources sources)
    {
        const int LeastMb = 16;
        var days = TimeSpan.FromDays(Number(sources, Setting.RetentionDays, 1, 7));
        var megabytes = Number(sources, Setting.RetentionMb, 0, 1 << 24);
        if (megabytes is > 0 and < LeastMb)
            sources.Errors.Add($"retention-mb ({sources[Setting.RetentionMb].Source}) is {megabytes}: too little to work with, use {LeastMb} or more, or 0 for no limit.");
        return new RetentionLimits(days, megabytes == 0 ? null : (long)megabytes << 20);
    }

    private static LogLevel Level(SettingSources sources, List<string> errors)
    {
        if (Enum.TryParse<LogLevel>(sources[Setting.LogLevel].Text, ignoreCase: true, out var level) && Enum.IsDefined(level))
            return level;
        errors.Add($"log-level is '{sources[Setting.LogLevel].Text}'. {Setting.LogLevel.Description}.");
        return LogLevel.Information;
    }

    private static ThrottleProfile Limits(SettingSources sources)
    {
        var units = Number(sources, Setting.Units, 1, 200);
        if (ThrottleProfile.Find(sources[Setting.Limits].Text, Math.Max(1, units), out var reason) is { } profile)
            return profile;
        sources.Errors.Add($"limits ({sources[Setting.Limits].Source}): {reason}.");
        return ThrottleProfile.Machine();
    }

    private static bool Flag(SettingSources sources, Setting setting)
    {
        if (bool.TryParse(sources[setting].Text, out var value))
            return value;
        sources.Errors.Add($"{setting.Name} ({sources[setting].Source}) is '{sources[setting].Text}', not true or false.");
        return false;
    }

    private static string DefaultData()
        => Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData, Environment.SpecialFolderOption.DoNotVerify), "homeport");
}
