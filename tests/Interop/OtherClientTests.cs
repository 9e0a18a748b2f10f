using System.Text.Json;
using System.Text.Json.Nodes;
using Homeport.Tests.Interop.Harness;

namespace Homeport.Tests.Interop;

/// <summary>MQTT clients that know nothing of this protocol beyond the topics: mosquitto and paho.</summary>
[Collection(SharedServerTests.Name)]
public sealed class OtherClientTests(SharedServer shared)
{
    private string Host => shared.Server.Ready.Hub.HostName;

    [Theory]
    [InlineData(0, "tlsv1.2")]
    [InlineData(1, "tlsv1.2")]
    [InlineData(1, "tlsv1.3")]
    public async Task Mosquitto_publishes(int qos, string tls)
    {
        var device = await shared.Server.Hub.CreateDeviceAsync(SharedServer.NewId("mosquitto"));
        var topic = $"devices/{device.Id}/messages/events/%24.ct=application%2Fjson&unit=C";
        string[] arguments = ["-V", "mqttv311", "--tls-version", tls, "-q", $"{qos}", "-t", topic, "-m", "{\"t\":1}"];
        var result = await MosquittoAsync("mosquitto_pub", device, arguments);
        result.ExitCode.ShouldBe(0, result.ToString());
        var stored = await shared.Server.Reader.SingleAsync(device.Id);
        stored.Text.ShouldBe("{\"t\":1}");
        stored.System("content-type").ShouldBe("application/json");
        stored.Properties["unit"].ShouldBe("C");
    }

    /// <summary>Quality of service 0 promises nothing, but what reached the server before the client was gone is not thrown away.</summary>
    [Theory]
    [InlineData("tlsv1.2")]
    [InlineData("tlsv1.3")]
    public async Task The_last_words_of_a_client_that_is_gone_at_once_count(string tls)
    {
        var device = await shared.Server.Hub.CreateDeviceAsync(SharedServer.NewId("gone"));
        const int Times = 10;
        for (var i = 0; i < Times; i++)
            (await MosquittoAsync("mosquitto_pub", device, "-V", "mqttv311", "--tls-version", tls, "-q", "0", "-t", $"devices/{device.Id}/messages/events/", "-m", $"{i}")).ExitCode.ShouldBe(0);
        (await shared.Server.Reader.WaitAsync(device.Id, Times)).Select(m => m.Text).ShouldBe(Enumerable.Range(0, Times).Select(i => $"{i}"));
    }

    [Fact]
    public async Task All_that_was_sent_before_the_end_of_the_connection_is_read()
    {
        var device = await shared.Server.Hub.CreateDeviceAsync(SharedServer.NewId("last"));
        const int Times = 10, Messages = 300;
        for (var i = 0; i < Times; i++)
        {
            var (wire, _) = await MqttWire.ConnectAsync(shared.Server, device);
            await using var connection = wire;
            var publish = MqttWire.Publish($"devices/{device.Id}/messages/events/", new byte[1000], qos: 0);
            await wire.SendAsync(Enumerable.Repeat(publish, Messages).SelectMany(p => p).ToArray());
            wire.EndSending();
            await wire.ExpectCloseAsync();
        }
        (await shared.Server.Reader.WaitAsync(device.Id, Times * Messages, TimeSpan.FromSeconds(60))).Count.ShouldBe(Times * Messages);
    }

    [Fact]
    public async Task Mosquitto_publishes_with_retain_and_the_message_says_so()
    {
        var device = await shared.Server.Hub.CreateDeviceAsync(SharedServer.NewId("retain"));
        var result = await MosquittoAsync("mosquitto_pub", device, "-V", "mqttv311", "-q", "1", "-r", "-t", $"devices/{device.Id}/messages/events/", "-m", "kept");
        result.ExitCode.ShouldBe(0, result.ToString());
        (await shared.Server.Reader.SingleAsync(device.Id)).Properties["mqtt-retain"].ShouldBe("true");
    }

    [Fact]
    public async Task Publishing_with_quality_of_service_2_ends_the_connection_and_stores_nothing()
    {
        var device = await shared.Server.Hub.CreateDeviceAsync(SharedServer.NewId("qos2"));
        var result = await MosquittoAsync("mosquitto_pub", device, "-V", "mqttv311", "-q", "2", "-t", $"devices/{device.Id}/messages/events/", "-m", "twice");
        result.ExitCode.ShouldNotBe(0, result.ToString());

        var (wire, _) = await MqttWire.ConnectAsync(shared.Server, device);
        await using var connection = wire;
        await wire.SendAsync(MqttWire.Publish($"devices/{device.Id}/messages/events/", "twice"u8, qos: 2));
        await wire.ExpectCloseAsync();
        (await shared.Server.Reader.ReadAsync(device.Id)).ShouldBeEmpty();
    }

    [Theory]
    [InlineData("devices/{d}/messages/devicebound/#", 1, "1")]
    [InlineData("devices/{d}/messages/devicebound/#", 2, "1")]
    [InlineData("devices/{d}/messages/devicebound/#", 0, "0")]
    [InlineData("$iothub/twin/res/#", 0, "0")]
    [InlineData("$iothub/methods/POST/#", 0, "0")]
    [InlineData("$iothub/twin/PATCH/properties/desired/#", 1, "1")]
    [InlineData("devices/other/messages/devicebound/#", 1, "128")]
    [InlineData("#", 0, "128")]
    public async Task Mosquitto_subscribes_to_its_own_topics_only(string filter, int qos, string granted)
    {
        var device = await shared.Server.Hub.CreateDeviceAsync(SharedServer.NewId("sub"));
        filter = filter.Replace("{d}", device.Id, StringComparison.Ordinal);
        var result = await MosquittoAsync("mosquitto_sub", device, "-V", "mqttv311", "-q", $"{qos}", "-t", filter, "-d", "-W", "2");
        (result.Output + result.Error).ShouldContain($"Subscribed (mid: 1): {granted}", customMessage: result.ToString());
    }

    [Fact]
    public async Task A_client_of_mqtt_5_is_told_that_the_version_is_not_spoken()
    {
        var device = await shared.Server.Hub.CreateDeviceAsync(SharedServer.NewId("v5"));
        var result = await MosquittoAsync("mosquitto_pub", device, "-V", "mqttv5", "-q", "1", "-t", $"devices/{device.Id}/messages/events/", "-m", "five");
        result.ExitCode.ShouldNotBe(0, result.ToString());

        await using var wire = await MqttWire.OpenAsync(shared.Server);
        await wire.SendAsync(MqttWire.Connect(device.Id, MqttWire.UserName(Host, device.Id), SasToken.ForDevice(Host, device.Id, device.PrimaryKey), level: 5));
        var answer = (await wire.ReadAsync()).ShouldNotBeNull();
        answer.Header.ShouldBe(MqttPacket.ConnAck);
        answer.Content.ShouldBe([0, 1]);
        await wire.ExpectCloseAsync();
    }

    [Fact]
    public async Task Mosquitto_with_a_wrong_password_is_not_authorised()
    {
        var device = await shared.Server.Hub.CreateDeviceAsync(SharedServer.NewId("wrong"));
        var result = await MosquittoAsync("mosquitto_pub", device with { PrimaryKey = SasToken.NewKey() }, "-V", "mqttv311", "-t", $"devices/{device.Id}/messages/events/", "-m", "no");
        result.ExitCode.ShouldNotBe(0);
        (result.Output + result.Error).ShouldContain("not authorised", Case.Insensitive);
    }

    [Fact]
    public async Task Paho_publishes_over_tls_1_2()
    {
        var device = await shared.Server.Hub.CreateDeviceAsync(SharedServer.NewId("paho"));
        var outcome = await PahoAsync(device, device.PrimaryKey, 20);
        ((int?)outcome["connack"]).ShouldBe(0);
        ((string?)outcome["tls"]).ShouldBe("TLSv1.2");
        ((int?)outcome["acknowledged"]).ShouldBe(20);
        var numbers = (await shared.Server.Reader.WaitAsync(device.Id, 20)).Select(m => (int)JsonNode.Parse(m.Text)!["number"]!);
        numbers.ShouldBe(Enumerable.Range(0, 20));
    }

    [Fact]
    public async Task Paho_with_a_wrong_password_gets_return_code_5()
    {
        var device = await shared.Server.Hub.CreateDeviceAsync(SharedServer.NewId("paho"));
        ((int?)(await PahoAsync(device, SasToken.NewKey(), 1))["connack"]).ShouldBe(5);
    }

    private async Task<ProgramResult> MosquittoAsync(string program, TestDevice device, params string[] more)
    {
        string[] arguments =
        [
            "20", program, "-h", Host, "-p", $"{SharedServer.MqttPort}", "--cafile", shared.Server.Ready.CaFile, "-i", device.Id,
            "-u", MqttWire.UserName(Host, device.Id), "-P", SasToken.ForDevice(Host, device.Id, device.PrimaryKey), .. more,
        ];
        return await ExternalProgram.RunAsync("timeout", arguments);
    }

    private async Task<JsonNode> PahoAsync(TestDevice device, string key, int count)
    {
        var arguments = JsonSerializer.Serialize(new
        {
            host = Host,
            port = SharedServer.MqttPort,
            ca = shared.Server.Ready.CaFile,
            clientId = device.Id,
            username = MqttWire.UserName(Host, device.Id),
            password = SasToken.ForDevice(Host, device.Id, key),
            topic = $"devices/{device.Id}/messages/events/",
            count,
        });
        var python = File.Exists("/usr/bin/python3") ? "/usr/bin/python3" : "python3";
        var result = await ExternalProgram.RunAsync(python, [Path.Combine(ServerProcess.Clients, "telemetry.py"), arguments]);
        return result.ExitCode == 0 ? JsonNode.Parse(result.Output)! : throw new InvalidOperationException($"paho failed (Debian package python3-paho-mqtt): {result}");
    }
}
