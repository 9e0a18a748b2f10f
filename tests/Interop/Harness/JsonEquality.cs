using System.Text.Json.Nodes;

namespace Homeport.Tests;

/// <summary>Compares JSON.</summary>
internal static class JsonEquality
{
    /// <summary>Equal as JSON, whatever the order of the members.</summary>
    public static void ShouldBeJson(this JsonNode? actual, string expected)
        => JsonNode.DeepEquals(actual, JsonNode.Parse(expected)).ShouldBeTrue($"it is {actual?.ToJsonString()} and should be {expected}");
}
