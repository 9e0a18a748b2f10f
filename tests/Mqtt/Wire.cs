using System.Buffers;
using System.Text;
using Homeport.Mqtt;

namespace Homeport.Tests.Mqtt;

/// <summary>Bytes in a readable form: hex digits, and text in single quotes with its length in front. <c>82 0a 0001 'a/b' 01</c>.</summary>
internal static class Wire
{
    public static byte[] Bytes(string text)
    {
        var bytes = new List<byte>();
        for (var i = 0; i < text.Length;)
        {
            if (char.IsWhiteSpace(text[i]))
            {
                i++;
            }
            else if (text[i] == '\'')
            {
                var end = text.IndexOf('\'', i + 1);
                var value = Encoding.UTF8.GetBytes(text[(i + 1)..end]);
                bytes.AddRange([(byte)(value.Length >> 8), (byte)value.Length, .. value]);
                i = end + 1;
            }
            else
            {
                bytes.Add(Convert.ToByte(text.Substring(i, 2), 16));
                i += 2;
            }
        }
        return [.. bytes];
    }

    /// <summary>Puts a fixed header in front.</summary>
    public static byte[] Packet(int first, byte[] body)
    {
        var bytes = new byte[Frame.MaxHeaderSize + body.Length];
        var size = Frame.WriteHeader(bytes, (PacketType)(first >> 4), first & 0xF, body.Length);
        body.CopyTo(bytes, size);
        return bytes[..(size + body.Length)];
    }

    /// <summary>The one frame that these bytes are.</summary>
    public static Frame Read(byte[] bytes)
    {
        var buffer = new ReadOnlySequence<byte>(bytes);
        Frame.TryRead(ref buffer, int.MaxValue, out var frame).ShouldBe(FrameStatus.Complete);
        buffer.IsEmpty.ShouldBeTrue();
        return frame;
    }

    /// <summary>A sequence of several segments, cut at the given places.</summary>
    public static ReadOnlySequence<byte> Split(byte[] bytes, params int[] cuts)
    {
        Segment? first = null, last = null;
        var start = 0;
        foreach (var cut in (int[])[.. cuts, bytes.Length])
        {
            last = new Segment(bytes.AsMemory(start, cut - start), last);
            first ??= last;
            start = cut;
        }
        return new ReadOnlySequence<byte>(first!, 0, last!, last!.Memory.Length);
    }

    private sealed class Segment : ReadOnlySequenceSegment<byte>
    {
        public Segment(ReadOnlyMemory<byte> memory, Segment? previous)
        {
            Memory = memory;
            if (previous is null)
                return;
            RunningIndex = previous.RunningIndex + previous.Memory.Length;
            previous.Next = this;
        }
    }
}
