using System.Buffers;
using System.Buffers.Binary;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Connections;

namespace Homeport.Tests.Benchmarks.Bare;

/// <summary>Answers CONNECT, PUBLISH with QoS 1 and PINGREQ; any other packet ends the connection.</summary>
internal sealed class BareConnectionHandler : ConnectionHandler
{
    private const int MaxFrameLength = 256 * 1024;

    public override async Task OnConnectedAsync(ConnectionContext connection)
    {
        var input = connection.Transport.Input;
        var output = connection.Transport.Output;
        while (true)
        {
            var read = input.ReadAsync();
            if (!read.IsCompleted && output.UnflushedBytes > 0)
            {
                // Only when there is nothing more to read: a burst of publishes is then answered with one write.
                await output.FlushAsync();
            }

            var result = await read;
            var rest = result.Buffer;
            var open = Answer(ref rest, output);
            input.AdvanceTo(rest.Start, rest.End);
            if (!open || result.IsCompleted)
                return;
        }
    }

    private static bool Answer(ref ReadOnlySequence<byte> input, PipeWriter output)
    {
        while (TryReadFrame(ref input, out var type, out var body))
        {
            switch (type)
            {
                case 0x32:
                    AnswerPublish(body, output);
                    break;
                case 0x10:
                    output.Write<byte>([0x20, 0x02, 0x00, 0x00]);
                    break;
                case 0xC0:
                    output.Write<byte>([0xD0, 0x00]);
                    break;
                default:
                    return false;
            }
        }

        return true;
    }

    private static bool TryReadFrame(ref ReadOnlySequence<byte> input, out byte type, out ReadOnlySequence<byte> body)
    {
        var reader = new SequenceReader<byte>(input);
        body = default;
        if (!reader.TryRead(out type))
            return false;

        var length = 0;
        for (var shift = 0; ; shift += 7)
        {
            if (!reader.TryRead(out var digit))
                return false;

            length |= (digit & 0x7F) << shift;
            if (shift > 21 || length > MaxFrameLength)
                throw new InvalidDataException("The remaining length is malformed or too large.");
            if ((digit & 0x80) == 0)
                break;
        }

        if (!reader.TryReadExact(length, out body))
            return false;

        input = reader.UnreadSequence;
        return true;
    }

    private static void AnswerPublish(in ReadOnlySequence<byte> body, PipeWriter output)
    {
        var reader = new SequenceReader<byte>(body);
        if (!reader.TryReadBigEndian(out short topicLength) || topicLength < 0 || reader.Remaining < topicLength + 2)
            throw new InvalidDataException("The PUBLISH is shorter than its topic.");

        reader.Advance(topicLength);
        reader.TryReadBigEndian(out short packetId);
        var ack = output.GetSpan(4);
        ack[0] = 0x40;
        ack[1] = 0x02;
        BinaryPrimitives.WriteInt16BigEndian(ack[2..], packetId);
        output.Advance(4);
    }
}
