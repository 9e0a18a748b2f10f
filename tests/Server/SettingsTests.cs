using Homeport.Server.Options;

namespace Homeport.Tests.Server;

/// <summary>Where settings come from, and what is said about wrong ones.</summary>
public sealed class SettingsTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_command_line_goes_before_the_environment_before_the_file_before_the_default()
    {
        var file = Write("""{ "mqttPort": 1003, "httpsPort": 1013, "crlPort": 1023 }""");
        var sources = Collect(file, new() { ["mqtt-port"] = "1001" }, new() { ["HOMEPORT_MQTT_PORT"] = "1002", ["HOMEPORT_HTTPS_PORT"] = "1012" });
        var options = OptionsReader.Read(sources).ShouldNotBeNull();
        (options.MqttPort, options.HttpsPort, options.CrlPort, options.Partitions).ShouldBe((1001, 1012, 1023, 4));
        var described = OptionsReader.Describe(sources, options).ToDictionary(d => d.Name, d => d.Source);
        described["mqtt-port"].ShouldBe("command line");
        described["https-port"].ShouldBe("environment variable HOMEPORT_HTTPS_PORT");
        described["crl-port"].ShouldBe($"settings file {file}");
        described["partitions"].ShouldBe("default");
    }

    [Fact]
    public void All_errors_are_said_at_once()
    {
        var file = Write("""{ "mqtPort": 1, "partitions": 99 }""");
        var sources = Collect(file, new() { ["mqtt-port"] = "many", ["host"] = "no host", ["certificate"] = "/nowhere/x.pem", ["log-level"] = "loud" }, []);
        OptionsReader.Read(sources).ShouldBeNull();
        foreach (var part in new[] { "'mqtPort'", "partitions", "mqtt-port", "'no host'", "'/nowhere/x.pem'", "--certificate-key", "'loud'" })
            sources.Errors.ShouldContain(e => e.Contains(part), part);
    }

    [Theory]
    [InlineData("[]")]
    [InlineData("{")]
    [InlineData("")]
    public void A_file_that_is_no_json_object_is_an_error(string text)
    {
        var sources = Collect(Write(text), [], []);
        sources.Errors.ShouldHaveSingleItem().ShouldContain("settings file");
    }

    [Fact]
    public void Hosts_in_the_file_may_be_an_array()
        => OptionsReader.Read(Collect(Write("""{ "host": ["Hub.Example.Test", "192.0.2.7"] }"""), [], [])).ShouldNotBeNull().Hosts.ShouldBe(["hub.example.test", "192.0.2.7"]);

    [Fact]
    public void Two_doors_cannot_share_a_port()
    {
        var sources = Collect(null, new() { ["mqtt-port"] = "443" }, []);
        OptionsReader.Read(sources).ShouldBeNull();
        sources.Errors.ShouldHaveSingleItem().ShouldContain("must differ");
    }

    [Theory]
    [InlineData("machine", "1", "machine")]
    [InlineData("azure-s1", "200", "azure-s1")]
    [InlineData("azure-s3", "10", "azure-s3")]
    [InlineData("azure-s3", "11", null)]
    [InlineData("machine", "2", null)]
    [InlineData("azure-s1", "201", null)]
    [InlineData("azure-s1", "none", null)]
    [InlineData("azure", "1", null)]
    public void Limits_are_named_with_their_units(string limits, string units, string? name)
    {
        var sources = Collect(null, new() { ["limits"] = limits, ["units"] = units }, []);
        (OptionsReader.Read(sources)?.Limits.Name).ShouldBe(name);
        if (name is null)
            sources.Errors.ShouldHaveSingleItem().ShouldMatch("limits|units");
    }

    [Theory]
    [InlineData("true", true)]
    [InlineData("False", false)]
    [InlineData("yes", null)]
    public void Fault_injection_is_true_or_false(string text, bool? expected)
    {
        var sources = Collect(null, new() { ["fault-injection"] = text }, []);
        (OptionsReader.Read(sources)?.FaultInjection).ShouldBe(expected);
        OptionsReader.Read(Collect(null, [], [])).ShouldNotBeNull().FaultInjection.ShouldBeFalse();
    }

    [Fact]
    public void An_issuer_is_read_with_its_secret_which_nobody_is_shown()
    {
        File.WriteAllText(_folder.File("secret"), "of a file\n");
        Dictionary<string, string> issuer = new() { ["oidc-issuer"] = "https://login.example.com/realms/plant", ["oidc-client-id"] = "homeport" };
        foreach (var (commandLine, environment, secret) in new (string?, string?, string?)[] { (_folder.File("secret"), null, "of a file"), (null, _folder.File("secret"), "of a file"), (null, "of a variable", "of a variable"), (null, null, null) })
        {
            var sources = Collect(null, commandLine is null ? issuer : new(issuer) { ["oidc-client-secret"] = commandLine }, environment is null ? [] : new() { ["HOMEPORT_OIDC_CLIENT_SECRET"] = environment });
            var options = OptionsReader.Read(sources).ShouldNotBeNull(string.Join(' ', sources.Errors));
            (options.Issuer!.Settings.ClientSecret, options.Issuer.Settings.Name, options.Issuer.Settings.Audience).ShouldBe((secret, "login.example.com", null));
            options.Issuer.Settings.DocumentAddress.ShouldBe("https://login.example.com/realms/plant/.well-known/openid-configuration");
            $"{string.Join(' ', OptionsReader.Describe(sources, options))} {options.Issuer.Settings}".ShouldNotContain("of a ");
        }
        OptionsReader.Read(Collect(null, [], [])).ShouldNotBeNull().Issuer.ShouldBeNull();
    }

    [Theory]
    [InlineData("oidc-issuer", "http://login.example.com", "https")]
    [InlineData("oidc-issuer", "login.example.com", "https")]
    [InlineData("oidc-issuer", "https://login.example.com/?realm=plant", "https")]
    [InlineData("oidc-client-id", "", "oidc-client-id")]
    [InlineData("oidc-scopes", "email", "openid")]
    [InlineData("oidc-ca", "/nowhere/ca.pem", "oidc-ca")]
    [InlineData("oidc-client-secret", "the secret itself", "names no file")]
    public void What_is_wrong_with_an_issuer_is_said_without_the_secret(string name, string value, string said)
    {
        var sources = Collect(null, new() { ["oidc-issuer"] = "https://login.example.com", ["oidc-client-id"] = "homeport", [name] = value }, []);
        OptionsReader.Read(sources).ShouldBeNull();
        sources.Errors.ShouldHaveSingleItem().ShouldContain(said);
        sources.Errors[0].ShouldNotContain("the secret itself");
    }

    [Fact]
    public void A_client_of_no_issuer_is_an_error()
    {
        var sources = Collect(null, new() { ["oidc-client-id"] = "homeport" }, []);
        OptionsReader.Read(sources).ShouldBeNull();
        sources.Errors.ShouldHaveSingleItem().ShouldContain("oidc-issuer");
    }

    private static SettingSources Collect(string? file, Dictionary<string, string> commandLine, Dictionary<string, string> environment)
        => SettingSources.Collect(commandLine, file, environment.GetValueOrDefault);

    private string Write(string text)
    {
        File.WriteAllText(_folder.File("settings.json"), text);
        return _folder.File("settings.json");
    }
}
