using System.Text.Json.Nodes;
using Homeport.Tests.Interop.Harness;

namespace Homeport.Tests.Interop;

/// <summary>What only AMQP has: outcomes of messages, many devices on one connection, clients of other makers.</summary>
[Collection(SharedServerTests.Name)]
public sealed class AmqpTests(SharedServer shared)
{
    private string Host => shared.Server.Ready.Hub.HostName;

    [Theory]
    [InlineData("amqp")]
    [InlineData("amqpws")]
    public async Task The_Node_SDK_completes_abandons_and_rejects_messages(string transport)
    {
        var device = await shared.Server.Hub.CreateDeviceAsync(SharedServer.NewId("c2d"));
        foreach (var (body, answers) in ((string, string[])[])[("one", ["abandon", "complete"]), ("two", ["reject"])])
        {
            // One at a time: the SDK's library sends different outcomes of neighbours as one.
            var sent = await shared.Server.Hub.SendAsync(HttpMethod.Post, $"devices/{device.Id}/messages/devicebound", JsonValue.Create(body));
            sent.Status.ShouldBe(204, sent.Body);
            var result = await shared.Node.RunAsync("device.mjs", new
            {
                transport,
                connectionString = shared.ConnectionString(device),
                actions = new object[] { new { receive = answers } },
            });
            var received = result["results"]![0]!["received"].ShouldNotBeNull(result.ToJsonString()).AsArray();
            received.Select(m => $"{m!["answer"]} {m["body"]} {m["error"]}".Trim()).ShouldBe(answers.Select(a => $"{a} \"{body}\""), result.ToJsonString());
            ((string?)received[0]!["to"]).ShouldBe($"/devices/{device.Id}/messages/deviceBound");
        }
        var left = await shared.Server.Hub.SendAsync(HttpMethod.Get, $"homeport/v1/devices/{device.Id}/commands");
        left.Json.ToJsonString().ShouldNotContain("\"body\"");
    }

    [Theory]
    [InlineData("amqp")]
    [InlineData("amqpws")]
    public async Task A_certificate_with_another_thumbprint_gets_no_link(string transport)
    {
        var id = SharedServer.NewId("x509");
        using var mine = new DeviceCertificate(id);
        using var other = new DeviceCertificate(id);
        await shared.Server.Hub.CreateX509DeviceAsync(id, mine.Sha256);
        var result = await shared.Node.RunAsync("device.mjs", new
        {
            transport,
            connectionString = $"HostName={Host};DeviceId={id};x509=true",
            x509 = new { cert = other.CertificatePem, key = other.KeyPem },
            actions = new[] { new { send = new { body = "x" } } },
        });
        // There is no token: what is refused is the device's first link.
        var error = (result["error"] ?? result["results"]?[0]?["error"]).ShouldNotBeNull(result.ToJsonString());
        ((string?)error["name"]).ShouldBe("UnauthorizedError", result.ToJsonString());
        await shared.Server.WaitForPrintedAsync(l => l.Contains(id, StringComparison.Ordinal) && l.Contains("thumbprint", StringComparison.OrdinalIgnoreCase), "the thumbprints");
        (await shared.Server.Reader.ReadAsync(id)).ShouldBeEmpty();
    }

    [Fact]
    public async Task Rhea_multiplexes_devices_on_one_connection_and_each_stands_for_itself()
    {
        var devices = new List<TestDevice>();
        for (var i = 0; i < 5; i++)
            devices.Add(await shared.Server.Hub.CreateDeviceAsync(SharedServer.NewId("mux")));
        var result = await shared.Node.RunAsync("multiplex.mjs", new
        {
            host = Host,
            devices = devices.Select((d, i) => new { id = d.Id, token = SasToken.ForDevice(Host, d.Id, i == 4 ? SasToken.NewKey() : d.PrimaryKey) }),
        });
        result["codes"]!.ToJsonString().ShouldBe("[200,200,200,200,401]");
        result["sent"]!.ToJsonString().ShouldBe("""["accepted","accepted","accepted","accepted","amqp:unauthorized-access"]""");
        result["batch"]!.ToString().ShouldBe("accepted");
        foreach (var device in devices.Take(4))
            (await shared.Server.Reader.WaitAsync(device.Id, device == devices[0] ? 3 : 1))[0].Text.ShouldBe($"from {device.Id}");
        (await shared.Server.Reader.ReadAsync(devices[0].Id)).Select(m => m.Text).ShouldBe([$"from {devices[0].Id}", "b1", "b2"]);
    }

    [Fact]
    public async Task Proton_sends_with_sasl_plain_and_reads_the_outcome()
    {
        var device = await shared.Server.Hub.CreateDeviceAsync(SharedServer.NewId("proton"));
        var script = Path.Combine(ServerProcess.Clients, "proton_send.py");
        async Task<string> SendAsync(string key) => (await ExternalProgram.RunAsync("/usr/bin/python3",
            [script, $"amqps://{Host}:{SharedServer.AmqpPort}", shared.Server.Ready.CaFile, $"{device.Id}@sas.{Host.Split('.')[0]}", SasToken.ForDevice(Host, device.Id, key), device.Id], TimeSpan.FromSeconds(40))).Output.Trim();
        (await SendAsync(device.PrimaryKey)).ShouldBe("ACCEPTED");
        (await shared.Server.Reader.SingleAsync(device.Id)).Text.ShouldBe("from proton");
        (await SendAsync(SasToken.NewKey())).ShouldContain("amqp:unauthorized-access");
    }
}
