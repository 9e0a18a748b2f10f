using Homeport.Tests.Interop.Harness;

namespace Homeport.Tests.Interop;

/// <summary>A server with the limits of a hub in Azure, and with faults on order.</summary>
public sealed class LimitsTests
{
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
