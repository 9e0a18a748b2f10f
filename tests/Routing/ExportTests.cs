using System.Text;
using System.Text.Json.Nodes;
using Homeport.Contract.Messages;
using Homeport.Contract.Rest.Operators;
using Homeport.Routing;

namespace Homeport.Tests.Routing;

/// <summary>Data exports: what they take, in which form, and that nothing is lost.</summary>
public sealed class ExportTests
{
    private static DataExportDescription Telemetry => new() { Source = "telemetry" };

    [Theory]
    [InlineData("SELECT * FROM devices", "1 2 3 4")]
    [InlineData("SELECT * FROM devices WHERE t > 1.5", "2 3")]
    [InlineData("SELECT * FROM devices WHERE $id = \"pump\" AND t >= 1", "1 2")]
    [InlineData("SELECT * FROM devices WHERE $displayName = 'Pump pump'", "1 2")]
    [InlineData("SELECT * FROM devices WHERE $template = null", "3 4")]
    [InlineData("SELECT * FROM devices WHERE $organizations = 'north' AND $simulated = false AND $enabled = true", "1 2")]
    [InlineData("SELECT * FROM devices WHERE level = 'high'", "2")]
    [InlineData("SELECT * FROM devices WHERE site = 'Oslo' AND serial = 's1'", "1 2")]
    [InlineData("SELECT * FROM dtmi:modelDefinition:example:pump;1", "1 2")]
    [InlineData("select * from dtmi:example:pump;1 where t = 2", "2")]
    [InlineData("SELECT * FROM dtmi:example:pump;1 AS A, dtmi:example:motor;1 AS M WHERE A.t < M.limit", "1 2")]
    [InlineData("SELECT * FROM dtmi:example:motor;1 WHERE motor.limit > 8", "1 2")]
    [InlineData("SELECT * FROM dtmi:example:other;1", "")]
    [InlineData("SELECT * FROM devices WHERE nothing = 1", "")]
    public async Task A_filter_takes(string filter, string taken)
    {
        await using var fixture = new ExportFixture();
        await fixture.PumpAsync("pump");
        await fixture.CreateAsync("other");
        await fixture.StartAsync();
        await fixture.ExportAsync(Telemetry with { Filter = filter }, "all");
        await fixture.SendAsync("""{"t":1}""", "pump");
        await fixture.SendAsync("""{"t":2}""", "pump", new KeyValuePair<string, string?>("level", "high"));
        await fixture.SendAsync("""{"t":3}""", "other");
        await fixture.SendAsync("no JSON", "other");
        await fixture.UntilAsync(async () => (await fixture.HealthAsync("all")).Lag == 0, "all are looked at");
        var bodies = fixture.Sinks["e/all"].Taken.Select(b => JsonNode.Parse(b)!).Select(m => m["telemetry"]!["t"]?.ToJsonString() ?? "4");
        string.Join(' ', bodies).ShouldBe(taken);
        (await fixture.HealthAsync("all")).Delivered.ShouldBe(taken.Length == 0 ? 0 : taken.Split(' ').Length, "what the filter leaves out is not counted");
    }

    [Fact]
    public async Task Telemetry_has_the_form_of_IoT_Central_and_what_is_no_JSON_goes_as_bytes()
    {
        await using var fixture = new ExportFixture();
        await fixture.PumpAsync("pump");
        await fixture.StartAsync();
        var enrichments = new Dictionary<string, ExportEnrichmentDescription>
        {
            ["Text"] = new() { Value = "v" },
            ["Name"] = new() { Path = "$displayName" },
            ["Template"] = new() { Path = "$templateDisplayName" },
            ["Organizations"] = new() { Path = "$organizations" },
            ["Site"] = new() { Target = ExportFixture.Template, Path = "site" },
            ["Limit"] = new() { Target = "dtmi:example:motor;1", Path = "limit" },
            ["Not here"] = new() { Target = "dtmi:example:other;1", Path = "site" },
        };
        await fixture.ExportAsync(Telemetry with { Enrichments = enrichments }, "all");
        await fixture.SendAsync("{\"t\":1,\n \"s\":\"a\\u0000\"}", "pump", new("level", "high"), new(SystemProperty.Subject, "motor"));
        await fixture.SendAsync("plain", "nobody");
        await fixture.SendAsync("""{"\ud800":1}""", "nobody");
        await fixture.SendAsync("[1]", "nobody");
        var taken = (await fixture.TakenAsync("all", 4)).Select(b => JsonNode.Parse(b)!).ToList();
        taken.ShouldAllBe(m => m["schema"]!.GetValue<string>() == "default@v1");
        fixture.Sinks["e/all"].Taken.ShouldAllBe(b => !b.Contains('\n', StringComparison.Ordinal));
        taken[0]["enqueuedTime"] = null;
        taken[0].ShouldBeJson("""
            {"applicationId":"default","messageSource":"telemetry","deviceId":"pump","schema":"default@v1","templateId":"dtmi:modelDefinition:example:pump;1","enqueuedTime":null,
             "telemetry":{"t":1,"s":"a\u0000"},
             "enrichments":{"Text":"v","Name":"Pump pump","Template":"Pump","Organizations":["north"],"Site":"Oslo","Limit":9},
             "messageProperties":{"level":"high"},"component":"motor"}
            """);
        taken[1]["body"].ShouldBeJson($"\"{Convert.ToBase64String("plain"u8)}\"");
        (taken[1]["telemetry"]!.AsObject().Count, (string?)taken[1]["deviceId"], taken[1]["templateId"]).ShouldBe((0, "nobody", null));
        taken[2]["body"].ShouldNotBeNull();
        taken[3]["body"].ShouldNotBeNull();
        var message = fixture.Sinks["e/all"].Last!;
        (message.IsPlain, message.Property("iotcentral-device-id"), message.Property("iotcentral-message-source"), message.Stated(SystemProperty.ContentType)).ShouldBe((true, "nobody", "telemetry", "application/json"));
    }

    [Fact]
    public async Task A_transform_reads_the_whole_message_and_makes_none_or_several()
    {
        await using var fixture = new ExportFixture();
        await fixture.PumpAsync("pump");
        await fixture.StartAsync();
        string? read = null;
        fixture.Transforms.Play = (query, message) =>
        {
            read = message;
            return (int)JsonNode.Parse(message)!["telemetry"]![0]!["value"]! switch { 1 => [], 2 => ["2", "22"], 3 => null, var v => [$"{v}"] };
        };
        await fixture.ExportAsync(Telemetry with { Destinations = [new() { Id = "some", Transform = "q" }, new() { Id = "all" }] }, "some", "all");
        foreach (var t in (int[])[1, 2, 3, 4])
            await fixture.SendAsync($$"""{"t":{{t}}}""", "pump");
        (await fixture.TakenAsync("some", 3)).ShouldBe(["2", "22", "4"]);
        (await fixture.TakenAsync("all", 4)).Count.ShouldBe(4);
        fixture.Sinks["e/some"].Last!.Part.ShouldBe(0);
        await fixture.UntilAsync(async () => (await fixture.HealthAsync("some")) is { Dead: 1, Delivered: 3 }, "one is given up");
        (await fixture.Exports.HealthAsync("e", default)).Value!.First(t => t.DestinationId == "some").Dead.ShouldHaveSingleItem().Reason.ShouldBe("The transform: it failed");
        var whole = JsonNode.Parse(read!)!;
        whole["enqueuedTime"] = null;
        whole.ShouldBeJson("""
            {"applicationId":"default","messageSource":"telemetry","deviceId":"pump","enqueuedTime":null,"templateId":"dtmi:modelDefinition:example:pump;1",
             "device":{"id":"pump","name":"Pump pump","cloudProperties":[{"name":"site","value":"Oslo"}],
               "properties":{"reported":[{"name":"serial","value":"s1"},{"name":"limit","value":9,"component":"motor"}]},
               "templateId":"dtmi:modelDefinition:example:pump;1","templateName":"Pump","simulated":false,"approved":true,"blocked":false,"provisioned":false},
             "telemetry":[{"name":"t","value":4}],"enrichments":{},"messageProperties":{}}
            """);
    }

    [Fact]
    public async Task Nothing_is_lost_while_a_destination_is_away_and_over_a_restart()
    {
        await using var fixture = new ExportFixture();
        await fixture.StartAsync();
        await fixture.ExportAsync(Telemetry, "away", "there");
        fixture.Sinks["e/away"].Answer = _ => new DeliveryFailure("Away");
        await fixture.SendAsync("""{"t":1}""");
        await fixture.TakenAsync("there", 1);
        await fixture.UntilAsync(async () => (await fixture.Exports.GetExportAsync("e", default)).Value is { Status: "error", Errors: [{ Code: "DestinationUnavailable", Message: "Away" }] }, "it says so");
        ((await fixture.Exports.GetDestinationAsync("away", default)).Value!.Status, (await fixture.Exports.GetDestinationAsync("there", default)).Value!.Status).ShouldBe(("error", "healthy"));
        await fixture.RestartAsync();
        await fixture.SendAsync("""{"t":2}""");
        fixture.Sinks["e/away"].Answer = _ => null;
        (await fixture.TakenAsync("away", 2)).Count.ShouldBe(2);
        (await fixture.TakenAsync("there", 2)).Count.ShouldBe(2);
        await fixture.UntilAsync(async () => (await fixture.Exports.GetExportAsync("e", default)).Value is { Status: "healthy", LastExportTime: not null }, "it is well");
    }

    [Fact]
    public async Task An_export_takes_what_comes_after_it_was_turned_on_and_a_new_destination_what_comes_after_that()
    {
        await using var fixture = new ExportFixture();
        await fixture.StartAsync();
        await fixture.SendAsync("""{"t":0}""");
        await fixture.ExportAsync(Telemetry with { Enabled = false }, "first");
        (await fixture.Exports.GetExportAsync("e", default)).Value!.Status.ShouldBe("notStarted");
        await fixture.SendAsync("""{"t":1}""");
        await fixture.ExportAsync(Telemetry, "first");
        await fixture.SendAsync("""{"t":2}""");
        await fixture.TakenAsync("first", 1);
        await fixture.ExportAsync(Telemetry, "first", "second");
        await fixture.SendAsync("""{"t":3}""");
        Times(await fixture.TakenAsync("first", 2)).ShouldBe([2, 3]);
        Times(await fixture.TakenAsync("second", 1)).ShouldBe([3]);
        await fixture.ExportAsync(Telemetry, "first");
        await fixture.SendAsync("""{"t":4}""");
        await fixture.TakenAsync("first", 3);
        await fixture.ExportAsync(Telemetry, "first", "second");
        await fixture.SendAsync("""{"t":5}""");
        Times(await fixture.TakenAsync("second", 2)).ShouldBe([3, 5]);
        (await fixture.Exports.DeleteDestinationAsync("second", default)).ShouldNotBeNull().Error.Name.ShouldBe("DestinationInUse");
        (await fixture.Exports.DeleteExportAsync("e", default)).ShouldBeNull();
        (await fixture.Exports.DeleteDestinationAsync("second", default)).ShouldBeNull();
        (await fixture.Exports.ListDestinationsAsync(default)).Select(d => d.Id).ShouldBe(["first"]);

        static IEnumerable<int> Times(IEnumerable<string> bodies) => bodies.Select(b => (int)JsonNode.Parse(b)!["telemetry"]!["t"]!);
    }

    [Fact]
    public async Task A_file_that_is_gathered_keeps_what_came_before_a_message_that_is_given_up()
    {
        await using var fixture = new ExportFixture();
        await fixture.StartAsync();
        fixture.Transforms.Play = (_, message) => message.Contains("\"value\":2", StringComparison.Ordinal) ? null : [message];
        await fixture.DestinationAsync("file", "file@x1");
        await fixture.ExportAsync(Telemetry with { Destinations = [new() { Id = "file", Transform = "q" }] });
        foreach (var t in (int[])[1, 2, 3])
            await fixture.SendAsync($$"""{"t":{{t}}}""");
        (await fixture.TakenAsync("file", 2)).Count.ShouldBe(2);
        await fixture.UntilAsync(async () => (await fixture.HealthAsync("file")) is { Dead: 1, Delivered: 2, Lag: 0 }, "one is given up, two are in files");
    }

    [Fact]
    public async Task Changes_of_twins_of_connections_and_of_the_life_of_devices_are_exported()
    {
        await using var fixture = new ExportFixture();
        await fixture.StartAsync();
        foreach (var source in (string[])["properties", "deviceLifecycle", "deviceTemplateLifecycle"])
        {
            await fixture.DestinationAsync(source);
            (await fixture.Exports.PutExportAsync(source, new DataExportDescription { Source = source, Destinations = [new() { Id = source }] }, default)).Refusal?.Text.ShouldBeNull();
        }
        await fixture.PumpAsync("pump");
        (await fixture.Registry.DeleteAsync("pump", null, Homeport.Hub.Registry.IfMatch.Absent, default)).ShouldBeNull();
        string[] life = ["registered", "displayNameChanged", "deviceTemplateChanged", "deleted"];
        (await MessagesAsync("deviceLifecycle", 4)).Select(m => (string?)m["messageType"]).ShouldBe(life);
        ((string?)(await MessagesAsync("deviceLifecycle", 4))[3]["templateId"]).ShouldBe(ExportFixture.Template, "of one that is gone the event says it");
        (await MessagesAsync("deviceTemplateLifecycle", 1)).Select(m => ((string?)m["messageType"], (string?)m["templateId"], m["deviceId"])).ShouldBe([("created", ExportFixture.Template, null)]);
        (await MessagesAsync("properties", 2)).Select(m => $"{m["messageType"]} {m["properties"]!.ToJsonString()}").ShouldBe([
            """devicePropertyReportedChange [{"name":"serial","value":"s1"},{"name":"limit","value":9,"component":"motor"}]""", """cloudPropertyChange [{"name":"site","value":"Oslo"}]"""]);

        async Task<List<JsonNode>> MessagesAsync(string export, int count)
        {
            await fixture.UntilAsync(() => fixture.Sinks[$"{export}/{export}"].Taken.Count >= count, $"{export}: {string.Join('\n', fixture.Sinks[$"{export}/{export}"].Taken)}");
            return [.. fixture.Sinks[$"{export}/{export}"].Taken.Select(b => JsonNode.Parse(b)!)];
        }
    }

    [Fact]
    public async Task A_wrong_export_is_refused_with_what_mends_it()
    {
        await using var fixture = new ExportFixture();
        await fixture.DestinationAsync("d");
        var good = Telemetry with { Destinations = [new() { Id = "d" }] };
        var wrong = new (string Id, DataExportDescription Export, string Error, string Seen)[]
        {
            ("a b", good, "InvalidExport", "an id has"),
            ("e", good with { Id = "other" }, "InvalidExport", "'other'"),
            ("e", good with { Source = null }, "InvalidExport", "no source"),
            ("e", good with { Source = "audit" }, "InvalidExport", "'audit'"),
            ("e", good with { DisplayName = "a\nb" }, "InvalidExport", "displayName"),
            ("e", good with { Destinations = [] }, "InvalidExport", "no destination"),
            ("e", good with { Destinations = [new() { Id = "x" }] }, "InvalidExport", "'x'"),
            ("e", good with { Destinations = [new() { Id = "d" }, new() { Id = "D" }] }, "InvalidExport", "twice"),
            ("e", good with { Destinations = [.. Enumerable.Repeat(new ExportTargetDescription { Id = "d" }, 6)] }, "InvalidExport", "6 destinations"),
            ("e", good with { Destinations = [new() { Id = "d", Transform = "bad" }] }, "InvalidTransform", "Bad"),
            ("e", good with { Filter = "SELECT * FROM devices WHERE t >" }, "InvalidExportFilter", "position 32"),
            ("e", good with { Filter = "SELECT * FROM dtmi:example:a;1 WHERE t >" }, "InvalidExportFilter", "position 41"),
            ("e", good with { Filter = "SELECT * FROM devices WHERE $colour = 1" }, "InvalidExportFilter", "$colour"),
            ("e", good with { Filter = "t > 1" }, "InvalidExportFilter", "SELECT"),
            ("e", good with { Filter = new string('a', 9000) }, "InvalidExportFilter", "9000 characters"),
            ("e", good with { Enrichments = new Dictionary<string, ExportEnrichmentDescription> { ["k"] = new() } }, "InvalidExport", "neither value nor path"),
            ("e", good with { Enrichments = new Dictionary<string, ExportEnrichmentDescription> { ["k"] = new() { Path = "serial" } } }, "InvalidExport", "as target"),
            ("e", good with { Enrichments = Enumerable.Range(0, 11).ToDictionary(i => $"k{i}", _ => new ExportEnrichmentDescription { Value = "v" }) }, "InvalidExport", "11 enrichments"),
        };
        foreach (var (id, export, error, seen) in wrong)
        {
            var refusal = (await fixture.Exports.PutExportAsync(id, export, default)).Refusal.ShouldNotBeNull(seen);
            (refusal.Error.Name, refusal.Text).ShouldSatisfyAllConditions(r => r.Item1.ShouldBe(error, refusal.Text), r => r.Text.ShouldContain(seen, Case.Insensitive));
        }
        (await fixture.Exports.PutExportAsync("e", good, default)).Refusal.ShouldBeNull();
        (await fixture.Exports.PutExportAsync("e", good with { Source = "properties" }, default)).Refusal.ShouldNotBeNull().Text.ShouldContain("cannot change");
        for (var i = 0; i < 9; i++)
            (await fixture.Exports.PutExportAsync($"e{i}", good, default)).Refusal.ShouldBeNull();
        (await fixture.Exports.PutExportAsync("more", good, default)).Refusal.ShouldNotBeNull().Error.Name.ShouldBe("TooManyExports");
        (await fixture.Exports.GetExportAsync("none", default)).Refusal.ShouldNotBeNull().Error.Name.ShouldBe("ExportNotFound");
    }

    [Fact]
    public async Task A_wrong_destination_is_refused_with_what_mends_it()
    {
        await using var fixture = new ExportFixture();
        var webhook = new DestinationDescription { Type = "webhook@v1", Url = "https://example.com/in" };
        static DestinationDescription Bus(string text, string type = "eventhubs@v1") => new() { Type = type, Authorization = new() { Type = "connectionString", ConnectionString = text } };
        const string Good = "Endpoint=sb://bus.example.com/;SharedAccessKeyName=send;SharedAccessKey=c2VjcmV0;EntityPath=hub";
        var wrong = new (DestinationDescription Destination, string Seen)[]
        {
            (webhook with { Type = null }, "no type"),
            (webhook with { Type = "dataexplorer@v1" }, "'dataexplorer@v1'"),
            (webhook with { Type = "kafka@x1" }, "'kafka@x1'"),
            (webhook with { Url = "http://example.com/in" }, "https://"),
            (webhook with { Authorization = new() { Type = "connectionString", ConnectionString = Good } }, "none of a webhook"),
            (webhook with { Authorization = new() { Type = "oAuth2", TokenUrl = "http://example.com/", ClientId = "c", ClientSecret = "s" } }, "tokenUrl"),
            (webhook with { Authorization = new() { Type = "oAuth2", TokenUrl = "https://example.com/", ClientId = "c" } }, "clientSecret"),
            (webhook with { HeaderCustomizations = new Dictionary<string, DestinationCustomization> { ["X"] = new() } }, "'X' has no value"),
            (webhook with { HeaderCustomizations = new Dictionary<string, DestinationCustomization> { ["X"] = new() { Value = "a\r\nb" } } }, "cannot be sent"),
            (webhook with { HeaderCustomizations = new Dictionary<string, DestinationCustomization> { ["X"] = new() { Value = "*****", Secret = true } } }, "masked"),
            (webhook with { CertificateAuthority = "nonsense" }, "PEM"),
            (Bus(""), "no connection string"),
            (Bus("nonsense"), "cannot be read"),
            (Bus(Good.Replace(";EntityPath=hub", "", StringComparison.Ordinal)), "no EntityPath"),
            (Bus(Good.Replace("c2VjcmV0", "*****", StringComparison.Ordinal)), "masked"),
            (Bus(Good) with { Url = "amqps://other" }, "beside the connection string"),
            (Bus(Good) with { Authorization = new() { Type = "systemAssignedManagedIdentity" } }, "no identity in Azure"),
            (new DestinationDescription { Type = "amqp@x1", Url = "amqps://example.com" }, "no address"),
            (new DestinationDescription { Type = "mqtt@x1", Authorization = new() { Type = "header", Value = "v" } }, "authorization"),
        };
        foreach (var (destination, seen) in wrong)
        {
            var refusal = (await fixture.Exports.PutDestinationAsync("d", destination, default)).Refusal.ShouldNotBeNull(seen);
            refusal.Error.Name.ShouldBe("InvalidDestination", refusal.Text);
            refusal.Text.ShouldContain(seen, Case.Insensitive);
        }
        (await fixture.Exports.PutDestinationAsync("d", webhook, default)).Refusal.ShouldBeNull();
        (await fixture.Exports.PutDestinationAsync("d", Bus(Good), default)).Refusal.ShouldNotBeNull().Text.ShouldContain("cannot change");
    }

    [Fact]
    public async Task Secrets_are_sealed_never_shown_and_kept_for_the_same_place_only()
    {
        await using var fixture = new ExportFixture();
        var webhook = new DestinationDescription
        {
            Type = "webhook@v1",
            Url = "https://example.com/in",
            HeaderCustomizations = new Dictionary<string, DestinationCustomization> { ["X-Key"] = new() { Value = "secret-1", Secret = true }, ["X-Plain"] = new() { Value = "plain" } },
            QueryCustomizations = new Dictionary<string, DestinationCustomization> { ["code"] = new() { Value = "secret-2", Secret = true } },
            Authorization = new() { Type = "header", Value = "secret-3" },
        };
        (await fixture.Exports.PutDestinationAsync("d", webhook, default)).Refusal?.Text.ShouldBeNull();
        // As the service's examples write it: beside the authorization.
        var bus = new DestinationDescription { Type = "servicebustopic@v1", ConnectionString = "Endpoint=sb://bus.example.com/;SharedAccessKeyName=send;SharedAccessKey=secret-4;EntityPath=topic" };
        (await fixture.Exports.PutDestinationAsync("b", bus, default)).Refusal?.Text.ShouldBeNull();
        var shown = await fixture.Exports.ListDestinationsAsync(default);
        string.Join('\n', shown.Select(d => System.Text.Json.JsonSerializer.Serialize(d, ExportJson.Default.DestinationDescription))).ShouldNotContain("secret-");
        (shown[0].ConnectionString, shown[0].Authorization!.ConnectionString).ShouldBe((null, "Endpoint=sb://bus.example.com/;SharedAccessKeyName=send;SharedAccessKey=*****;EntityPath=topic"));
        (shown[1].HeaderCustomizations!["X-Plain"].Value, shown[1].Authorization!.Value).ShouldBe(("plain", "*****"));
        foreach (var (name, bytes) in fixture.Files())
            bytes.AsSpan().IndexOf(Encoding.ASCII.GetBytes("secret-")).ShouldBe(-1, $"a secret is in {name}");

        (await fixture.Exports.PutDestinationAsync("d", shown[1] with { DisplayName = "Other" }, default)).Value!.DisplayName.ShouldBe("Other");
        (await fixture.Exports.PutDestinationAsync("b", shown[0] with { DisplayName = "Other" }, default)).Refusal?.Text.ShouldBeNull();
        (await fixture.Exports.PutDestinationAsync("d", shown[1] with { Url = "https://elsewhere.example.com/in" }, default)).Refusal.ShouldNotBeNull().Text.ShouldContain("masked");
        (await fixture.Exports.PutDestinationAsync("b", shown[0] with { Authorization = shown[0].Authorization! with { ConnectionString = shown[0].Authorization!.ConnectionString!.Replace("bus.", "evil.", StringComparison.Ordinal) } }, default))
            .Refusal.ShouldNotBeNull().Text.ShouldContain("masked");
    }
}
