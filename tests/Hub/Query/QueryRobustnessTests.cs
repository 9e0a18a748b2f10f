using System.Diagnostics;
using System.Text;
using Homeport.Hub.Query;

namespace Homeport.Tests.Hub.Query;

/// <summary>Whatever is asked: no exception, no long wait.</summary>
public sealed class QueryRobustnessTests
{
    private static readonly string[] Seeds =
    [
        "SELECT * FROM devices WHERE tags.location.region = 'US' AND properties.reported.x >= 60",
        "SELECT TOP 5 deviceId AS id, tags['my key'].list[0] FROM devices AS c WHERE NOT c.deviceId IN ['a', \"b\", 1.5e3, 0xFF, null]",
        "SELECT COUNT() AS n, AVG(tags.a) AS a FROM devices.modules WHERE startswith(deviceId, 'x\\u0041') OR -tags.[[group]] * 2 < 5 GROUP BY tags.b",
        "SELECT * FROM devices.jobs WHERE devices.jobs.status NIN ['a'] AND substring(concat(jobId, 'x'), 1, 2) != 'it''s'",
    ];

    private static readonly string[] Pieces =
    [
        "SELECT", "FROM", "WHERE", "GROUP BY", "AND", "OR", "NOT", "IN", "NIN", "TOP", "AS", "*", "(", ")", "[", "]", "[[", "]]", ",", ".", "=", "!=", "<", "-", "%", "'", "\"",
        "\\", "\\u", "0x", "1e", "9", "devices", "tags", "$version", "count()", "is_defined(", "null", "undefined", "\0", "\ud800", "é", "😀", " ", "\n", "#", "true",
    ];

    [Fact]
    public async Task Mutated_queries_never_throw_and_never_take_long()
    {
        // With a seed, so that a failure comes again in the next run.
        var random = new Random(20260101);
        var runner = new QueryRunner(new MemoryQuerySource(MemoryQuerySource.Twin("a", """{"a":1,"b":"x","list":[1]}""")));
        var clock = Stopwatch.StartNew();
        var accepted = 0;
        for (var i = 0; i < 20_000; i++)
        {
            var text = Mutate(random, Seeds[random.Next(Seeds.Length)]);
            HubQuery.ParseCondition(text);
            var outcome = HubQuery.Parse(text);
            if (outcome.Value is { } query)
            {
                accepted++;
                (await runner.RunAsync(query, 10, null, default)).Refusal.ShouldBeNull(text);
            }
            else
            {
                outcome.Refusal!.Seen.Length.ShouldBeLessThan(400, text);
            }
        }
        accepted.ShouldBeGreaterThan(100);
        clock.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(30));
    }

    [Theory]
    [InlineData("(")]
    [InlineData("NOT ")]
    [InlineData("-")]
    [InlineData("tags[")]
    [InlineData("abs(")]
    [InlineData("a.")]
    [InlineData("a IN [")]
    [InlineData("'x")]
    [InlineData("concat(a,")]
    [InlineData("[[")]
    public void Repeated_pieces_end_quickly(string piece)
    {
        const string Head = "SELECT * FROM devices WHERE ";
        var text = Head + string.Concat(Enumerable.Repeat(piece, (HubQuery.MaxLength - Head.Length) / piece.Length));
        var clock = Stopwatch.StartNew();
        HubQuery.Parse(text).Refusal.ShouldNotBeNull();
        clock.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(2));
    }

    [Fact]
    public async Task A_hundred_thousand_twins_are_searched_quickly()
    {
        var reported = Encoding.UTF8.GetBytes($$"""{"firmware":{"version":"1.2.3","history":[1,2,3]},"text":"{{new string('x', 600)}}","temp":21.5,"battery":80}""");
        var tags = Enumerable.Range(0, 10).Select(i => Encoding.UTF8.GetBytes($$"""{"customer":"c{{i}}","location":{"plant":"Redmond43","region":"r{{i}}","floor":{{i}}}, "more":"{{new string('y', 200)}}"}""")).ToArray();
        var source = new MemoryQuerySource(Enumerable.Range(0, 100_000).Select(i => new TwinRow { DeviceId = $"d{i:D6}", Status = "enabled", Tags = tags[i % 10], Reported = reported }));
        var query = HubQuery.Parse("SELECT COUNT() AS n FROM devices WHERE status = 'enabled' AND tags.location.region != 'r7' AND properties.reported.battery > 50").Value!;
        await new QueryRunner(source).RunAsync(query, 10, null, default);
        var clock = Stopwatch.StartNew();
        var page = (await new QueryRunner(source).RunAsync(query, 10, null, default)).Value!;
        var elapsed = clock.Elapsed;
        Encoding.UTF8.GetString(page.Objects[0].Span).ShouldBe("""{"n":90000}""");
        TestContext.Current.SendDiagnosticMessage($"100,000 twins in {elapsed.TotalMilliseconds:F0} ms");
        elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(5));
    }

    private static string Mutate(Random random, string text)
    {
        for (var n = random.Next(1, 4); n > 0; n--)
        {
            var at = random.Next(text.Length + 1);
            var length = Math.Min(random.Next(6), text.Length - at);
            text = random.Next(3) switch
            {
                0 => text.Remove(at, length),
                1 => text.Insert(at, Pieces[random.Next(Pieces.Length)]),
                _ => text.Remove(at, length).Insert(at, Pieces[random.Next(Pieces.Length)]),
            };
        }
        return text;
    }
}
