using Microsoft.Playwright;

namespace Homeport.Tests.Interop.Harness;

/// <summary>API tokens as an administrator makes them in the console.</summary>
internal static class OperatorToken
{
    /// <summary>Makes a token in the console. Gives curl with it.</summary>
    public static async Task<OperatorCurl> TokenAsync(this ConsoleWindow window, ServerProcess server, string id, string role = "Builder")
    {
        await window.GoAsync("/console/people", "People");
        await window.TabAsync("API tokens");
        await window.ButtonAsync("New API token");
        await window.Page.Locator("#person-id").FillAsync(id);
        await window.Page.Locator("#person-role").SelectOptionAsync(role);
        await window.InDialogAsync("Create");
        return new OperatorCurl(server, await window.SecretAsync());
    }

    /// <summary>Presses a button of the open dialog.</summary>
    public static Task InDialogAsync(this ConsoleWindow window, string button)
        => window.Page.Locator("dialog").GetByRole(AriaRole.Button, new LocatorGetByRoleOptions { Name = button, Exact = true }).ClickAsync();

    /// <summary>Fills a field of the open dialog by its id.</summary>
    public static Task FillAsync(this ConsoleWindow window, string id, string text) => window.Page.Locator("#" + id).FillAsync(text);
}
