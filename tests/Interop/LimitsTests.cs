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
