using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Homeport.Contract.Rest.Operators;
using Homeport.Hub.Registry;
using Homeport.Log;
using Homeport.Routing;
using Homeport.Routing.Sinks;
using Homeport.Routing.Sinks.Webhooks;

namespace Homeport.Tests.Routing;

/// <summary>What may be written of routes and endpoints, and what becomes of their secrets.</summary>
public sealed class DefinitionTests
{
    private const string Secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYqr";

    private static RoutingEndpointDescription Webhook => new() { Type = "webhook", Url = "https://example.com/events" };

    [Fact]
    public async Task A_wrong_endpoint_is_refused_with_what_mends_it()
    {
        await using var hub = new RoutingFixture();
        var wrong = new (string Id, RoutingEndpointDescription Endpoint, string Seen)[]
        {
            ("events", Webhook, "the hub's own"),
            ("$default", Webhook, "an id has"),
            ("a b", Webhook, "an id has"),
            (new string('a', 65), Webhook, "an id has"),
            ("e", Webhook with { Id = "other" }, "the address 'e'"),
            ("e", Webhook with { Type = null }, "no type"),
            ("e", Webhook with { Type = "kafka" }, "'kafka'"),
            ("e", Webhook with { Url = null }, "no url"),
            ("e", Webhook with { Url = "http://example.com/" }, "https://"),
            ("e", Webhook with { Url = "https://user:pass@example.com/" }, "user name"),
            ("e", Webhook with { Schema = "xml" }, "schema"),
            ("e", Webhook with { Secret = "short" }, "no key"),
            ("e", Webhook with { Secret = "*****" }, "masked"),
            ("e", Webhook with { CertificateAuthority = "nonsense" }, "PEM"),
            ("e", Webhook with { Headers = new Dictionary<string, string> { ["Host"] = "x" } }, "Host"),
            ("e", Webhook with { Headers = new Dictionary<string, string> { ["X"] = "a\r\nb" } }, "cannot be sent"),
            ("e", Webhook with { Enrichments = new Dictionary<string, string> { ["k"] = "$twin.status" } }, "$twin.status"),
            ("e", Webhook with { Enrichments = Enumerable.Range(0, 11).ToDictionary(i => $"k{i}", _ => "v") }, "11 enrichments"),
        };
        foreach (var (id, endpoint, seen) in wrong)
        {
            var refusal = (await hub.Service.PutEndpointAsync(id, endpoint, IfMatch.Absent, default)).Refusal.ShouldNotBeNull(seen);
            refusal.Error.Name.ShouldBe("InvalidRoutingEndpoint", refusal.Text);
            refusal.Text.ShouldContain(seen, Case.Insensitive);
        }
    }

    [Fact]
    public async Task A_wrong_route_is_refused_with_what_mends_it()
    {
        await using var hub = new RoutingFixture();
        (await hub.Service.PutEndpointAsync("e1", Webhook, IfMatch.Absent, default)).Refusal.ShouldBeNull();
        var good = new RouteDescription { Source = "DeviceMessages", EndpointNames = ["e1"] };
        var wrong = new (RouteDescription Route, string Seen)[]
        {
            (good with { Source = null }, "no source"),
            (good with { Source = "Telemetry" }, "'Telemetry'"),
            (good with { EndpointNames = [] }, "no endpoint"),
            (good with { EndpointNames = ["e1", "e2"] }, "'e2'"),
            (good with { Condition = "a = " }, "position 5"),
            (good with { Condition = new string('a', 9000) }, "9000 characters"),
        };
        foreach (var (route, seen) in wrong)
            (await hub.Service.PutRouteAsync("r", route, IfMatch.Absent, default)).Refusal.ShouldNotBeNull(seen).Text.ShouldContain(seen);
        var put = (await hub.Service.PutRouteAsync("r", good with { Source = "devicemessages", EndpointNames = ["events", "E1", "e1"] }, IfMatch.Absent, default)).Value!;
        (put.Source, put.Condition, put.IsEnabled).ShouldBe(("DeviceMessages", "true", true));
        put.EndpointNames.ShouldBe(["events", "E1"]);
    }

    [Fact]
    public async Task Secrets_are_never_shown_and_stay_until_they_are_replaced_or_the_place_changes()
    {
        await using var hub = new RoutingFixture();
        var first = Webhook with { Secret = Secret, Headers = new Dictionary<string, string> { ["Authorization"] = "Bearer top-secret" } };
        var put = (await hub.Service.PutEndpointAsync("e1", first, IfMatch.Absent, default)).Value!;
        (put.Secret, put.Headers!["Authorization"]).ShouldBe(("*****", "*****"));
        var again = (await hub.Service.PutEndpointAsync("e1", put with { Enrichments = new Dictionary<string, string> { ["k"] = "v" } }, IfMatch.Parse(put.Etag), default)).Value!;
        again.Etag.ShouldNotBe(put.Etag);
        // The same masked body for another place would send the secret there.
        (await hub.Service.PutEndpointAsync("e1", again with { Url = "https://elsewhere.example/" }, IfMatch.Absent, default)).Refusal!.Seen.ShouldContain("masked");
        (await hub.Service.PutEndpointAsync("e1", again, IfMatch.Parse(put.Etag), default)).Refusal!.Error.Name.ShouldBe("RoutingChanged");
        foreach (var (name, bytes) in hub.Files())
        {
            bytes.AsSpan().IndexOf("top-secret"u8).ShouldBe(-1, name);
            bytes.AsSpan().IndexOf(Encoding.ASCII.GetBytes(Secret)).ShouldBe(-1, name);
        }
    }

    [Fact]
    public async Task An_endpoint_is_deleted_when_no_route_leads_to_it()
    {
        await using var hub = new RoutingFixture();
        await hub.StartAsync();
        await hub.RouteAsync("e1");
        (await hub.Service.DeleteEndpointAsync("e1", IfMatch.Absent, default)).ShouldNotBeNull().Error.Name.ShouldBe("RoutingEndpointInUse");
        (await hub.Service.DeleteRouteAsync("TO-E1", IfMatch.Absent, default)).ShouldBeNull();
        (await hub.Service.DeleteEndpointAsync("e1", IfMatch.Absent, default)).ShouldBeNull();
        (await hub.Service.DeleteEndpointAsync("e1", IfMatch.Absent, default)).ShouldNotBeNull().Error.Name.ShouldBe("RoutingEndpointNotFound");
        hub.Service.Wants(MessageSource.Telemetry).ShouldBeFalse();
    }

    [Fact]
    public async Task Events_of_a_source_are_wanted_while_a_route_for_them_is_on()
    {
        await using var hub = new RoutingFixture();
        hub.Service.Wants(MessageSource.TwinChange).ShouldBeFalse();
        var put = (await hub.Service.PutRouteAsync("r", new RouteDescription { Source = "TwinChangeEvents", EndpointNames = ["events"] }, IfMatch.Absent, default)).Value!;
        hub.Service.Wants(MessageSource.TwinChange).ShouldBeTrue();
        hub.Service.Wants(MessageSource.DeviceLifecycle).ShouldBeFalse();
        await hub.Service.PutRouteAsync("r", put with { IsEnabled = false }, IfMatch.Absent, default);
        hub.Service.Wants(MessageSource.TwinChange).ShouldBeFalse();
    }

    [Fact]
    public async Task As_many_endpoints_as_in_the_service()
    {
        await using var hub = new RoutingFixture();
        for (var i = 0; i < RoutingService.MaxEndpoints; i++)
            (await hub.Service.PutEndpointAsync($"e{i}", Webhook, IfMatch.Absent, default)).Refusal.ShouldBeNull();
        (await hub.Service.PutEndpointAsync("one-more", Webhook, IfMatch.Absent, default)).Refusal!.Error.Name.ShouldBe("TooManyRoutes");
        (await hub.Service.PutEndpointAsync("e0", Webhook, IfMatch.Absent, default)).Refusal.ShouldBeNull();
    }

    [Fact]
    public void A_signature_is_that_of_the_standard()
    {
        // The example of the specification.
        var key = WebhookSignature.KeyOf("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").ShouldNotBeNull();
        WebhookSignature.Sign(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", """{"test": 2432232314}"""u8).ShouldBe("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Hostile_bodies_and_properties_stay_inside_of_their_event(bool eventGrid)
    {
        var events = new EventJson("hub1");
        var bodies = new byte[][] { "\"}]"u8.ToArray(), [0xFF, 0xFE, 0x00], "{\"a\":"u8.ToArray(), "{\"a\":\"\\ud800\"}"u8.ToArray(), [], RandomNumberGenerator.GetBytes(1000) };
        var batch = bodies.Select((body, i) => new RoutedMessage(0, i, DateTimeOffset.UnixEpoch, MessageSource.Telemetry, new RecordOrigin("d\"1", "m", "g", "{}"),
            [new("$.ct", "application/json"), new("$.ce", "utf-8"), new("a\"b", "\"\u0001"), new("a\"b", null), new("", "x")], body)).ToList();
        var read = JsonNode.Parse(events.Write(batch, eventGrid))!.AsArray();
        read.Count.ShouldBe(bodies.Length);
        for (var i = 0; i < bodies.Length; i++)
        {
            var body = read[i]!["data"]!["body"]!;
            if (body.GetValueKind() == JsonValueKind.String)
                Convert.FromBase64String((string)body!).ShouldBe(bodies[i]);
            else
                i.ShouldBe(3);
        }
    }
}
