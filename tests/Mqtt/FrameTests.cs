using System.Buffers;
using Homeport.Mqtt;

namespace Homeport.Tests.Mqtt;

/// <summary>The fixed header, MQTT 3.1.1 section 2.2: remaining length, limits, and frames that arrive in pieces.</summary>
public sealed class FrameTests
{
    // Section 2.2.3, table 2.4: the first and last value of each number of digits.
    [Theory]
    [InlineData(0, "30 00")]
    [InlineData(127, "30 7f")]
    [InlineData(128, "30 80 01")]
    [InlineData(16_383, "30 ff 7f")]
    [InlineData(16_384, "30 80 80 01")]
    [InlineData(2_097_151, "30 ff ff 7f")]
    [InlineData(2_097_152, "30 80 80 80 01")]
    [InlineData(268_435_455, "30 ff ff ff 7f")]
    public void The_remaining_length_has_one_to_four_digits(int length, string header)
    {
        var target = new byte[Frame.MaxHeaderSize];
        var size = Frame.WriteHeader(target, PacketType.Publish, 0, length);
        target[..size].ShouldBe(Wire.Bytes(header));

        var buffer = new ReadOnlySequence<byte>(Wire.Bytes(header));
        Frame.TryRead(ref buffer, length, out _).ShouldBe(length == 0 ? FrameStatus.Complete : FrameStatus.Incomplete);
        buffer = new ReadOnlySequence<byte>(Wire.Bytes(header));
        if (length > 0)
            Frame.TryRead(ref buffer, length - 1, out _).ShouldBe(FrameStatus.TooLarge);
        if (length > 200_000)
            return;
        var frame = Wire.Read([.. Wire.Bytes(header), .. new byte[length]]);
        (frame.Type, frame.Flags, frame.Body.Length).ShouldBe((PacketType.Publish, 0, length));
    }

    [Theory]
    [InlineData("30 ff ff ff ff")]
    [InlineData("30 80 80 80 80")]
    [InlineData("30 ff ff ff ff 7f")]
    [InlineData("00 00")]
    [InlineData("0f 00")]
    [InlineData("f0 00")]
    [InlineData("ff ff")]
    [InlineData("00")]
    public void Five_digits_and_reserved_types_are_malformed(string text)
    {
        var buffer = new ReadOnlySequence<byte>(Wire.Bytes(text));
        Frame.TryRead(ref buffer, int.MaxValue, out _).ShouldBe(FrameStatus.Malformed);
        buffer.Length.ShouldBe(Wire.Bytes(text).Length);
    }

    [Theory]
    [InlineData("")]
    [InlineData("30")]
    [InlineData("30 80")]
    [InlineData("30 ff ff ff")]
    [InlineData("30 05 00 01")]
    public void A_piece_of_a_frame_is_incomplete(string text)
    {
        var buffer = new ReadOnlySequence<byte>(Wire.Bytes(text));
        Frame.TryRead(ref buffer, int.MaxValue, out _).ShouldBe(FrameStatus.Incomplete);
        buffer.Length.ShouldBe(Wire.Bytes(text).Length);
    }

    [Fact]
    public void A_large_frame_is_refused_before_it_is_there()
    {
        var buffer = new ReadOnlySequence<byte>(Wire.Bytes("30 ff ff ff 7f"));
        Frame.TryRead(ref buffer, 262_144, out _).ShouldBe(FrameStatus.TooLarge);
    }

    [Fact]
    public void Type_and_flags_are_the_halves_of_the_first_byte()
    {
        for (var first = 0x10; first <= 0xEF; first++)
        {
            var frame = Wire.Read([(byte)first, 0]);
            ((int)frame.Type, frame.Flags).ShouldBe((first >> 4, first & 15));
        }
    }

    /// <summary>A CONNECT, two small packets and one whose length has two digits.</summary>
    private static byte[] Stream { get; } =
    [
        .. new ConnectPacket("dev1", "user", "password", false, 60).ToBytes(),
        .. Wire.Bytes("c0 00 40 02 0001"),
        .. Wire.Packet(0x32, [.. Wire.Bytes("'devices/dev1/messages/events/' 0007"), .. Enumerable.Repeat((byte)0x55, 150)]),
        .. Wire.Bytes("e0 00"),
    ];

    private static readonly string[] StreamFrames = ReadAll(new ReadOnlySequence<byte>(Stream));

    [Fact]
    public void Frames_cut_into_two_segments_anywhere_are_the_same()
    {
        StreamFrames.Length.ShouldBe(5);
        for (var cut = 0; cut <= Stream.Length; cut++)
            ReadAll(Wire.Split(Stream, cut)).ShouldBe(StreamFrames, $"cut at {cut}");
    }

    [Fact]
    public void Frames_cut_into_three_segments_anywhere_are_the_same()
    {
        for (var first = 0; first <= Stream.Length; first++)
        {
            for (var second = first; second <= Stream.Length; second += 3)
                ReadAll(Wire.Split(Stream, first, second)).ShouldBe(StreamFrames, $"cut at {first} and {second}");
        }
    }

    [Fact]
    public void Frames_of_single_bytes_are_the_same() => ReadAll(Wire.Split(Stream, [.. Enumerable.Range(1, Stream.Length - 1)])).ShouldBe(StreamFrames);

    [Fact]
    public void Every_prefix_gives_the_frames_that_are_complete_and_keeps_the_rest()
    {
        for (var length = 0; length <= Stream.Length; length++)
        {
            var buffer = new ReadOnlySequence<byte>(Stream, 0, length);
            var consumed = 0L;
            var frames = 0;
            while (Frame.TryRead(ref buffer, int.MaxValue, out _) == FrameStatus.Complete)
            {
                frames++;
                consumed = length - buffer.Length;
            }
            (length - buffer.Length).ShouldBe(consumed, "an incomplete frame leaves the buffer alone");
            frames.ShouldBe(ReadAll(new ReadOnlySequence<byte>(Stream, 0, (int)consumed)).Length);
        }
    }

    private static string[] ReadAll(ReadOnlySequence<byte> buffer)
    {
        var frames = new List<string>();
        while (Frame.TryRead(ref buffer, int.MaxValue, out var frame) == FrameStatus.Complete)
            frames.Add($"{frame.Type} {frame.Flags} {Convert.ToHexString(frame.Body.ToArray())}");
        buffer.IsEmpty.ShouldBeTrue();
        return [.. frames];
    }
}
