using Homeport.Amqp.Encoding;

namespace Homeport.Tests.Amqp;

/// <summary>Compares values by their content.</summary>
internal static class Values
{
    public static bool Same(object? left, object? right) => (left, right) switch
    {
        (null, null) => true,
        (byte[] a, byte[] b) => a.AsSpan().SequenceEqual(b),
        (AmqpMap a, AmqpMap b) => a.Count == b.Count && a.Zip(b).All(p => Same(p.First.Key, p.Second.Key) && Same(p.First.Value, p.Second.Value)),
        (AmqpArray a, AmqpArray b) => Same(a.Descriptor, b.Descriptor) && SameItems(a.Items, b.Items),
        (Described a, Described b) => Same(a.Descriptor, b.Descriptor) && Same(a.Value, b.Value),
        (List<object?> a, List<object?> b) => SameItems(a, b),
        (double a, double b) => BitConverter.DoubleToInt64Bits(a) == BitConverter.DoubleToInt64Bits(b),
        (float a, float b) => BitConverter.SingleToInt32Bits(a) == BitConverter.SingleToInt32Bits(b),
        _ => left?.GetType() == right?.GetType() && Equals(left, right),
    };

    private static bool SameItems(IReadOnlyList<object?> a, IReadOnlyList<object?> b) => a.Count == b.Count && a.Zip(b).All(p => Same(p.First, p.Second));
}
