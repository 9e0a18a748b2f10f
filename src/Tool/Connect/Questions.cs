using Spectre.Console;

namespace Homeport.Tool.Connect;

/// <summary>Asks the person at the terminal. Where there is none, the question becomes an error that names the option to give.</summary>
internal sealed class Questions(bool isInteractive, IAnsiConsole console)
{
    private const int PageSize = 12;

    public bool IsInteractive => isInteractive;

    public static Questions Create(bool isForScripts)
        => new(!isForScripts && !Console.IsInputRedirected && !Console.IsOutputRedirected, AnsiConsole.Console);

    /// <summary>One of several, by arrow keys; the only one without asking.</summary>
    public T Choose<T>(string question, IReadOnlyList<T> choices, Func<T, string> show, string option)
        where T : notnull
    {
        if (choices.Count == 1)
            return choices[0];
        Require(question, option);
        var prompt = new SelectionPrompt<T>().Title(question).PageSize(PageSize).MoreChoicesText("[grey](more below; type to search)[/]")
            .UseConverter(choice => Markup.Escape(Display.Clean(show(choice)))).AddChoices(choices).EnableSearch();
        return console.Prompt(prompt);
    }

    /// <summary>A text; asked again while it is wrong.</summary>
    public string Ask(string question, Func<string, string?> check, string option, string? proposal = null)
    {
        Require(question, option);
        var prompt = new TextPrompt<string>(question).Validate(text => check(text.Trim()) is { } wrong ? ValidationResult.Error($"[red]{Markup.Escape(wrong)}[/]") : ValidationResult.Success());
        if (proposal is not null)
            prompt.DefaultValue(proposal);
        return console.Prompt(prompt).Trim();
    }

    /// <summary>Something that must not be seen.</summary>
    public string AskSecret(string question, string option)
    {
        Require(question, option);
        return console.Prompt(new TextPrompt<string>(question).Secret()).Trim();
    }

    public bool Confirm(string question, string option)
    {
        Require(question, option);
        return console.Prompt(new ConfirmationPrompt(Markup.Escape(question)) { DefaultValue = false });
    }

    public static void Say(string text) => Console.Error.WriteLine(Display.Clean(text));

    private void Require(string question, string option)
    {
        if (!isInteractive)
            throw ToolException.BadUsage($"{question.TrimEnd('?', ':')}: give {option}. There is no terminal to ask at.");
    }
}
