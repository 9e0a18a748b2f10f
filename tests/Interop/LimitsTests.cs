using Homeport.Tests.Interop.Harness;

namespace Homeport.Tests.Interop;

/// <summary>A server with the limits of a hub in Azure, and with faults on order.</summary>
public sealed class LimitsTests
{
    [Theory]
    [InlineData("InvokeThrottling", 429, "ThrottlingException")]
    [InlineData("InvokeMaxMessageQuota", 403, "IotHubQuotaExceeded")]
    [InlineData("InvokeAuthError", 401, "IotHubUnauthorized")]
    [InlineData("KillTcp", 204, null)]
    public async Task A_message_over_HTTPS_orders_its_own_refusal_and_no_other(string fault, int status, string? code)
    {
        using var folder = new TempFolder();
        await using var server = await ServerProcess.StartAsync(new ServerSettings(folder.Path), "--fault-injection");
        var device = await server.Hub.CreateDeviceAsync("d1");
        foreach (var (order, expected) in ((string?, int)[])[(fault, status), (null, 204)])
        {
            using var http = server.Trust.HttpClient(server.Ready.Ports.Https);
            using var request = new HttpRequestMessage(HttpMethod.Post, "devices/d1/messages/events?api-version=2021-04-12") { Content = new StringContent("x") };
            request.Headers.TryAddWithoutValidation("Authorization", SasToken.ForDevice(server.Ready.Hub.HostName, device.Id, device.PrimaryKey));
            if (order is not null)
                request.Headers.TryAddWithoutValidation("iothub-app-AzIoTHub_FaultOperationType", order);
            using var answer = await http.SendAsync(request, TestContext.Current.CancellationToken);
            ((int)answer.StatusCode).ShouldBe(expected);
            if (order is not null && code is not null)
                answer.Headers.GetValues("iothub-errorcode").ShouldBe([code]);
        }
    }

    /// <summary>What a tier lets through at once is a minute's worth; each kind of call has a bucket of its own.</summary>
    [Fact]
    public async Task Each_kind_of_call_meets_its_own_limit_and_one_job_runs_at_a_time()
    {
        using var folder = new TempFolder();
        await using var server = await ServerProcess.StartAsync(new ServerSettings(folder.Path), "--limits", "azure-s1", "--units", "1");
        var devices = new List<TestDevice>();
        for (var i = 0; i < 3; i++)
            devices.Add(await server.Hub.CreateDeviceAsync($"d{i}"));
        var host = server.Ready.Hub.HostName;
        var (wire, _) = await MqttWire.ConnectAsync(server, devices[0], keepAlive: 600);
        await using var silent = wire;
        await wire.SendAsync(MqttWire.Subscribe(1, ("$iothub/methods/POST/#", 0)));
        (await wire.ReadAsync())!.Header.ShouldBe(MqttPacket.SubAck);

        Task<RestAnswer> JobAsync(int i) => server.Hub.SendAsync(HttpMethod.Put, $"jobs/v2/j{i}",
            System.Text.Json.Nodes.JsonNode.Parse("""{"type":"scheduleDeviceMethod","cloudToDeviceMethod":{"methodName":"wait","responseTimeoutInSeconds":300},"queryCondition":"deviceId='d0'"}"""));
        (await JobAsync(-1)).Status.ShouldBe(200);
        (await JobAsync(-2)).Status.ShouldBe(200);
        (await wire.ReadAsync(TimeSpan.FromSeconds(60))).ShouldNotBeNull("the method of the first job");
        ((string?)(await server.Hub.SendAsync(HttpMethod.Get, "jobs/v2/j-1")).Json["status"]).ShouldBe("running");
        ((string?)(await server.Hub.SendAsync(HttpMethod.Get, "jobs/v2/j-2")).Json["status"]).ShouldBe("queued");

        await MeetsAsync(98, JobAsync);
        await MeetsAsync(20, _ => server.Hub.SendAsync(HttpMethod.Get, "configurations"));
        await MeetsAsync(20, _ => server.Hub.SendAsync(HttpMethod.Post, "devices/query", System.Text.Json.Nodes.JsonNode.Parse("""{"query":"SELECT deviceId FROM devices WHERE deviceId='d0'"}""")));
        // A queue holds 50 messages.
        await MeetsAsync(100, i => server.Hub.SendAsync(HttpMethod.Post, $"devices/d{i / 40}/messages/devicebound", System.Text.Json.Nodes.JsonNode.Parse("1")));
        await MeetsAsync(100, async i =>
        {
            var token = SasToken.ForDevice(host, "d1", devices[1].PrimaryKey);
            var opened = await server.Hub.SendAsync(HttpMethod.Post, "devices/d1/files", System.Text.Json.Nodes.JsonNode.Parse("""{"blobName":"f"}"""), token: token);
            if (opened.Status == 200)
                (await server.Hub.SendAsync(HttpMethod.Post, $"devices/d1/files/notifications/{(string)opened.Json["correlationId"]!}", System.Text.Json.Nodes.JsonNode.Parse("""{"isSuccess":false}"""), token: token)).Status.ShouldBe(204);
            return opened;
        });
        // Registry and telemetry have theirs still.
        (await server.Hub.SendAsync(HttpMethod.Get, "devices/d0")).Status.ShouldBe(200);
    }

    /// <summary>So many calls pass at once; of further ones, soon one is refused: the bucket fills while they are made.</summary>
    private static async Task MeetsAsync(int burst, Func<int, Task<RestAnswer>> call)
    {
        for (var i = 0; i < burst; i++)
            (await call(i)).Status.ShouldBeInRange(200, 204, $"call {i + 1} of {burst}");
        for (var i = burst; ; i++)
        {
            var answer = await call(i);
            if (answer.Status == 429)
            {
                answer.Body.ShouldContain("ErrorCode:ThrottlingException");
                answer.Headers.RetryAfter.ShouldNotBeNull();
                return;
            }
            answer.Status.ShouldBeInRange(200, 204);
            i.ShouldBeLessThan(burst * 2, "no call was refused");
        }
    }

    [Fact]
    public async Task Registry_calls_above_the_limit_get_429_and_the_time_to_wait()
    {
        using var folder = new TempFolder();
        await using var server = await ServerProcess.StartAsync(new ServerSettings(folder.Path), "--limits", "azure-s1", "--units", "1", "--fault-injection");
        server.Printed.ShouldContain("WARNING: devices can order faults");
        for (var i = 0; i < 100; i++)
            (await server.Hub.SendAsync(HttpMethod.Get, "devices")).Status.ShouldBe(200);
        RestAnswer answer;
        var calls = 0;
        do
            answer = await server.Hub.SendAsync(HttpMethod.Get, "devices");
        while (answer.Status == 200 && ++calls < 50);
        answer.Status.ShouldBe(429);
        answer.Body.ShouldContain("ErrorCode:ThrottlingException");
        answer.Headers.RetryAfter!.Delta.ShouldBe(TimeSpan.FromSeconds(1));
        (await server.Hub.SendAsync(HttpMethod.Get, "devices", token: "none")).Status.ShouldBe(401);
        await Task.Delay(TimeSpan.FromSeconds(1.2));
        (await server.Hub.SendAsync(HttpMethod.Get, "devices")).Status.ShouldBe(200);
    }
}
