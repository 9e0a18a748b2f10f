using Homeport.Hub.Query;

namespace Homeport.Tests.Hub.Query;

/// <summary>What an index can use of a condition.</summary>
public sealed class QueryPlanTests
{
    [Theory]
    [InlineData("deviceId = 'x'", "deviceId AnyOf 'x'")]
    [InlineData("'x' = deviceId", "deviceId AnyOf 'x'")]
    [InlineData("devices.deviceId IN ['a', 'b', 'a']", "deviceId AnyOf 'a' 'b'")]
    [InlineData("deviceId = 'a' OR deviceId = 'b' OR DEVICEID IN ['c']", "deviceId AnyOf 'a' 'b' 'c'")]
    [InlineData("status = 'enabled' AND tags.a.b = 1", "status AnyOf 'enabled'; tags.a.b AnyOf 1")]
    [InlineData("(tags.a = 'x' AND (tags.t = true AND tags.n > 1)) AND NOT tags.q = 1", "tags.a AnyOf 'x'; tags.t AnyOf true")]
    [InlineData("startswith(deviceId, 'p') AND is_defined(tags.a)", "deviceId StartsWith 'p'")]
    [InlineData("starts_with(tags.a, 'p')", "tags.a StartsWith 'p'")]
    [InlineData("deviceId IN []", "deviceId AnyOf")]
    [InlineData("deviceId = undefined", "deviceId AnyOf")]
    [InlineData("moduleId = '$edgeAgent'", "moduleId AnyOf '$edgeAgent'")]
    [InlineData("tags['my key'] = 'x'", "tags.[[my key]] AnyOf 'x'")]
    [InlineData("deviceId = 'a' OR status = 'enabled'", "")]
    [InlineData("deviceId = 'a' OR tags.n > 1", "")]
    [InlineData("NOT deviceId = 'a'", "")]
    [InlineData("deviceId != 'a'", "")]
    [InlineData("deviceId NIN ['a']", "")]
    [InlineData("tags.a = null", "")]
    [InlineData("tags.a IN ['x', null]", "")]
    [InlineData("tags.list[0] = 'x'", "")]
    [InlineData("properties.reported.a = 'x'", "")]
    [InlineData("capabilities.iotEdge = true", "")]
    [InlineData("tags = 'x'", "")]
    [InlineData("deviceId = tags.a", "")]
    [InlineData("*", "")]
    public void Conditions_for_an_index(string condition, string expected)
    {
        var index = HubQuery.ParseCondition(condition).Value.ShouldNotBeNull().Index;
        string.Join("; ", index.Select(c => $"{c.Path} {c.Match} {string.Join(' ', c.Values)}".Trim())).ShouldBe(expected);
    }
}
