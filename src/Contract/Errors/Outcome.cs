using System.Diagnostics.CodeAnalysis;

namespace Homeport.Contract.Errors;

/// <summary>What a domain call gives back: a value, or the reason why there is none.</summary>
public readonly struct Outcome<T>
    where T : class
{
    /// <summary>A value. Values of interface types have no implicit conversion.</summary>
    public Outcome(T value)
        : this(value, null)
    {
    }

    private Outcome(T? value, Refusal? refusal)
    {
        Value = value;
        Refusal = refusal;
    }

    /// <summary>The value, or null when refused.</summary>
    public T? Value { get; }

    /// <summary>The reason, or null when all went well.</summary>
    public Refusal? Refusal { get; }

    /// <summary>Takes the result apart: true with a value, false with a refusal.</summary>
    public bool Succeeded([NotNullWhen(true)] out T? value, [NotNullWhen(false)] out Refusal? refusal)
    {
        value = Value;
        refusal = Refusal;
        return refusal is null;
    }

    public static implicit operator Outcome<T>(T value) => new(value, null);

    public static implicit operator Outcome<T>(Refusal refusal) => new(null, refusal);
}
