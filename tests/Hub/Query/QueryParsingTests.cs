using Homeport.Contract.Errors;
using Homeport.Hub.Query;

namespace Homeport.Tests.Hub.Query;

/// <summary>Which queries are read, and where the others go wrong.</summary>
public sealed class QueryParsingTests
{
    [Theory]
    [InlineData("SELECT * FROM devices")]
    [InlineData("select * from DEVICES")]
    [InlineData("  SELECT\t*\r\nFROM devices  ")]
    [InlineData("SELECT TOP 5 * FROM devices")]
    [InlineData("SELECT * FROM devices WHERE tags.location.region = 'US'")]
    [InlineData("SELECT * FROM devices WHERE tags.location.region = 'US' AND properties.reported.telemetryConfig.sendFrequencyInSecs >= 60")]
    [InlineData("SELECT * FROM devices WHERE properties.reported.connectivity IN ['wired', 'wifi']")]
    [InlineData("SELECT * FROM devices WHERE is_defined(properties.reported.connectivity)")]
    [InlineData("SELECT properties.reported.telemetryConfig.status AS status, COUNT() AS numberOfDevices FROM devices GROUP BY properties.reported.telemetryConfig.status")]
    [InlineData("SELECT LastActivityTime FROM devices WHERE status = 'enabled'")]
    [InlineData("SELECT * FROM devices.modules WHERE properties.reported.status = 'scanning'")]
    [InlineData("SELECT * FROM devices.modules WHERE devices.modules.moduleId NIN ['$edgeAgent']")]
    [InlineData("SELECT deviceId, moduleId FROM devices.modules WHERE configurations.[[my-config-1]].status = 'Applied'")]
    [InlineData("SELECT * FROM devices.jobs WHERE devices.jobs.deviceId = 'myDeviceId' AND devices.jobs.createdTimeUtc > '2016-09-01'")]
    [InlineData("SELECT * FROM devices WHERE capabilities.iotEdge = true")]
    [InlineData("SELECT * FROM devices c WHERE c.deviceId = 'a' OR NOT (c.tags.x <> 1)")]
    [InlineData("SELECT c.deviceId FROM devices AS c")]
    [InlineData("SELECT * FROM devices WHERE tags['my key'].list[0] = 1")]
    [InlineData("SELECT * FROM devices WHERE tags.[[group]].x = 1 AND tags.group = 2 AND tags.5g = true")]
    [InlineData("SELECT * FROM devices WHERE NOT deviceId IN ['a'] AND deviceId NOT IN ['b'] AND tags.x IN []")]
    [InlineData("SELECT * FROM devices WHERE properties.reported.$metadata.$lastUpdated < '2026'")]
    [InlineData("SELECT * FROM devices WHERE tags.x = -1.5e+3 AND tags.y = 0xFF AND tags.z IN [-1, 2, null, true]")]
    [InlineData("SELECT * FROM devices WHERE tags.a + 1 * 2 - -3 / 4 % 5 = 1")]
    [InlineData("SELECT * FROM devices WHERE tags.x = 'it''s' OR tags.x = \"a\\u0041\\\"\" OR tags.x = 'x\\\\y\\'z'")]
    [InlineData("SELECT * FROM devices WHERE 'a' IN tags.list")]
    [InlineData("SELECT count() FROM devices")]
    [InlineData("SELECT AVG(tags.a) AS a, SUM(tags.a) AS s, MIN(tags.a) AS lo, MAX(tags.a) AS hi FROM devices GROUP BY tags.b, tags.c")]
    [InlineData("SELECT top FROM devices")]
    [InlineData("SELECT tags.value, tags.[[distinct]] FROM devices")]
    [InlineData("SELECT * FROM devices WHERE true")]
    public void It_is_read(string text) => HubQuery.Parse(text).Refusal.ShouldBeNull();

    [Theory]
    [InlineData("SELECT", 7, "the end of the query", "'*'")]
    [InlineData("DELETE FROM devices", 1, "'DELETE'", "SELECT")]
    [InlineData("SELECT FROM devices", 8, "'FROM'", "a path")]
    [InlineData("SELECT * WHERE x = 1", 10, "'WHERE'", "FROM")]
    [InlineData("SELECT * FROM things", 15, "'things'", "devices")]
    [InlineData("SELECT * FROM devices.twins", 23, "'twins'", "modules or jobs")]
    [InlineData("SELECT * FROM devices WHERE", 28, "the end of the query", "a value")]
    [InlineData("SELECT * FROM devices WHERE a =", 32, "the end of the query", "a value")]
    [InlineData("SELECT * FROM devices WHERE a = 1 b", 35, "'b'", "AND, OR")]
    [InlineData("SELECT * FROM devices WHERE a = 1 = 2", 35, "'='", "AND, OR")]
    [InlineData("SELECT * FROM devices WHERE (a = 1", 35, "the end of the query", "')'")]
    [InlineData("SELECT * FROM devices WHERE a IN (1, 2)", 34, "'('", "brackets")]
    [InlineData("SELECT * FROM devices WHERE a IN [1 2]", 37, "'2'", "',' or ']'")]
    [InlineData("SELECT * FROM devices WHERE a IN [b]", 35, "'b'", "a constant")]
    [InlineData("SELECT * FROM devices WHERE a IN [-'x']", 36, "''x''", "a number")]
    [InlineData("SELECT * FROM devices WHERE a = 'x", 33, "no ' at its end", "")]
    [InlineData("SELECT * FROM devices WHERE a = 'x\\q'", 35, "after '\\'", "")]
    [InlineData("SELECT * FROM devices WHERE a = 'x\\u12'", 35, "after '\\'", "")]
    [InlineData("SELECT * FROM devices WHERE a = 12ab", 33, "does not begin with a digit", "")]
    [InlineData("SELECT * FROM devices WHERE a = 1e", 33, "is not a number", "")]
    [InlineData("SELECT * FROM devices WHERE a = 1e999", 33, "is not a number", "")]
    [InlineData("SELECT * FROM devices WHERE a = 0x", 33, "1 to 16 digits", "")]
    [InlineData("SELECT * FROM devices WHERE a # 1", 31, "'#'", "")]
    [InlineData("SELECT * FROM devices WHERE a = ;", 33, "';'", "")]
    [InlineData("SELECT * FROM devices WHERE tags.[[x = 1", 34, "no ']]'", "")]
    [InlineData("SELECT * FROM devices WHERE tags.[[]] = 1", 34, "is empty", "")]
    [InlineData("SELECT * FROM devices WHERE tags. = 1", 35, "'='", "a name")]
    [InlineData("SELECT * FROM devices WHERE tags[-1] = 1", 34, "'-'", "index")]
    [InlineData("SELECT * FROM devices WHERE tags[1.5] = 1", 34, "'1.5'", "index")]
    [InlineData("SELECT * FROM devices WHERE and = 1", 29, "'and'", "[[and]]")]
    [InlineData("SELECT * FROM devices WHERE foo(1) = 1", 29, "'foo'", "is_defined")]
    [InlineData("SELECT * FROM devices WHERE count() > 1", 29, "aggregate", "")]
    [InlineData("SELECT * FROM devices WHERE is_defined(a, b)", 29, "2 arguments", "takes 1")]
    [InlineData("SELECT * FROM devices WHERE substring(a)", 29, "1 arguments", "2 to 3")]
    [InlineData("SELECT * FROM devices WHERE is_defined(a", 41, "the end", "',' or ')'")]
    [InlineData("SELECT * FROM devices ORDER BY deviceId", 23, "ORDER BY", "sort the result")]
    [InlineData("SELECT * FROM devices WHERE a = 1 ORDER BY deviceId", 35, "ORDER BY", "sort the result")]
    [InlineData("SELECT * FROM devices JOIN x", 23, "JOIN", "")]
    [InlineData("SELECT DISTINCT tags.a FROM devices", 8, "DISTINCT", "")]
    [InlineData("SELECT TOP 0 * FROM devices", 12, "'0'", "whole number")]
    [InlineData("SELECT TOP 1.5 * FROM devices", 12, "'1.5'", "whole number")]
    [InlineData("SELECT TOP * FROM devices", 12, "'*'", "whole number")]
    [InlineData("SELECT COUNT(*) FROM devices", 14, "'*'", "COUNT() takes nothing")]
    [InlineData("SELECT lower(deviceId) FROM devices", 8, "'lower'", "COUNT()")]
    [InlineData("SELECT deviceId AS FROM devices", 25, "'devices'", "FROM")]
    [InlineData("SELECT deviceId, deviceId FROM devices", 18, "second column", "AS")]
    [InlineData("SELECT deviceId, COUNT() AS n FROM devices", 8, "'deviceId' beside an aggregate", "GROUP BY")]
    [InlineData("SELECT tags.a, COUNT() AS n FROM devices GROUP BY tags.b", 8, "'tags.a' beside", "GROUP BY")]
    [InlineData("SELECT * FROM devices GROUP BY tags.b", 1, "SELECT * with GROUP BY", "")]
    [InlineData("SELECT tags.b FROM devices GROUP tags.b", 34, "'tags'", "BY")]
    [InlineData("SELECT tags.b FROM devices GROUP BY tags.b HAVING x", 44, "HAVING", "")]
    public void A_mistake_is_named_with_its_position(string text, int position, string found, string expected)
    {
        var refusal = HubQuery.Parse(text).Refusal.ShouldNotBeNull();
        refusal.Error.ShouldBe(HubErrors.ArgumentInvalid);
        refusal.Seen.ShouldStartWith($"Query, position {position}: ");
        refusal.Seen.ShouldContain(found);
        refusal.Text.ShouldContain(expected);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("  \n")]
    public void An_empty_query_is_refused(string? text) => HubQuery.Parse(text).Refusal!.Seen.ShouldBe("The query is empty");

    [Fact]
    public void The_length_is_limited()
    {
        var text = "SELECT * FROM devices WHERE a = '".PadRight(HubQuery.MaxLength - 1, 'x') + "'";
        HubQuery.Parse(text).Refusal.ShouldBeNull();
        HubQuery.Parse(text + " ").Refusal!.Seen.ShouldContain("8193 characters");
    }

    [Theory]
    [InlineData("(", ")")]
    [InlineData("NOT ", "")]
    [InlineData("-", "")]
    [InlineData("abs(", ")")]
    [InlineData("NOT (", ")")]
    public void The_nesting_is_limited(string open, string close)
    {
        string Nested(int depth) => "SELECT * FROM devices WHERE " + string.Concat(Enumerable.Repeat(open, depth)) + "1" + string.Concat(Enumerable.Repeat(close, depth));
        HubQuery.Parse(Nested(45)).Refusal.ShouldBeNull();
        HubQuery.Parse(Nested(120)).Refusal!.Seen.ShouldContain("more than 100 levels");
    }

    [Theory]
    [InlineData("1", "+")]
    [InlineData("1", "*")]
    [InlineData("a", " AND ")]
    [InlineData("a", " OR ")]
    public void Long_chains_do_not_nest(string term, string separator)
    {
        var text = "SELECT * FROM devices WHERE " + string.Join(separator, Enumerable.Repeat(term, 8000 / (term.Length + separator.Length)));
        var query = HubQuery.Parse(text);
        query.Refusal.ShouldBeNull();
        query.Value!.Condition.Matches(MemoryQuerySource.Twin("d")).ShouldBeFalse();
    }

    [Theory]
    [InlineData("SELECT * FROM devices", QueryCollection.Devices, QueryItemType.Twin, QueryParts.All)]
    [InlineData("SELECT * FROM devices.modules", QueryCollection.Modules, QueryItemType.Twin, QueryParts.All)]
    [InlineData("SELECT * FROM Devices.Jobs", QueryCollection.Jobs, QueryItemType.DeviceJob, QueryParts.All)]
    [InlineData("SELECT COUNT() AS n FROM devices", QueryCollection.Devices, QueryItemType.Raw, QueryParts.None)]
    [InlineData("SELECT deviceId FROM devices WHERE tags.a = 1", QueryCollection.Devices, QueryItemType.Raw, QueryParts.Fields | QueryParts.Tags)]
    [InlineData("SELECT COUNT() AS n, properties.reported.b FROM devices GROUP BY properties.reported.b", QueryCollection.Devices, QueryItemType.Raw, QueryParts.Reported)]
    [InlineData("SELECT properties FROM devices", QueryCollection.Devices, QueryItemType.Raw, QueryParts.Desired | QueryParts.Reported)]
    public void The_collection_the_item_type_and_the_parts_are_known(string text, QueryCollection collection, QueryItemType type, QueryParts parts)
    {
        var query = HubQuery.Parse(text).Value.ShouldNotBeNull();
        (query.Condition.Collection, query.ItemType, query.Parts).ShouldBe((collection, type, parts));
    }

    [Theory]
    [InlineData("*", QueryCollection.Devices, true)]
    [InlineData("deviceId IN ['d']", QueryCollection.Devices, true)]
    [InlineData("deviceId IN ['e']", QueryCollection.Devices, false)]
    [InlineData("tags.x='1'", QueryCollection.Devices, true)]
    [InlineData("from devices.modules where tags.x = '1'", QueryCollection.Modules, true)]
    [InlineData("FROM devices.modules", QueryCollection.Modules, true)]
    public void A_condition_may_stand_alone(string text, QueryCollection collection, bool matches)
    {
        var condition = HubQuery.ParseCondition(text).Value.ShouldNotBeNull();
        condition.Collection.ShouldBe(collection);
        condition.Matches(MemoryQuerySource.Twin("d", """{"x":"1"}""")).ShouldBe(matches);
    }

    [Theory]
    [InlineData("")]
    [InlineData("* AND true")]
    [InlineData("tags.x=")]
    [InlineData("tags.x='1' ORDER BY a")]
    [InlineData("SELECT * FROM devices")]
    [InlineData("tags.x='1' GROUP BY a")]
    public void A_wrong_condition_is_refused(string text) => HubQuery.ParseCondition(text).Refusal.ShouldNotBeNull().Error.ShouldBe(HubErrors.ArgumentInvalid);
}
