using System.Text;

namespace Homeport.Contract.Messages;

/// <summary>
/// The property bag at the end of an MQTT topic: <c>name=value&amp;name=value&amp;name</c>, percent-encoded.
/// A name without <c>=</c> has a null value, <c>name=</c> an empty one.
/// </summary>
public static class PropertyBag
{
    /// <summary>Reads one property after the other from the raw bytes of a bag, without decoding.</summary>
    public ref struct Reader(ReadOnlySpan<byte> bag)
    {
        private ReadOnlySpan<byte> _rest = bag;

        /// <summary>Name of the current property, still encoded.</summary>
        public ReadOnlySpan<byte> Name { get; private set; }

        /// <summary>Value of the current property, still encoded.</summary>
        public ReadOnlySpan<byte> Value { get; private set; }

        /// <summary>True when the current property has a value, be it empty.</summary>
        public bool HasValue { get; private set; }

        /// <summary>Goes to the next property; empty parts are passed over.</summary>
        public bool Read()
        {
            while (!_rest.IsEmpty)
            {
                var end = _rest.IndexOf((byte)'&');
                var part = end < 0 ? _rest : _rest[..end];
                _rest = end < 0 ? default : _rest[(end + 1)..];
                if (part.IsEmpty)
                    continue;
                var equals = part.IndexOf((byte)'=');
                HasValue = equals >= 0;
                Name = HasValue ? part[..equals] : part;
                Value = HasValue ? part[(equals + 1)..] : default;
                if (!Name.IsEmpty)
                    return true;
            }
            return false;
        }
    }

    /// <summary>Writes a bag as the service does: RFC 3986 encoding, space as <c>%20</c>, <c>$</c> as <c>%24</c>.</summary>
    public static string Encode(IEnumerable<KeyValuePair<string, string?>> properties)
    {
        var text = new StringBuilder();
        foreach (var (name, value) in properties)
        {
            if (text.Length > 0)
                text.Append('&');
            text.Append(Uri.EscapeDataString(name));
            if (value is not null)
                text.Append('=').Append(Uri.EscapeDataString(value));
        }
        return text.ToString();
    }
}
