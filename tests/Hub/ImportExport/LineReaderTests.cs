using System.Text;
using Homeport.Hub.ImportExport;

namespace Homeport.Tests.Hub.ImportExport;

/// <summary>Lines of import files: ends, long ones, and what stands behind the content.</summary>
public sealed class LineReaderTests
{
    [Theory]
    [InlineData("", "")]
    [InlineData("a", "a")]
    [InlineData("a\n", "a")]
    [InlineData("a\nb", "a|b")]
    [InlineData("a\n\nb\n", "a||b")]
    [InlineData("\n", "")]
    public async Task Lines_end_with_a_line_feed_or_with_the_file(string text, string lines)
    {
        var read = await ReadAsync(Encoding.UTF8.GetBytes(text), null);
        string.Join('|', read.Select(l => l.Text)).ShouldBe(lines);
        read.ShouldAllBe(l => !l.IsTooLong);
    }

    [Fact]
    public async Task What_stands_behind_the_size_is_not_read()
        => (await ReadAsync("one\ntwo\ntrailer"u8.ToArray(), 7)).Select(l => l.Text).ShouldBe(["one", "two"]);

    [Theory]
    [InlineData(LineReader.MaxLine, false)]
    [InlineData(LineReader.MaxLine + 1, true)]
    [InlineData((3 * LineReader.MaxLine) + 7, true)]
    public async Task A_line_that_is_too_long_is_told_and_the_next_one_is_whole(int length, bool tooLong)
    {
        var read = await ReadAsync([.. Enumerable.Repeat((byte)'x', length), (byte)'\n', .. "next"u8], null);
        read.Select(l => l.IsTooLong).ShouldBe([tooLong, false]);
        read[1].Text.ShouldBe("next");
    }

    private static async Task<List<(string Text, bool IsTooLong)>> ReadAsync(byte[] bytes, long? size)
    {
        var reader = new LineReader(new Dribble(bytes), size);
        var lines = new List<(string, bool)>();
        while (await reader.ReadAsync(TestContext.Current.CancellationToken) is { } line)
            lines.Add((Encoding.UTF8.GetString(line.Bytes.Span), line.IsTooLong));
        return lines;
    }

    /// <summary>Gives few bytes at a time.</summary>
    private sealed class Dribble(byte[] bytes) : MemoryStream(bytes)
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
            => base.ReadAsync(buffer[..Math.Min(buffer.Length, Math.Max(1, (int)(Length / 5)))], cancellationToken);
    }
}
