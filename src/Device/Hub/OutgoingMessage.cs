using System.Text;
using Homeport.Contract;
using Homeport.Contract.Messages;

namespace Homeport.Device.Hub;

/// <summary>A message on its way to the hub: the property bag as it stands in an MQTT topic, and the body. The queue stores exactly this.</summary>
/// <param name="Bag">UTF-8, percent-encoded, see <see cref="PropertyBag"/>.</param>
/// <param name="Body">The body.</param>
internal readonly record struct OutgoingMessage(ReadOnlyMemory<byte> Bag, ReadOnlyMemory<byte> Body)
{
    /// <summary>A topic has 65,535 bytes; the rest is for <c>devices/{id}/messages/events/</c>.</summary>
    public const int MaxBagBytes = 65_000;

    public int Size => Bag.Length + Body.Length;

    /// <summary>Name and value of each property, decoded.</summary>
    public IEnumerable<KeyValuePair<string, string?>> Properties()
    {
        var found = new List<KeyValuePair<string, string?>>();
        var reader = new PropertyBag.Reader(Bag.Span);
        while (reader.Read())
            found.Add(new(Decode(reader.Name), reader.HasValue ? Decode(reader.Value) : null));
        return found;
    }

    internal static string Decode(ReadOnlySpan<byte> text) => PercentEncoding.Decode(Encoding.UTF8.GetString(text));
}
