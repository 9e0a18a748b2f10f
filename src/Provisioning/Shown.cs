namespace Homeport.Provisioning;

/// <summary>Texts of strangers, as an explanation may show them: short, and on one line, so that they cannot forge a line of the log.</summary>
public static class Shown
{
    /// <summary>Cuts a text and replaces its control characters.</summary>
    /// <param name="text">Anything; null is empty.</param>
    /// <param name="max">Longest result, in characters.</param>
    public static string Text(string? text, int max = 64)
    {
        if (string.IsNullOrEmpty(text))
            return "";
        var cut = text.Length <= max ? text : text[..max] + "...";
        return string.Create(cut.Length, cut, static (target, source) =>
        {
            for (var i = 0; i < target.Length; i++)
                target[i] = char.IsControl(source[i]) ? '?' : source[i];
        });
    }
}
