using System.Diagnostics;
using System.Text.Json.Nodes;
using Microsoft.Playwright;

namespace Homeport.Tests.Interop.Harness;

/// <summary>An administrator who writes routes with curl and looks at their endpoints.</summary>
public sealed class RoutingOperator(OperatorCurl curl)
{
    /// <summary>Makes an API token in the console.</summary>
    public static async Task<RoutingOperator> SignInAsync(ConsoleBrowser console)
    {
        await using var window = await console.SignedInAsync();
        await window.GoAsync("/console/people", "People");
        await window.TabAsync("API tokens");
        await window.ButtonAsync("New API token");
        await window.Page.Locator("#person-id").FillAsync(SharedServer.NewId("routing"));
        await window.Page.Locator("#person-role").SelectOptionAsync("Administrator");
        await window.Page.Locator("dialog").GetByRole(AriaRole.Button, new LocatorGetByRoleOptions { Name = "Create", Exact = true }).ClickAsync();
        return new RoutingOperator(new OperatorCurl(console.Server, await window.SecretAsync()));
    }

    public Task<RestCurl> SendAsync(string method, string path, JsonNode? body = null) => curl.SendAsync(method, path, body?.ToJsonString());

    /// <summary>An endpoint and a route to it that takes what the devices of the test send.</summary>
    public async Task RouteAsync(string id, JsonObject endpoint, string condition, string source = "DeviceMessages")
    {
        var put = await SendAsync("PUT", $"/api/x/routingEndpoints/{id}", endpoint);
        put.Status.ShouldBe(200, put.Body);
        put = await SendAsync("PUT", $"/api/x/routes/{id}", new JsonObject { ["source"] = source, ["condition"] = condition, ["endpointNames"] = new JsonArray(id) });
        put.Status.ShouldBe(200, put.Body);
    }

    /// <summary>How deliveries to an endpoint go.</summary>
    public async Task<JsonNode> HealthAsync(string id) => (await SendAsync("GET", $"/api/x/routingEndpoints/{id}")).Json["health"]!;

    /// <summary>Waits until the health of an endpoint is so.</summary>
    public async Task<JsonNode> UntilAsync(string id, Func<JsonNode, bool> isSo, string what)
    {
        var watch = Stopwatch.StartNew();
        while (true)
        {
            var health = await HealthAsync(id);
            if (isSo(health))
                return health;
            watch.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(90), $"{what}: {health.ToJsonString()}");
            await Task.Delay(200);
        }
    }
}
