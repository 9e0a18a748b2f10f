using System.Collections;
using System.Diagnostics.CodeAnalysis;

namespace Homeport.Amqp.Encoding;

/// <summary>
/// A map whose pairs keep their order. Keys are looked up by their text, whether they came as symbols or strings: clients mix them.
/// </summary>
[SuppressMessage("Naming", "CA1710", Justification = "The standard's own name.")]
public sealed class AmqpMap : IReadOnlyCollection<KeyValuePair<object?, object?>>
{
    private readonly List<KeyValuePair<object?, object?>> _pairs = [];

    /// <inheritdoc/>
    public int Count => _pairs.Count;

    /// <summary>The value of a symbol or string key, or null. Setting adds a symbol key.</summary>
    public object? this[string key]
    {
        get => Find(key);
        set => Add(new Symbol(key), value);
    }

    /// <summary>Adds a pair at the end.</summary>
    public void Add(object? key, object? value) => _pairs.Add(new(key, value));

    /// <summary>True when there is a pair with this text as its key.</summary>
    public bool Contains(string key) => _pairs.Exists(p => IsKey(p.Key, key));

    /// <summary>The text of a value that is a string or symbol, else null.</summary>
    public string? Text(string key) => Find(key) switch
    {
        string text => text,
        Symbol symbol => symbol.Value,
        _ => null,
    };

    /// <inheritdoc/>
    public IEnumerator<KeyValuePair<object?, object?>> GetEnumerator() => _pairs.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    private object? Find(string key)
    {
        foreach (var pair in _pairs)
        {
            if (IsKey(pair.Key, key))
                return pair.Value;
        }
        return null;
    }

    private static bool IsKey(object? candidate, string key)
        => candidate is Symbol symbol ? string.Equals(symbol.Value, key, StringComparison.Ordinal) : candidate is string text && string.Equals(text, key, StringComparison.Ordinal);
}

/// <summary>A value with a descriptor that says what it means (AMQP 1.0 part 1, section 1.2.2).</summary>
/// <param name="Descriptor">Mostly a <see cref="ulong"/> or a <see cref="Symbol"/>.</param>
/// <param name="Value">The value.</param>
public sealed record Described(object? Descriptor, object? Value);

/// <summary>An array: values of one type (AMQP 1.0 part 1, section 1.6.24). Written with the widest constructor of its first element.</summary>
/// <param name="Items">The elements, all of one CLR type, described or not.</param>
public sealed record AmqpArray(IReadOnlyList<object?> Items)
{
    /// <summary>Descriptor that all elements share; null for elements without one.</summary>
    public object? Descriptor { get; init; }

    /// <summary>The elements that are symbols or strings, as text.</summary>
    public IEnumerable<string> Texts => Items.Select(i => i is Symbol symbol ? symbol.Value : i as string).OfType<string>();
}
