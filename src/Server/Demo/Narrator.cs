namespace Homeport.Server.Demo;

/// <summary>Tells the user what happens: numbered steps in plain words, and below each what went over the wire.</summary>
internal sealed class Narrator(TextWriter output)
{
    private int _step;

    /// <summary>Starts a step.</summary>
    public void Step(string title)
    {
        output.WriteLine();
        output.WriteLine($"{++_step}. {title}");
    }

    /// <summary>A sentence of a step.</summary>
    public void Say(string text) => output.WriteLine($"   {text}");

    /// <summary>Something that went over the wire or into the TPM.</summary>
    public void Wire(string text) => output.WriteLine($"   | {text}");

    /// <summary>The beginning of a long text, so that nobody can use it but everybody sees what it is.</summary>
    public static string Shorten(string text, int length = 40) => text.Length <= length ? text : $"{text[..length]}... ({text.Length} characters)";
}
