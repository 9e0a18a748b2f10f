using System.Text;
using Homeport.Contract.Errors;
using Homeport.Hub.Query;

namespace Homeport.Tests.Hub.Query;

/// <summary>Pages, projections, aggregates and tokens.</summary>
public sealed class QueryRunnerTests
{
    private readonly MemoryQuerySource _source = new(Enumerable.Range(0, 25).Select(i => MemoryQuerySource.Twin(
        $"d{i:D2}", $$"""{"i":{{i}},"odd":{{(i % 2 == 1 ? "true" : "false")}},"s":"x{{i % 3}}"{{(i < 5 ? ",\"rare\":1.50" : "")}}}""", """{"a":1}""")));

    [Theory]
    [InlineData("SELECT * FROM devices", 10, "10 10 5")]
    [InlineData("SELECT * FROM devices", 25, "25")]
    [InlineData("SELECT * FROM devices", 24, "24 1")]
    [InlineData("SELECT * FROM devices", null, "25")]
    [InlineData("SELECT * FROM devices WHERE tags.odd", 5, "5 5 2")]
    [InlineData("SELECT * FROM devices WHERE tags.i < 5", 5, "5")]
    [InlineData("SELECT * FROM devices WHERE tags.i > 99", 5, "0")]
    [InlineData("SELECT TOP 12 * FROM devices", 5, "5 5 2")]
    [InlineData("SELECT TOP 10 * FROM devices", 5, "5 5")]
    [InlineData("SELECT TOP 3 * FROM devices", 5, "3")]
    [InlineData("SELECT deviceId FROM devices", 10, "10 10 5")]
    [InlineData("SELECT tags.i, COUNT() AS n FROM devices GROUP BY tags.i", 10, "10 10 5")]
    [InlineData("SELECT TOP 7 tags.i, COUNT() AS n FROM devices GROUP BY tags.i", 5, "5 2")]
    public async Task Pages_have_their_size_and_the_last_has_no_token(string text, int? size, string expected)
    {
        var pages = await All(text, size);
        string.Join(' ', pages.Select(p => p.Rows.Count + p.Objects.Count)).ShouldBe(expected);
        var items = pages.SelectMany(p => p.Rows.Select(r => r.Key.DeviceId).Concat(p.Objects.Select(o => Encoding.UTF8.GetString(o.Span)))).ToList();
        items.Distinct().Count().ShouldBe(items.Count);
        items.Order(StringComparer.Ordinal).Count().ShouldBe(expected.Split(' ').Sum(int.Parse));
    }

    [Fact]
    public async Task Modules_of_one_device_are_paged_too()
    {
        var source = new MemoryQuerySource(Enumerable.Range(0, 7).Select(i => new TwinRow { DeviceId = "d", ModuleId = i == 0 ? null : $"m{i}" }));
        var found = new List<string?>();
        string? token = null;
        do
        {
            var page = (await new QueryRunner(source).RunAsync(HubQuery.Parse("SELECT * FROM devices.modules").Value!, 2, token, default)).Value!;
            found.AddRange(page.Rows.Select(r => r.Key.Part));
            token = page.Continuation;
        }
        while (token is not null);
        found.ShouldBe([null, "m1", "m2", "m3", "m4", "m5", "m6"]);
    }

    [Theory]
    [InlineData("SELECT deviceId, tags.i FROM devices WHERE tags.i = 3", """{"deviceId":"d03","i":3}""")]
    [InlineData("SELECT DeviceId AS Id, tags.rare AS r FROM devices WHERE tags.i IN [4, 5]", """{"Id":"d04","r":1.50} {"Id":"d05"}""")]
    [InlineData("SELECT tags, properties.desired.a FROM devices WHERE deviceId = 'd05'", """{"tags":{"i":5,"odd":true,"s":"x2"},"a":1}""")]
    [InlineData("SELECT properties.reported, version FROM devices WHERE deviceId = 'd05'", """{"reported":{"$version":7},"version":5}""")]
    [InlineData("SELECT properties.desired AS d FROM devices WHERE deviceId = 'd05'",
        """{"d":{"a":1,"$metadata":{"$lastUpdated":"2026-01-02T00:00:00.0000000Z","a":{"$lastUpdatedVersion":4}},"$version":4}}""")]
    [InlineData("SELECT properties.desired.$version, capabilities FROM devices WHERE deviceId = 'd05'", """{"$version":4,"capabilities":{"iotEdge":false}}""")]
    [InlineData("SELECT tags.nothing FROM devices WHERE deviceId = 'd05'", "{}")]
    [InlineData("SELECT COUNT() AS n FROM devices", """{"n":25}""")]
    [InlineData("SELECT COUNT(), AVG(tags.i) FROM devices", """{"$1":25,"$2":12}""")]
    [InlineData("SELECT COUNT() AS n FROM devices WHERE false", """{"n":0}""")]
    [InlineData("SELECT COUNT() AS n, SUM(tags.i) AS s, AVG(tags.i) AS a, MIN(tags.i) AS lo, MAX(tags.s) AS hi FROM devices", """{"n":25,"s":300,"a":12,"lo":0,"hi":"x2"}""")]
    [InlineData("SELECT SUM(tags.s) AS s, AVG(tags.s) AS a, MIN(tags.odd) AS lo, MAX(tags.rare) AS hi FROM devices", """{"s":0,"hi":1.50}""")]
    [InlineData("SELECT tags.s AS s, COUNT() AS n FROM devices GROUP BY tags.s", """{"s":"x0","n":9} {"s":"x1","n":8} {"s":"x2","n":8}""")]
    [InlineData("SELECT tags.rare, COUNT() AS n FROM devices GROUP BY tags.rare", """{"rare":1.50,"n":5} {"n":20}""")]
    [InlineData("SELECT tags.odd, tags.s, MAX(deviceId) AS last FROM devices WHERE tags.i < 4 GROUP BY tags.s, tags.odd",
        """{"odd":false,"s":"x0","last":"d00"} {"odd":true,"s":"x1","last":"d01"} {"odd":false,"s":"x2","last":"d02"} {"odd":true,"s":"x0","last":"d03"}""")]
    [InlineData("SELECT tags.odd FROM devices GROUP BY tags.odd", """{"odd":false} {"odd":true}""")]
    [InlineData("SELECT tags.odd FROM devices WHERE false GROUP BY tags.odd", "")]
    public async Task Objects_are_made(string text, string expected)
    {
        var page = (await All(text, null)).ShouldHaveSingleItem();
        page.ItemType.ShouldBe(QueryItemType.Raw);
        string.Join(' ', page.Objects.Select(o => Encoding.UTF8.GetString(o.Span))).ShouldBe(expected);
    }

    [Fact]
    public async Task The_scan_gets_what_it_can_use()
    {
        await All("SELECT deviceId FROM devices WHERE deviceId = 'd03' AND tags.odd", null);
        var scan = _source.Scans.ShouldHaveSingleItem();
        (scan.Collection, scan.Parts, scan.After).ShouldBe((QueryCollection.Devices, QueryParts.Fields | QueryParts.Tags, null));
        scan.Conditions.ShouldHaveSingleItem().Path.Text.ShouldBe("deviceId");
    }

    [Fact]
    public async Task A_page_reads_no_further_than_the_next_row()
    {
        await Run("SELECT * FROM devices", 10, null);
        _source.Read.ShouldBe(11);
        await Run("SELECT TOP 3 * FROM devices", 10, null);
        _source.Read.ShouldBe(14);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(1001)]
    public async Task A_wrong_page_size_is_refused(int size)
        => (await Run("SELECT * FROM devices", size, null)).Refusal.ShouldNotBeNull().Error.ShouldBe(HubErrors.ArgumentInvalid);

    [Fact]
    public async Task A_broken_token_or_that_of_another_query_is_refused()
    {
        var token = (await Run("SELECT * FROM devices", 10, null)).Value!.Continuation.ShouldNotBeNull();
        (await Run("SELECT * FROM devices", 5, token)).Value!.Rows[0].Key.DeviceId.ShouldBe("d10");
        string[] broken = ["x", "!!!!", token[..^4], token + "AAAA", "B" + token[1..], new('A', 60), new('A', 5000)];
        foreach (var bad in broken)
            (await Run("SELECT * FROM devices", 10, bad)).Refusal.ShouldNotBeNull(bad).Error.ShouldBe(HubErrors.ArgumentInvalid);
        (await Run("SELECT * FROM devices WHERE true", 10, token)).Refusal.ShouldNotBeNull();
    }

    [Fact]
    public async Task Damaged_tokens_never_throw()
    {
        var token = (await Run("SELECT TOP 20 * FROM devices", 10, null)).Value!.Continuation!.ToCharArray();
        for (var i = 0; i < token.Length; i++)
        {
            foreach (var c in "A_9=- \u00e9")
            {
                var damaged = (char[])token.Clone();
                damaged[i] = c;
                await Run("SELECT TOP 20 * FROM devices", 10, new string(damaged));
            }
        }
    }

    [Fact]
    public async Task Groups_are_bounded()
    {
        var source = new MemoryQuerySource(Enumerable.Range(0, 10_001).Select(i => MemoryQuerySource.Twin($"d{i:D5}")));
        var outcome = await new QueryRunner(source).RunAsync(HubQuery.Parse("SELECT COUNT() AS n FROM devices GROUP BY deviceId").Value!, 10, null, default);
        outcome.Refusal.ShouldNotBeNull().Seen.ShouldContain("10000 groups");
    }

    [Theory]
    [InlineData("SELECT COUNT() AS n FROM devices GROUP BY tags")]
    [InlineData("SELECT MIN(tags.a) AS n FROM devices GROUP BY deviceId")]
    public async Task The_memory_of_groups_is_bounded(string text)
    {
        var source = new MemoryQuerySource(Enumerable.Range(0, 100).Select(i => MemoryQuerySource.Twin($"d{i:D2}", $$"""{"a":"{{new string('x', 500_000)}}{{i}}"}""")));
        var outcome = await new QueryRunner(source).RunAsync(HubQuery.Parse(text).Value!, 10, null, default);
        outcome.Refusal.ShouldNotBeNull().Seen.ShouldContain("32 MB");
    }

    [Fact]
    public async Task A_page_of_large_rows_ends_early()
    {
        var tags = $$"""{"a":"{{new string('x', 1_000_000)}}"}""";
        var source = new MemoryQuerySource(Enumerable.Range(0, 20).Select(i => MemoryQuerySource.Twin($"d{i:D2}", tags)));
        foreach (var text in new[] { "SELECT * FROM devices", "SELECT tags FROM devices" })
        {
            var page = (await new QueryRunner(source).RunAsync(HubQuery.Parse(text).Value!, 100, null, default)).Value!;
            (page.Rows.Count + page.Objects.Count).ShouldBe(9);
            page.Continuation.ShouldNotBeNull();
        }
    }

    private Task<Outcome<QueryPage>> Run(string text, int? size, string? token)
        => new QueryRunner(_source).RunAsync(HubQuery.Parse(text).Value!, size, token, default);

    private async Task<List<QueryPage>> All(string text, int? size)
    {
        var pages = new List<QueryPage>();
        string? token = null;
        do
        {
            var page = (await Run(text, size, token)).Value.ShouldNotBeNull();
            pages.Add(page);
            token = page.Continuation;
        }
        while (token is not null);
        return pages;
    }
}
