namespace Homeport.Amqp.Encoding;

/// <summary>A symbol: ASCII text from a constrained domain (AMQP 1.0 part 1, section 1.6.21).</summary>
/// <param name="Value">The text.</param>
public readonly record struct Symbol(string Value)
{
    /// <inheritdoc/>
    public override string ToString() => Value;
}
