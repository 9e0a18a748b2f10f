using System.Buffers;
using System.Diagnostics;
using Homeport.Amqp;
using Homeport.Amqp.Messages;

namespace Homeport.Tests.Amqp;

/// <summary>What SDKs sent, damaged: a connection goes on or ends with a reason, in bounded time and memory, and nothing is thrown.</summary>
public sealed class MutationTests
{
    private static byte[][] Corpus => [.. Directory.EnumerateFiles(Path.Combine(AppContext.BaseDirectory, "Corpus"), "*.hex").Order(StringComparer.Ordinal).SelectMany(File.ReadAllLines).Select(Convert.FromHexString)];

    [Fact]
    public void The_corpus_itself_is_taken()
    {
        Corpus.Length.ShouldBeGreaterThan(5);
        foreach (var stream in Corpus)
        {
            var side = new Peers.End();
            var server = AmqpConnection.Server(Peers.Settings with { SaslMechanisms = ["PLAIN", "MSSBCBS", "ANONYMOUS", "TPM"] }, side, TimeProvider.System);
            Peers.Give(server, stream);
            // The mechanism TPM has more steps than this end plays.
            if (!side.Sasl.Exists(s => s.StartsWith("TPM", StringComparison.Ordinal)))
                side.Closed.ShouldBeNull(side.Closed?.ToString());
        }
    }

    [Fact]
    public void Damaged_streams_end_cleanly()
    {
        var watch = Stopwatch.StartNew();
        foreach (var stream in Mutation.Of(Corpus, 8000))
        {
            var side = new Peers.End();
            var server = AmqpConnection.Server(Peers.Settings, side, TimeProvider.System);
            Peers.Give(server, stream);
            if (side.Closed is { } error)
                error.Condition.ShouldStartWith("amqp:");
            server.OutputLength.ShouldBeLessThan(1 << 20);
            _ = AmqpMessage.Decode(stream, out _);
        }
        watch.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(30));
    }

    [Fact]
    public void A_stream_may_come_byte_by_byte()
    {
        foreach (var stream in Corpus.Where(s => s.Length < 4000).Take(4))
        {
            var (whole, slow) = (new Peers.End(), new Peers.End());
            Peers.Give(AmqpConnection.Server(Peers.Settings, whole, TimeProvider.System), stream);
            var server = AmqpConnection.Server(Peers.Settings, slow, TimeProvider.System);
            var pending = new List<byte>();
            foreach (var b in stream)
            {
                pending.Add(b);
                var buffer = new ReadOnlySequence<byte>(pending.ToArray());
                var before = buffer.Length;
                while (server.TryReceive(ref buffer))
                {
                    // Each turn takes a header or a frame.
                }
                pending.RemoveRange(0, (int)(before - buffer.Length));
            }
            slow.Deliveries.Count.ShouldBe(whole.Deliveries.Count);
            slow.Attaches.Count.ShouldBe(whole.Attaches.Count);
        }
    }
}
