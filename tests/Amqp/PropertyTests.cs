using System.Buffers;
using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Homeport.Amqp;
using Homeport.Amqp.Encoding;
using Homeport.Amqp.Messages;

namespace Homeport.Tests.Amqp;

/// <summary>Any value that is written is read back equal; any bytes are read or fail cleanly.</summary>
public sealed class PropertyTests
{
    private static readonly Gen<object?> Simple = Gen.OneOf<object?>(
        Gen.Constant<object?>(null),
        Boxed<bool>(),
        Boxed<byte>(),
        Boxed<ushort>(),
        Boxed<uint>(),
        Boxed<ulong>(),
        Boxed<sbyte>(),
        Boxed<short>(),
        Boxed<int>(),
        Boxed<long>(),
        Boxed<float>(),
        Boxed<double>(),
        Boxed<Guid>(),
        Gen.Choose(0, 0xD7FF).Select(c => (object?)new Rune(c)),
        Gen.Choose(0, int.MaxValue).Select(ms => (object?)DateTimeOffset.FromUnixTimeMilliseconds(ms * 1000L - 5)),
        Gen.Elements(4, 8, 16).SelectMany(width => Bytes(width)).Select(bytes => (object?)new AmqpDecimal(bytes)),
        Gen.Choose(0, 300).SelectMany(Bytes).Select(bytes => (object?)bytes),
        Texts().Select(text => (object?)text),
        Gen.Choose(0, 300).Select(length => (object?)new Symbol(new string('s', length))));

    [Fact]
    public void What_is_written_is_read_back_equal()
    {
        var values = Gen.Sized(size => Nested(Math.Min(size, 4)));
        Prop.ForAll(values.ToArbitrary(), value =>
        {
            var writer = new AmqpWriter();
            writer.WriteValue(value);
            var reader = new AmqpReader(writer.Written);
            var back = reader.ReadValue();
            var skipped = new AmqpReader(writer.Written);
            return Values.Same(back, value) && !reader.Failed && !reader.More && skipped.SkipValue().Length == writer.Length;
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(2000));
    }

    [Fact]
    public void Any_bytes_are_read_or_fail_cleanly()
    {
        Prop.ForAll(Gen.Choose(0, 200).SelectMany(Bytes).ToArbitrary(), bytes =>
        {
            var reader = new AmqpReader(bytes);
            while (reader.More)
                reader.ReadValue();
            _ = AmqpMessage.Decode(bytes, out _);
            var connection = AmqpConnection.Server(Peers.Settings, new Peers.Quiet(), TimeProvider.System);
            var buffer = new ReadOnlySequence<byte>((byte[])[.. "AMQP\0\u0001\0\0"u8, .. bytes]);
            while (connection.TryReceive(ref buffer))
            {
                // Each turn takes a header or a frame.
            }
            return true;
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(2000));
    }

    private static Gen<object?> Nested(int depth)
    {
        if (depth == 0)
            return Simple;
        var inner = Nested(depth - 1);
        return Gen.Frequency(
            (4, Simple),
            (1, inner.ArrayOf(3).Select(items => (object?)items.ToList())),
            (1, inner.ArrayOf(4).Select(Map)),
            (1, inner.Select(value => (object?)new Described(0x70ul, value))),
            (1, Simple.SelectMany(first => Gen.Choose(0, 5).Select(count => (object?)new AmqpArray([.. Enumerable.Repeat(first, count)])))));
    }

    private static object? Map(object?[] items)
    {
        var map = new AmqpMap();
        for (var i = 0; i + 1 < items.Length; i += 2)
            map.Add(items[i], items[i + 1]);
        return map;
    }

    private static Gen<object?> Boxed<T>()
        where T : struct
        => ArbMap.Default.GeneratorFor<T>().Select(v => (object?)v);

    private static Gen<byte[]> Bytes(int count) => ArbMap.Default.GeneratorFor<byte>().ArrayOf(count);

    private static Gen<string> Texts() => Gen.Choose(0, 0xD7FF).Select(c => (char)c).ArrayOf().Select(c => new string(c));
}
