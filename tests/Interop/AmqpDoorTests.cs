using System.Text.Json;
using System.Text.Json.Nodes;
using Homeport.Tests.Interop.Harness;

namespace Homeport.Tests.Interop;

/// <summary>The doors of AMQP with clients that do what SDKs do not: bodies of all kinds, batches, faults on order, limits.</summary>
public sealed class AmqpDoorTests
{
    [Fact]
    public async Task Bodies_and_batches_of_all_kinds_are_stored_or_refused_by_the_standards_conditions()
    {
        using var folder = new TempFolder();
        await using var server = await ServerProcess.StartAsync(new ServerSettings(folder.Path));
        var device = await server.Hub.CreateDeviceAsync("d1");
        (string As, string Body, string Outcome, string[] Stored)[] cases =
        [
            ("data", "whole", "accepted", ["whole"]),
            ("sections", "abc", "accepted", ["abc"]),
            ("text", "words", "accepted", ["words"]),
            ("number", "", "rejected com.microsoft:argument-error", []),
            ("sequence", "xyz", "rejected com.microsoft:argument-error", []),
            ("batch", "123", "accepted", ["1", "2", "3"]),
            ("batch in pieces", "45", "accepted", ["44", "55"]),
            ("empty batch", "", "rejected com.microsoft:argument-error", []),
        ];
        var results = await RunAsync(server, device, [.. cases.Select(c => new { send = new { @as = c.As, body = c.Body } })]);
        results.Select(r => $"{r!["outcome"]} {r["condition"]}".TrimEnd()).ShouldBe(cases.Select(c => c.Outcome));
        ((string?)results[4]!["text"])!.ShouldContain("bytes or text");
        (await server.Reader.ReadAsync("d1")).Select(m => m.Text).ShouldBe(cases.SelectMany(c => c.Stored));
    }

    /// <summary>Each on a connection of its own, all to one server: other devices are not disturbed.</summary>
    [Fact]
    public async Task A_fault_on_order_ends_what_it_names_with_the_standards_condition()
    {
        (string Type, string End, string[] Attach)[] faults =
        [
            ("KillTcp", "disconnected", []),
            ("ShutDownAmqp", "connection", []),
            ("KillAmqpConnection", "connection amqp:connection:forced", []),
            ("KillAmqpSession", "session amqp:internal-error", []),
            ("KillAmqpD2CLink", "telemetry amqp:link:detach-forced", []),
            ("KillAmqpC2DLink", "c2d amqp:link:detach-forced", ["c2d"]),
            ("KillAmqpTwinLinkReq", "twin requests of the device amqp:link:detach-forced", ["twin"]),
            ("KillAmqpTwinLinkResp", "twin to the device amqp:link:detach-forced", ["twin"]),
            ("KillAmqpMethodReqLink", "methods to the device amqp:link:detach-forced", ["methods"]),
            ("KillAmqpMethodRespLink", "methods requests of the device amqp:link:detach-forced", ["methods"]),
            ("KillAmqpCBSLinkReq", "cbs requests amqp:link:detach-forced", []),
            ("KillAmqpCBSLinkResp", "cbs answers amqp:link:detach-forced", []),
        ];
        using var folder = new TempFolder();
        await using var server = await ServerProcess.StartAsync(new ServerSettings(folder.Path), "--fault-injection");
        var devices = new List<TestDevice>();
        foreach (var (type, _, _) in faults)
            devices.Add(await server.Hub.CreateDeviceAsync(type));
        var ends = await Task.WhenAll(faults.Select((f, i) => RunAsync(server, devices[i], [new { fault = f.Type, attach = f.Attach, until = f.End }])));
        // Only a connection ends something else with it, its session, which gets the same error before.
        var seen = ends.Select(r => string.Join(", ", r[0]!.AsArray().Select(e => (string?)e)));
        seen.ShouldBe(faults.Select(f => f.Type == "KillAmqpConnection" ? "session amqp:connection:forced, " + f.End : f.End));
        // The order itself is no message; what came before it is.
        foreach (var device in devices)
            (await server.Reader.SingleAsync(device.Id)).Text.ShouldBe("before");

        var refused = await RunAsync(server, await server.Hub.CreateDeviceAsync("refused"),
        [
            new { send = new { body = "x", properties = new Dictionary<string, string> { ["AzIoTHub_FaultOperationType"] = "InvokeThrottling", ["AzIoTHub_FaultOperationDurationInSecs"] = "60" } } },
            new { send = new { body = "while it lasts" } },
        ]);
        refused.Select(r => $"{r!["outcome"]} {r["condition"]}".TrimEnd()).ShouldBe(["accepted", "rejected com.microsoft:device-container-throttled"]);
    }

    /// <summary>Azure's S1 has 100 messages a second, in bursts of a minute's; and 100 messages to devices a minute.</summary>
    [Fact]
    public async Task With_the_limits_of_Azure_a_fast_device_is_slowed_down_and_a_fast_service_is_refused()
    {
        const int Burst = 6000;
        const int More = 400;
        using var folder = new TempFolder();
        await using var server = await ServerProcess.StartAsync(new ServerSettings(folder.Path), "--limits", "azure-s1", "--units", "1");
        var devices = new List<TestDevice>();
        for (var i = 0; i < 3; i++)
            devices.Add(await server.Hub.CreateDeviceAsync($"d{i}"));
        var result = (await RunAsync(server, devices[0], [new { flood = Burst + More }]))[0]!;
        result["counts"]!.ToJsonString().ShouldBe($$"""{"accepted":{{Burst + More}}}""");
        ((double)result["seconds"]!).ShouldBeGreaterThan(More / 100.0 * 0.5);
        (await server.Reader.ReadAsync("d0")).Count.ShouldBe(Burst + More);

        var messages = Enumerable.Range(0, 130).Select(i => new { to = $"/devices/d{i % 3}/messages/devicebound", id = $"{i}", body = "x" });
        var sent = (await SendAsync(server, messages))["sent"]!.AsArray().Select(s => (string?)s!["condition"] ?? (string?)s["state"]).ToList();
        sent.Take(100).ShouldAllBe(s => s == "accepted");
        sent[100..].ShouldContain("com.microsoft:device-container-throttled");
        sent[100..].ShouldBeSubsetOf(["accepted", "com.microsoft:device-container-throttled"]);
    }

    private static async Task<JsonNode> SendAsync(ServerProcess server, object messages)
    {
        var credential = server.Hub.Credential;
        var arguments = new
        {
            url = $"amqps://{credential.HostName}:{server.Ready.Ports.Amqp}",
            ca = server.Ready.CaFile,
            user = $"{credential.Policy}@sas.root.{credential.HostName.Split('.')[0]}",
            password = SasToken.ForService(credential),
            send = messages,
            target = "/messages/devicebound",
            seconds = 60,
        };
        return await ExternalProgram.PythonAsync("consumer.py", JsonSerializer.Serialize(arguments));
    }

    private static async Task<JsonArray> RunAsync(ServerProcess server, TestDevice device, object[] actions)
    {
        var host = server.Ready.Hub.HostName;
        var result = await new NodeClient(server.Ready.CaFile).RunAsync("amqp-device.mjs", new
        {
            host,
            port = server.Ready.Ports.Amqp,
            device = device.Id,
            token = SasToken.ForDevice(host, device.Id, device.PrimaryKey),
            actions,
        });
        ((int)result["code"]!).ShouldBe(200);
        return result["results"]!.AsArray();
    }
}
