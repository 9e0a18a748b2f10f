using System.Diagnostics;
using Homeport.Tests.Interop.Harness;
using Microsoft.Playwright;

namespace Homeport.Tests.Interop;

/// <summary>Sign-in and bearer tokens by an OpenID Connect issuer: oidc-provider, a browser and curl.</summary>
public sealed class IssuerTests(IssuerConsole site) : IClassFixture<IssuerConsole>
{
    private const string Button = "Sign in with Plant login";

    [Fact]
    public async Task People_sign_in_by_the_issuer_when_an_administrator_knows_them_and_nobody_else()
    {
        await using var administrator = await site.Console.SignedInAsync();
        await AddAsync(administrator, "Person", "ada@example.com", "ada", "Builder", hasPassword: true);
        await AddAsync(administrator, "Group", "plant-operators", "plant", "Operator", hasPassword: false);

        // Before the issuer is there, the page says so at once, and the server has started all the same.
        await site.StopIssuerAsync();
        await using var early = await site.Console.OpenAsync();
        var watch = Stopwatch.StartNew();
        await early.Page.GotoAsync("/console");
        await LinkAsync(early, Button);
        await early.Page.GetByText("cannot be reached").WaitForAsync();
        watch.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(60));
        await site.StartIssuerAsync();

        await using var ada = await site.Console.OpenAsync();
        await SignInAsync(ada, "ada");
        await ada.Headline("Overview").WaitForAsync();
        await ada.Page.GetByText("ada@example.com").First.WaitForAsync();
        // The pages of the issuer load things from elsewhere, which there is none of here.
        ada.Errors.ShouldNotContain(e => e.Contains("Content Security", StringComparison.OrdinalIgnoreCase));
        await RefusedAsync("ada-who-is-nobody", "you have no account here");
        await RefusedAsync("mallory", "belongs to another identity");
        await RefusedAsync("ulla", "does not vouch for the e-mail address", axe: true);

        await using var gina = await site.Console.OpenAsync();
        await SignInAsync(gina, "gina");
        await gina.Headline("Overview").WaitForAsync();
        await gina.GoAsync("/console/account", "Your account");
        await gina.Page.GetByText("gina@example.com, Operator").WaitForAsync();

        await administrator.GoAsync("/console/audit", "Audit log");
        (await administrator.Page.Locator("tbody tr").AllInnerTextsAsync()).ShouldContain(r => r.Contains("signIn") && r.Contains($"mallory of {site.IssuerAddress}") && r.Contains("AccountClaimed"));
        await administrator.GoAsync("/console/people", "People");
        await RowAsync(administrator, "ada@example.com", "Keep out");
        await ada.Page.WaitForURLAsync("**/console/sign-in");
        await LinkAsync(ada, Button);
        await ada.Page.GetByText("kept out").First.WaitForAsync();
    }

    [Fact]
    public async Task The_way_to_the_issuer_and_back_cannot_be_bent()
    {
        await site.StartIssuerAsync();
        await using var window = await site.Console.OpenAsync();
        var begun = await window.Page.Context.APIRequest.GetAsync("/console/sign-in/issuer?from=//evil.example/", new APIRequestContextOptions { MaxRedirects = 0 });
        begun.Status.ShouldBe(302);
        begun.Headers["location"].ShouldStartWith(site.IssuerAddress);
        begun.Headers["content-security-policy"].ShouldContain("form-action 'self'");
        foreach (var part in new[] { "code_challenge_method=S256", "response_type=code", "state=" })
            (begun.Headers["location"].Contains(part, StringComparison.Ordinal) || begun.Headers["location"].Contains("request_uri=", StringComparison.Ordinal)).ShouldBeTrue(part);
        var cookies = (await window.Page.Context.CookiesAsync()).Where(c => c.Name.StartsWith("__Secure-homeport-issuer", StringComparison.Ordinal)).ToList();
        cookies.Count.ShouldBeGreaterThanOrEqualTo(2);
        cookies.ShouldAllBe(c => c.Secure && c.HttpOnly && c.SameSite == SameSiteAttribute.Lax);

        // An answer that this browser did not ask for, an altered state, and a page of another origin that posts one.
        foreach (var query in new[] { "?code=stolen&state=forged", "", "?error=access_denied&state=forged" })
        {
            await window.Page.GotoAsync("/console/sign-in/callback" + query);
            window.Page.Url.ShouldContain("/console/sign-in?problem=");
        }
        var posted = await window.Page.Context.APIRequest.PostAsync("/console/sign-in/callback", new APIRequestContextOptions { Headers = new Dictionary<string, string> { ["Origin"] = "https://evil.example" } });
        posted.Status.ShouldBe(403);
        (await window.Page.Context.APIRequest.GetAsync("/console/sign-in?problem=%3Cscript%3E")).Status.ShouldBe(200);
    }

    [Fact]
    public async Task Programs_call_the_API_with_tokens_of_the_issuer_and_the_issuer_may_change_its_key()
    {
        await site.StartIssuerAsync();
        await using var administrator = await site.Console.SignedInAsync();
        await AddAsync(administrator, "Service principal", "fleet-sync", "sync", "Operator", hasPassword: false);

        var first = await site.TokenAsync("fleet-sync");
        (await SendAsync(first, "PUT", "/api/devices/by-a-program", """{"displayName":"Made by a program"}""")).Status.ShouldBe(200);
        (await SendAsync(first, "GET", "/api/users")).Status.ShouldBe(403);
        (await SendAsync(await site.TokenAsync("stranger"), "GET", "/api/devices")).Status.ShouldBe(403);
        var elsewhere = await SendAsync(await site.TokenAsync("fleet-sync", "urn:another:api"), "GET", "/api/devices");
        elsewhere.Status.ShouldBe(401);
        elsewhere.Body.ShouldContain("another audience");
        (await SendAsync(first[..^4] + "AAAA", "GET", "/api/devices")).Status.ShouldBe(401);

        await site.Issuer.TellAsync("rotate");
        await site.Issuer.WaitForEventAsync("rotate");
        var second = await site.TokenAsync("fleet-sync");
        // The keys are fetched again at most every ten seconds.
        var deadline = Stopwatch.StartNew();
        while ((await SendAsync(second, "GET", "/api/devices/by-a-program")).Status != 200)
            deadline.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(60));
        (await SendAsync(first, "GET", "/api/devices")).Status.ShouldBe(401);
        await site.StopIssuerAsync();
        (await SendAsync(second, "GET", "/api/devices/by-a-program")).Status.ShouldBe(200);

        await administrator.GoAsync("/console/audit", "Audit log");
        (await administrator.Page.Locator("tbody tr").AllInnerTextsAsync()).ShouldContain(r => r.Contains("putDevice") && r.Contains("sync") && r.Contains("by-a-program"));
    }

    private async Task RefusedAsync(string login, string reason, bool axe = false)
    {
        await using var window = await site.Console.OpenAsync();
        await SignInAsync(window, login);
        await window.Page.GetByText(reason).First.WaitForAsync();
        window.Page.Url.ShouldContain("/console/sign-in?problem=");
        await window.PictureAsync("issuer-refused");
        if (axe)
            await window.CheckAsync("sign-in with a problem");
    }

    private static async Task SignInAsync(ConsoleWindow window, string login)
    {
        await window.Page.GotoAsync("/console/devices");
        await LinkAsync(window, Button);
        await window.Page.Locator("input[name=login]").FillAsync(login);
        await window.Page.Locator("input[name=password]").FillAsync("any");
        await window.ButtonAsync("Sign-in");
        await window.ButtonAsync("Continue");
        await window.Page.WaitForURLAsync("**/console/**");
        if (!window.Page.Url.Contains("problem=", StringComparison.Ordinal))
            await window.GoAsync("/console", "Overview");
    }

    private static Task LinkAsync(ConsoleWindow window, string name) => window.Page.GetByRole(AriaRole.Link, new PageGetByRoleOptions { Name = name }).ClickAsync();

    private static Task RowAsync(ConsoleWindow window, string row, string button)
        => window.Page.GetByRole(AriaRole.Row, new PageGetByRoleOptions { Name = row }).GetByRole(AriaRole.Button, new LocatorGetByRoleOptions { Name = button }).ClickAsync();

    private static async Task AddAsync(ConsoleWindow window, string kind, string name, string id, string role, bool hasPassword)
    {
        await window.GoAsync("/console/people", "People");
        await window.ButtonAsync("New account");
        await window.Page.Locator("#person-kind").SelectOptionAsync(new SelectOptionValue { Label = kind });
        await window.Page.Locator("#user-name").FillAsync(name);
        await window.Page.Locator("#person-id").FillAsync(id);
        await window.Page.Locator("#person-role").SelectOptionAsync(role);
        await window.ButtonAsync("Create");
        if (hasPassword)
            await window.ButtonAsync("Done");
        await window.Page.GetByText($"{name} may sign in.").WaitForAsync();
    }

    private Task<RestCurl> SendAsync(string token, string method, string path, string? body = null)
        => new OperatorCurl(site.Console.Server, "Bearer " + token).SendAsync(method, path, body);
}
