using System.Text;
using System.Text.Json.Nodes;
using Homeport.Hub.DigitalTwins;
using Homeport.Hub.Twins;

namespace Homeport.Tests.Hub.DigitalTwins;

/// <summary>Changes of digital twins as the events of the service tell them.</summary>
public sealed class DigitalTwinChangeTests
{
    private const string Old = """{"$lastUpdated":"2026-01-01T00:00:00Z","maxTemp":{"$lastUpdated":"2026-01-01T00:00:00Z"}}""";
    private const string New = """{"$lastUpdated":"2026-01-02T00:00:00Z","maxTemp":{"$lastUpdated":"2026-01-02T00:00:00Z"}}""";

    [Theory]
    [InlineData("{}", "{}", """{"maxTemp":42.1}""", New,
        """[{"op":"add","path":"/$metadata/maxTemp","value":{"lastUpdateTime":"2026-01-02T00:00:00Z"}},{"op":"add","path":"/maxTemp","value":42.1}]""")]
    [InlineData("""{"maxTemp":1}""", Old, """{"maxTemp":2}""", New,
        """[{"op":"replace","path":"/$metadata/maxTemp/lastUpdateTime","value":"2026-01-02T00:00:00Z"},{"op":"replace","path":"/maxTemp","value":2}]""")]
    [InlineData("""{"maxTemp":1}""", Old, "{}", "{}", """[{"op":"remove","path":"/$metadata/maxTemp"},{"op":"remove","path":"/maxTemp"}]""")]
    [InlineData("{}", "{}", """{"c1":{"__t":"c","a/b":1}}""", """{"c1":{"a/b":{"$lastUpdated":"2026-01-02T00:00:00Z"}}}""",
        """[{"op":"add","path":"/c1","value":{"a/b":1,"$metadata":{"a/b":{"lastUpdateTime":"2026-01-02T00:00:00Z"}}}}]""")]
    [InlineData("""{"c1":{"__t":"c","a/b":1}}""", "{}", """{"c1":{"__t":"c","a/b":2}}""", "{}", """[{"op":"replace","path":"/c1/a~1b","value":2}]""")]
    public void A_change_of_reported_properties_is_a_JSON_patch(string before, string beforeMetadata, string after, string afterMetadata, string patch)
        => JsonNode.Parse(DigitalTwinChange.Between(TwinOf(before, beforeMetadata), TwinOf(after, afterMetadata)).ShouldNotBeNull()).ShouldNotBeNull().ToJsonString()
            .ShouldBe(JsonNode.Parse(patch)!.ToJsonString());

    [Fact]
    public void A_change_that_the_digital_twin_does_not_show_is_none()
        => DigitalTwinChange.Between(TwinOf("{}", "{}"), TwinOf("{}", "{}") with { Tags = """{"floor":1}"""u8.ToArray(), Version = 9 }).ShouldBeNull();

    private static Twin TwinOf(string reported, string metadata) => new()
    {
        DeviceId = "d1",
        ModelId = "dtmi:com:example:Thermostat;1",
        Reported = new TwinSection(Encoding.UTF8.GetBytes(reported), Encoding.UTF8.GetBytes(metadata), 2),
    };
}
