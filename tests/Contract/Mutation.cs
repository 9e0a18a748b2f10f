using System.Text;

namespace Homeport.Tests;

/// <summary>Repeatable mutations of good inputs: flipped bits, boundary values, cut, repeated and swapped parts. The seed is fixed, so a failure comes again.</summary>
internal static class Mutation
{
    private static readonly byte[] Boundaries = [0x00, 0x01, 0x7F, 0x80, 0xC0, 0xFE, 0xFF, (byte)'%', (byte)'&', (byte)'=', (byte)';', (byte)'/', (byte)'"', (byte)'\\'];

    /// <summary>The same <paramref name="count"/> inputs on every run.</summary>
    public static IEnumerable<byte[]> Of(byte[][] seeds, int count)
    {
        var random = new Sequence();
        for (var i = 0; i < count; i++)
            yield return Mutate(seeds, random);
    }

    /// <summary>Mutated texts; bytes that are no UTF-8 become U+FFFD, every fiftieth text has a lone surrogate.</summary>
    public static IEnumerable<string> Of(string[] seeds, int count)
    {
        var random = new Sequence();
        byte[][] bytes = [.. seeds.Select(Encoding.UTF8.GetBytes)];
        for (var i = 0; i < count; i++)
        {
            var text = Encoding.UTF8.GetString(Mutate(bytes, random));
            yield return i % 50 == 0 ? text.Insert(random.Below(text.Length), "\uD800") : text;
        }
    }

    private static byte[] Mutate(byte[][] seeds, Sequence random)
    {
        var bytes = seeds[random.Below(seeds.Length)].ToList();
        for (var times = 1 + random.Below(4); times > 0 && bytes.Count > 0; times--)
        {
            var at = random.Below(random.Below(2) == 0 ? bytes.Count : Math.Min(bytes.Count, 24));
            switch (random.Below(7))
            {
                case 0: bytes[at] ^= (byte)(1 << random.Below(8)); break;
                case 1: bytes[at] = Boundaries[random.Below(Boundaries.Length)]; break;
                case 2: bytes.RemoveRange(at, random.Below(bytes.Count - at)); break;
                case 3: bytes.InsertRange(at, bytes.GetRange(at, random.Below(Math.Min(64, bytes.Count - at)))); break;
                case 4: bytes[at] = (byte)random.Below(256); break;
                case 5: bytes.InsertRange(at, seeds[random.Below(seeds.Length)].Skip(random.Below(40)).Take(random.Below(40))); break;
                default: bytes.RemoveAt(at); break;
            }
        }
        return [.. bytes];
    }

    /// <summary>Xorshift: the same numbers on every machine and every version of .NET.</summary>
    private sealed class Sequence
    {
        private ulong _state = 0x9E3779B97F4A7C15UL;

        public int Below(int limit)
        {
            _state ^= _state << 13;
            _state ^= _state >> 7;
            _state ^= _state << 17;
            return limit <= 1 ? 0 : (int)(_state % (ulong)limit);
        }
    }
}
