using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using Homeport.Tests.Interop.Harness;

namespace Homeport.Tests.Interop;

/// <summary>Start, stop, restart and refusal to start, on free ports.</summary>
public sealed class ServerProcessTests : IDisposable
{
    private readonly TempFolder _folder = new();

    private ServerSettings Settings => new ServerSettings(_folder.Path).WithFreePorts();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task The_ready_file_says_where_everything_is()
    {
        await using var server = await ServerProcess.StartAsync(Settings);
        var ready = server.Ready;
        ready.Pid.ShouldBe(server.Pid);
        ready.Host.ShouldBe(ServerSettings.TestHost);
        ready.Ports.Https.ShouldBe(server.Settings.Https);
        ready.Ports.Mqtt.ShouldBe(server.Settings.Mqtt);
        ready.Version.ShouldNotBeNullOrEmpty();
        (await File.ReadAllTextAsync(ready.CaFile)).ShouldStartWith("-----BEGIN CERTIFICATE-----");
        ready.Dps.IdScope.ShouldNotBeNullOrEmpty();
        ready.Hubs.ShouldHaveSingleItem().HostName.ShouldBe(ServerSettings.TestHost);
        server.Hub.Credential.Key.ShouldNotBe(server.Dps.Credential.Key);
    }

    [Fact]
    public async Task Sigterm_ends_the_server_within_5_seconds_with_exit_code_0_even_with_open_connections()
    {
        await using var server = await ServerProcess.StartAsync(Settings);
        var device = await server.Hub.CreateDeviceAsync("open");
        var (wire, _) = await MqttWire.ConnectAsync(server, device);
        await using var connection = wire;
        await wire.PublishAndWaitAsync(device.Id, "1", 1);
        await using var silent = await ServerTrust.ConnectAsync(server.Ready.Ports.Mqtt);

        var (exitCode, took) = await server.StopAsync();
        exitCode.ShouldBe(0, server.Printed);
        took.ShouldBeLessThan(TimeSpan.FromSeconds(5));
        await wire.ExpectCloseAsync();
    }

    [Fact]
    public async Task A_restart_keeps_devices_messages_keys_and_enrollments()
    {
        var settings = Settings;
        RestAnswer device, module, enrollment;
        ReadyFile before;
        string ca;
        TestDevice keys;
        IReadOnlyList<StoredMessage> stored;
        await using (var server = await ServerProcess.StartAsync(settings))
        {
            (before, ca) = (server.Ready, await File.ReadAllTextAsync(server.Ready.CaFile));
            keys = await server.Hub.CreateDeviceAsync("lasting");
            (await server.Hub.SendAsync(HttpMethod.Put, "devices/lasting/modules/m", new JsonObject { ["deviceId"] = "lasting", ["moduleId"] = "m" })).Status.ShouldBeInRange(200, 201);
            var attestation = new JsonObject { ["type"] = "symmetricKey" };
            (await server.Dps.SendAsync(HttpMethod.Put, "enrollments/e1?api-version=2021-10-01", new JsonObject { ["registrationId"] = "e1", ["attestation"] = attestation })).Status.ShouldBe(200);
            var (wire, present) = await MqttWire.ConnectAsync(server, keys);
            present.ShouldBeFalse("nothing was subscribed yet");
            await wire.SendAsync(MqttWire.Subscribe(1, ("devices/lasting/messages/devicebound/#", 1), ("$iothub/methods/POST/#", 0)));
            (await wire.ReadAsync()).ShouldNotBeNull().Content.ShouldBe([0, 1, 1, 0]);
            for (var i = 1; i <= 10; i++)
                await wire.PublishAndWaitAsync("lasting", $"{i}", i);
            await wire.DisposeAsync();
            (device, module, enrollment) = await StateAsync(server);
            stored = await server.Reader.WaitAsync("lasting", 10);
            (await server.StopAsync()).ExitCode.ShouldBe(0);
        }

        await using var again = await ServerProcess.StartAsync(settings);
        again.Ready.Dps.ShouldBe(before.Dps);
        again.Ready.Hub.ShouldBe(before.Hub);
        (await File.ReadAllTextAsync(again.Ready.CaFile)).ShouldBe(ca, "devices that trust the CA must not need a new one");
        var (deviceNow, moduleNow, enrollmentNow) = await StateAsync(again);
        foreach (var member in new[] { "etag", "generationId", "authentication", "status" })
            deviceNow.Json[member]!.ToJsonString().ShouldBe(device.Json[member]!.ToJsonString());
        moduleNow.Json["authentication"]!.ToJsonString().ShouldBe(module.Json["authentication"]!.ToJsonString());
        enrollmentNow.Body.ShouldBe(enrollment.Body);
        (await again.Reader.ReadAsync("lasting")).Select(m => (m.Partition, m.Offset, m.SequenceNumber, m.EnqueuedTime, m.Text))
            .ShouldBe(stored.Select(m => (m.Partition, m.Offset, m.SequenceNumber, m.EnqueuedTime, m.Text)));

        var (second, _) = await MqttWire.ConnectAsync(again, keys);
        await using var connection = second;
        await second.PublishAndWaitAsync("lasting", "11", 1);
        (await again.Reader.WaitAsync("lasting", 11))[10].SequenceNumber.ShouldBeGreaterThan(stored[9].SequenceNumber);
    }

    [Theory]
    [InlineData("--https-port")]
    [InlineData("--mqtt-port")]
    [InlineData("--crl-port")]
    public async Task A_port_in_use_is_named_and_the_server_does_not_start(string option)
    {
        using var listener = new TcpListener(IPAddress.Any, 0);
        listener.Start();
        var port = ((IPEndPoint)listener.LocalEndpoint).Port;
        var arguments = Settings.Arguments.ToList();
        arguments[arguments.IndexOf(option) + 1] = $"{port}";
        await RefusedAsync(arguments, $"{port}");
    }

    [Fact]
    public async Task An_unknown_option_is_named_and_the_server_does_not_start() => await RefusedAsync([.. Settings.Arguments, "--no-such-option", "1"], "--no-such-option");

    [Fact]
    public async Task A_port_that_is_none_is_named_and_the_server_does_not_start()
    {
        var arguments = Settings.Arguments.ToList();
        arguments[arguments.IndexOf("--mqtt-port") + 1] = "99999";
        await RefusedAsync(arguments, "99999");
    }

    [Fact]
    public async Task An_unreadable_certificate_is_named_and_the_server_does_not_start()
    {
        var settings = Settings;
        await using (var server = await ServerProcess.StartAsync(settings))
            await server.StopAsync();
        var certificates = Directory.EnumerateFiles(settings.Data, "*", SearchOption.AllDirectories)
            .Where(f => Path.GetExtension(f) is ".pem" or ".pfx" or ".p12" or ".crt" or ".cer").ToList();
        certificates.ShouldNotBeEmpty("the server keeps its certificates in files");
        foreach (var file in certificates)
            await File.WriteAllTextAsync(file, "this is no certificate\n");
        var result = await RefusedAsync(settings.Arguments, "certificate");
        certificates.ShouldContain(f => (result.Output + result.Error).Contains(Path.GetFileName(f), StringComparison.Ordinal), "the file is named");
    }

    [Fact]
    public async Task A_second_server_on_the_same_data_does_not_start()
    {
        await using var server = await ServerProcess.StartAsync(Settings);
        await RefusedAsync((Settings with { Data = server.Settings.Data }).Arguments, server.Settings.Data);
    }

    [Fact]
    public async Task Check_prints_the_values_without_secrets_and_starts_nothing()
    {
        var settings = Settings;
        ReadyFile ready;
        await using (var server = await ServerProcess.StartAsync(settings))
        {
            ready = server.Ready;
            await server.StopAsync();
        }

        var result = await ServerProcess.RunAsync(["check", .. settings.Arguments]);
        result.ExitCode.ShouldBe(0, result.ToString());
        foreach (var value in new[] { settings.Host, settings.Data, $"{settings.Https}", $"{settings.Mqtt}", $"{settings.Crl}" })
            result.Output.ShouldContain(value);
        foreach (var secret in new[] { ready.Hub.ServiceConnectionString, ready.Dps.ServiceConnectionString }.Select(c => ServiceCredential.Parse(c).Key))
            (result.Output + result.Error).ShouldNotContain(secret);
        var refused = await ServerProcess.RunAsync(["check", .. settings.Arguments, "--no-such-option", "1"]);
        refused.ExitCode.ShouldNotBe(0);
    }

    [Fact]
    public async Task Device_keys_are_not_readable_in_the_data_folder()
    {
        var settings = Settings;
        TestDevice device;
        ReadyFile ready;
        await using (var server = await ServerProcess.StartAsync(settings))
        {
            ready = server.Ready;
            device = await server.Hub.CreateDeviceAsync("sealed");
            await server.StopAsync();
        }

        byte[][] secrets = [Text(device.PrimaryKey), Convert.FromBase64String(device.PrimaryKey), Convert.FromBase64String(ServiceCredential.Parse(ready.Hub.ServiceConnectionString).Key)];
        foreach (var file in Directory.EnumerateFiles(settings.Data, "*", SearchOption.AllDirectories).Where(f => !Path.GetFileName(f).StartsWith("ready-", StringComparison.Ordinal)))
        {
            var bytes = await File.ReadAllBytesAsync(file);
            secrets.Any(s => bytes.AsSpan().IndexOf(s) >= 0).ShouldBeFalse($"a key stands in {Path.GetFileName(file)} as it is");
        }

        static byte[] Text(string text) => System.Text.Encoding.UTF8.GetBytes(text);
    }

    private static async Task<(RestAnswer Device, RestAnswer Module, RestAnswer Enrollment)> StateAsync(ServerProcess server)
    {
        var device = await server.Hub.SendAsync(HttpMethod.Get, "devices/lasting");
        var module = await server.Hub.SendAsync(HttpMethod.Get, "devices/lasting/modules/m");
        var enrollment = await server.Dps.SendAsync(HttpMethod.Get, "enrollments/e1?api-version=2021-10-01");
        foreach (var answer in new[] { device, module, enrollment })
            answer.Status.ShouldBe(200, answer.Body);
        return (device, module, enrollment);
    }

    private static async Task<ProgramResult> RefusedAsync(IEnumerable<string> arguments, string named)
    {
        var result = await ServerProcess.RunAsync(arguments);
        result.ExitCode.ShouldNotBe(0, result.ToString());
        (result.Output + result.Error).ShouldContain(named, Case.Insensitive);
        (result.Output + result.Error).ShouldNotContain("   at ", Case.Sensitive, "a message, not a stack trace");
        return result;
    }
}
