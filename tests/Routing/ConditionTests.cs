using System.Text;
using Homeport.Hub.Query;
using Homeport.Log;
using Homeport.Routing;

namespace Homeport.Tests.Routing;

/// <summary>The language of conditions. Source: Azure "IoT Hub message routing query syntax", whose examples are among the rows.</summary>
public sealed class ConditionTests
{
    private const string Body = """{"Weather":{"Temperature":50,"Time":"2017-03-09T00:00:00.000Z","Wind":{"Direction":"East"},"IsEnabled":true,"History":[20,18,22],"hot spots":["a"]}}""";

    private static RoutedMessage Message(string? contentType = "application/json", string? encoding = "utf-8", byte[]? body = null) => new(
        2, 17, DateTimeOffset.UnixEpoch, MessageSource.Telemetry, new RecordOrigin("dev-1", null, "g1", """{"scope":"device"}""", "dtmi:com:example:Pump;1"),
        [
            new("$.ct", contentType), new("$.ce", encoding), new("$.mid", "m1"), new("processingPath", "hot"), new("temperature", "31.5"), new("temperature-alert", "true"),
            new("a.b", "dotted"), new("From", "x"), new("empty", null), new("contentType", "an application's own"),
        ],
        body ?? Encoding.UTF8.GetBytes(Body))
    {
        Twin = """{"tags":{"site":"A"},"properties":{"desired":{"telemetryConfig":{"sendFrequency":"5m"}},"reported":{"fw":3}}}"""u8.ToArray(),
    };

    [Theory]
    [InlineData("true", true)]
    [InlineData("", true)]
    [InlineData("false", false)]
    [InlineData("processingPath = 'hot'", true)]
    [InlineData("PROCESSINGPATH = 'hot'", true)]
    [InlineData("processingPath = 'Hot'", false)]
    [InlineData("processingPath <> 'cold' AND NOT (temperature = 'x')", true)]
    [InlineData("temperature-alert = 'true'", true)]
    [InlineData("{temperature-alert} = 'true'", true)]
    [InlineData("{a.b} = 'dotted'", true)]
    [InlineData("[[From]] = 'x'", true)]
    [InlineData("temperature > 30", false)]
    [InlineData("as_number(temperature) > 30", true)]
    [InlineData("as_number(temperature) - 1 = 30.5", true)]
    [InlineData("nothing = 'hot'", false)]
    [InlineData("nothing != 'hot'", false)]
    [InlineData("NOT nothing", false)]
    [InlineData("is_defined(nothing)", false)]
    [InlineData("is_defined(processingPath) AND is_string(processingPath)", true)]
    [InlineData("processingPath IN ['cold', 'hot']", true)]
    [InlineData("starts_with(processingPath, 'h') AND ends_with(processingPath, 't') AND contains(processingPath, 'o')", true)]
    [InlineData("substring(processingPath, 1) = 'ot' AND lower('A') = 'a' AND length(processingPath) = 3 AND index_of(processingPath, 't') = 2", true)]
    [InlineData("concat(processingPath, '-', $connectionDeviceId) = 'hot-dev-1'", true)]
    [InlineData("$connectionDeviceId = 'dev-1'", true)]
    [InlineData("$CONNECTIONDEVICEID = 'dev-1'", true)]
    [InlineData("{$connectionDeviceId} = 'dev-1'", true)]
    [InlineData("is_defined($connectionModuleId)", false)]
    [InlineData("$contentType = 'application/json' AND $contentEncoding = 'utf-8'", true)]
    [InlineData("contentType = 'an application''s own'", true)]
    [InlineData("$processingPath = 'hot'", true)]
    [InlineData("$messageId = 'm1'", true)]
    [InlineData("$iothub-message-source = 'Telemetry'", true)]
    [InlineData("$dt-dataschema = 'dtmi:com:example:Pump;1'", true)]
    [InlineData("$body.Weather.Temperature = 50 AND $body.Weather.IsEnabled", true)]
    [InlineData("$body.weather.Temperature = 50", false)]
    [InlineData("$body.Weather.Wind.Direction = 'East' AND $body.Weather.History[0] > 18", true)]
    [InlineData("length($body.Weather.Wind.Direction) = 4", true)]
    [InlineData("$body.Weather.Temperature = 50 AND processingPath = 'hot'", true)]
    [InlineData("$body.Weather['hot spots'][0] = 'a'", true)]
    [InlineData("is_array($body.Weather.History) AND is_object($body.Weather)", true)]
    [InlineData("$twin.properties.desired.telemetryConfig.sendFrequency = '5m'", true)]
    [InlineData("$twin.tags.site = 'A' OR $twin.tags.site = 'B'", true)]
    [InlineData("$twin.properties.reported.fw * 2 >= 6", true)]
    [InlineData("$twin.tags.other = 'A'", false)]
    public void Takes(string condition, bool expected) => MessageCondition.Parse(condition).Value!.Matches(Message()).ShouldBe(expected);

    [Theory]
    [InlineData("application/json", "utf-8", true)]
    [InlineData("Application/JSON", "UTF-8", true)]
    [InlineData("application/json; charset=utf-8", "utf-8", true)]
    [InlineData("application/json", null, false)]
    [InlineData(null, "utf-8", false)]
    [InlineData("text/plain", "utf-8", false)]
    [InlineData("application/json", "gzip", false)]
    public void The_body_is_read_when_the_message_says_that_it_is_JSON(string? contentType, string? encoding, bool expected)
        => MessageCondition.Parse("$body.Weather.Temperature = 50").Value!.Matches(Message(contentType, encoding)).ShouldBe(expected);

    [Theory]
    [InlineData("utf-16")]
    [InlineData("utf-32")]
    public void A_body_in_wide_characters_is_read(string encoding)
        => MessageCondition.Parse("$body.Weather.Temperature = 50").Value!
            .Matches(Message(encoding: encoding, body: (encoding == "utf-16" ? Encoding.Unicode : Encoding.UTF32).GetBytes(Body))).ShouldBeTrue();

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("""{"Weather":{"Temperature":50}} more""")]
    [InlineData("\u0001")]
    public void A_body_that_is_no_JSON_has_no_parts(string body)
    {
        var message = Message(body: Encoding.UTF8.GetBytes(body));
        MessageCondition.Parse("is_defined($body.Weather)").Value!.Matches(message).ShouldBeFalse();
        MessageCondition.Parse("NOT is_defined($body.Weather)").Value!.Matches(message).ShouldBeTrue();
    }

    [Theory]
    [InlineData("temperature >", "position 14", "the end of the query")]
    [InlineData("temperature > 30 processingPath", "position 18", "'processingPath'")]
    [InlineData("tags.site = 'A'", "position 1", "tags.site")]
    [InlineData("x = 1 AND $twin.deviceId = 'a'", "position 11", "$twin.deviceId")]
    [InlineData("nofunction(a)", "position 1", "nofunction")]
    [InlineData("a = 'b", "position 5", "no ' at its end")]
    [InlineData("{a = 1", "position 1", "no '}' at its end")]
    [InlineData("a ~ b", "position 3", "'~'")]
    [InlineData("substring(a)", "position 1", "1 arguments")]
    public void A_mistake_is_named_with_its_position(string condition, string position, string seen)
    {
        var refusal = MessageCondition.Parse(condition).Refusal.ShouldNotBeNull();
        refusal.Seen.ShouldContain(position);
        refusal.Seen.ShouldContain(seen);
    }

    [Theory]
    [InlineData("$twin.tags.site", "A")]
    [InlineData("$twin.properties.reported.fw", "3")]
    [InlineData("$twin.tags.nothing", "$twin.tags.nothing")]
    [InlineData("$iothubname", "hub1")]
    [InlineData("plain", "plain")]
    public void An_enrichment_is_a_text_a_name_or_a_value_of_the_twin(string value, string expected)
    {
        var message = Message();
        Enrichment.Make("added", value, "hub1", out _).ShouldNotBeNull().Apply(message);
        message.Property("added").ShouldBe(expected);
    }

    [Theory]
    [InlineData("a b", "x")]
    [InlineData("", "x")]
    [InlineData("k", "")]
    [InlineData("k", "$twin.status")]
    [InlineData("k", "$twin.tags.")]
    public void An_enrichment_that_cannot_be_is_refused(string key, string value)
    {
        Enrichment.Make(key, value, "hub1", out var wrong).ShouldBeNull();
        wrong.ShouldNotBeNullOrEmpty();
    }
}
