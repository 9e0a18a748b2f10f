using System.Text;
using Homeport.Operations.Exports;
using Homeport.Server.Exports;

namespace Homeport.Tests.Server;

/// <summary>Transforms by Debian's jq.</summary>
public sealed class JqTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly JqTransforms _transforms;

    public JqTests()
    {
        _transforms = new JqTransforms(_folder.File("modules"), JqTransforms.Find(), JqTransforms.Patience);
        _transforms.Prepare();
    }

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(".", """{"a":[1]}""")]
    [InlineData(".a[]", "1")]
    [InlineData("empty", "")]
    [InlineData(".a[], 2 # and a comment", "1|2")]
    [InlineData("import \"iotc\" as iotc; .a | iotc::find(. > 0)", "1")]
    [InlineData("# which\n import \"iotc\" as x ; {v: (.a | x::find(. == 1)),}", """{"v":1}""")]
    [InlineData("def twice: . * 2; .a[0] | twice", "2")]
    [InlineData("$ENV, env", "{}|{}")]
    [InlineData("{\"m\": 1}, \"two\\nlines\"", """{"m":1}|"two\nlines" """)]
    public async Task A_query_makes_messages_of_a_message(string query, string expected)
    {
        (await _transforms.CheckAsync(query, default)).ShouldBeNull();
        (await RunAsync(query, """{"a":[1]}""")).ShouldBe([expected.Trim()]);
    }

    [Theory]
    [InlineData(".a | map(", "syntax error")]
    [InlineData("import \"other\" as o; .", "syntax error")]
    [InlineData("import \"iotc\" as i; import \"x\" as $x {search:\"/etc\"}; .", "syntax error")]
    [InlineData("include \"iotc\"; .", "syntax error")]
    [InlineData("nothing(1)", "nothing/1 is not defined")]
    [InlineData("] | [.", "")]
    public async Task What_is_no_query_is_refused(string query, string reason)
    {
        var refusal = await _transforms.CheckAsync(query, default);
        if (reason.Length == 0)
            refusal.ShouldBeNull("brackets that fit make another list of messages, and nothing else");
        else
            refusal.ShouldNotBeNull().Text.ShouldContain(reason);
    }

    [Theory]
    [InlineData("input", "input is not possible here")]
    [InlineData("[inputs]", "input is not possible here")]
    [InlineData("halt", "halt is not possible here")]
    [InlineData("\"x\" + 1", "cannot be added")]
    [InlineData("error({code: 1})", """{"code":1}""")]
    public async Task A_query_that_fails_says_why_and_goes_on_with_the_next_message(string query, string reason)
    {
        var results = await RunAsync($"if .a == [2] then {query} else .a[0] end", """{"a":[1]}""", """{"a":[2]}""", """{"a":[3]}""");
        (results[0], results[2]).ShouldBe(("1", "3"));
        results[1].ShouldContain(reason);
    }

    [Fact]
    public async Task A_query_without_end_is_ended_and_others_go_on()
    {
        await using var transform = new JqTransforms(_folder.File("modules"), JqTransforms.Find(), TimeSpan.FromSeconds(2)).Open("if . == 1 then last(range(1e15)) else . end");
        var stuck = await Should.ThrowAsync<TransformException>(() => transform.RunAsync([Json("1")], default));
        (stuck.OfMessages, stuck.Message).ShouldBe((true, "it took longer than 2 seconds"));
        (await transform.RunAsync([Json("2")], default))[0].Messages.Select(m => Encoding.UTF8.GetString(m.Span)).ShouldBe(["2"]);
    }

    [Fact]
    public async Task A_query_that_wants_all_memory_does_not_get_it()
    {
        await using var transform = _transforms.Open("[range(1e9)]");
        (await Should.ThrowAsync<TransformException>(() => transform.RunAsync([Json("1")], default))).OfMessages.ShouldBeTrue();
    }

    [Fact]
    public async Task Without_jq_a_transform_is_refused_with_what_to_do()
    {
        var without = new JqTransforms(_folder.File("modules"), null, JqTransforms.Patience);
        (await without.CheckAsync(".", default)).ShouldNotBeNull().Text.ShouldContain("Install the package jq");
        await using var transform = without.Open(".");
        await Should.ThrowAsync<TransformException>(() => transform.RunAsync([Json("1")], default));
    }

    private async Task<List<string>> RunAsync(string query, params string[] messages)
    {
        await using var transform = _transforms.Open(query);
        var results = await transform.RunAsync([.. messages.Select(Json)], default);
        return [.. results.Select(r => r.Failure ?? string.Join('|', r.Messages.Select(m => Encoding.UTF8.GetString(m.Span))))];
    }

    private static ReadOnlyMemory<byte> Json(string text) => Encoding.UTF8.GetBytes(text);
}
