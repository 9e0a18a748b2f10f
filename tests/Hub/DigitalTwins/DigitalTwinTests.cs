using System.Text;
using System.Text.Json.Nodes;
using Homeport.Hub.DigitalTwins;
using Homeport.Hub.Twins;

namespace Homeport.Tests.Hub.DigitalTwins;

/// <summary>How a device twin reads as a digital twin, and how a JSON Patch of that becomes desired properties.</summary>
public sealed class DigitalTwinTests
{
    /// <summary>Desired properties before, reported properties before, JSON Patch, desired properties that are written.</summary>
    public static TheoryData<string, string, string, string> Patches => new()
    {
        { "{}", "{}", """[{"op":"add","path":"/t","value":1}]""", """{"t":1}""" },
        { "{}", "{}", """[{"op":"remove","path":"/t"}]""", """{"t":null}""" },
        { "{}", "{}", """[{"op":"add","path":"/c/t","value":1}]""", """{"c":{"__t":"c","t":1}}""" },
        { "{}", """{"c":{"__t":"c"}}""", """[{"op":"replace","path":"/c/t","value":1},{"op":"remove","path":"/c/u"}]""", """{"c":{"__t":"c","t":1,"u":null}}""" },
        { """{"o":{"a":1}}""", "{}", """[{"op":"replace","path":"/o/a","value":2}]""", """{"o":{"a":2}}""" },
        { "{}", "{}", """[{"op":"add","path":"/c","value":{"$metadata":{},"t":1}}]""", """{"c":{"t":1,"__t":"c"}}""" },
        { "{}", "{}", """[{"op":"add","path":"/a~1b~0","value":[1]}]""", """{"a/b~":[1]}""" },
    };

    [Theory]
    [MemberData(nameof(Patches))]
    public void A_patch_becomes_desired_properties(string desired, string reported, string patch, string written)
    {
        var outcome = DigitalTwinPatch.Read(JsonNode.Parse(patch)!.AsArray(), TwinOf(desired, reported));
        outcome.Refusal.ShouldBeNull();
        outcome.Value!.ToJsonString().ShouldBe(written);
    }

    [Theory]
    [InlineData("""{"p":{"value":5,"ac":200,"av":3,"ad":"ok"}}""", """{"ackVersion":3,"ackCode":200,"ackDescription":"ok"}""", "5")]
    [InlineData("""{"p":{"value":5}}""", "{}", """{"value":5}""")]
    [InlineData("""{"p":[1,2]}""", "{}", "[1,2]")]
    public void An_acknowledgement_is_taken_off_the_value(string reported, string about, string value)
    {
        var document = JsonNode.Parse(DigitalTwinDocument.ToBytes(TwinOf("{}", reported)))!;
        document["p"]!.ToJsonString().ShouldBe(value);
        foreach (var (name, expected) in JsonNode.Parse(about)!.AsObject())
            document["$metadata"]!["p"]![name]!.ToJsonString().ShouldBe(expected!.ToJsonString());
    }

    private static Twin TwinOf(string desired, string reported) => new()
    {
        DeviceId = "d1",
        Desired = TwinSection.Empty with { Properties = Encoding.UTF8.GetBytes(desired) },
        Reported = TwinSection.Empty with { Properties = Encoding.UTF8.GetBytes(reported) },
    };
}
