using System.Text.Json;
using Microsoft.Playwright;

namespace Homeport.Tests.Interop.Harness;

/// <summary>A server with its console, and Debian's Chromium in front of it. The administrator has replaced the first password.</summary>
/// <remarks>
/// The build of Chromium without windows of its own: with them, each tab of a test costs seconds of two cores before it shows a page.
/// </remarks>
public sealed class ConsoleBrowser : IAsyncLifetime
{
    public const string Password = "four random words here";
    private const string Shell = "/usr/bin/chromium-headless-shell";
    private const string Whole = "/usr/bin/chromium";
    private readonly TempFolder _folder = new();
    private ServerProcess? _server;
    private IPlaywright? _playwright;
    private IBrowser? _browser;
    private string? _state;

    /// <summary>Settings of the server beside its ports.</summary>
    public string[] MoreSettings { get; init; } = [];

    /// <summary>Chromium with all that people have, for ways that lead through the pages of another site.</summary>
    public bool IsWhole { get; init; }

    public ServerProcess Server => _server ?? throw new InvalidOperationException("the server did not start");

    private string Chromium => IsWhole ? Whole : Shell;

    public string FirstPassword => Server.Ready.Administrator!.Password;

    public async ValueTask InitializeAsync()
    {
        if (!File.Exists(Chromium))
            throw new InvalidOperationException($"'{Chromium}' is not installed; ./test installs what the tests need on Debian");
        _server = await ServerProcess.StartAsync(new ServerSettings(_folder.Path, SharedServer.HttpsPort, SharedServer.MqttPort, SharedServer.CrlPort, SharedServer.AmqpPort), MoreSettings);
        await _server.Hub.CreateDeviceAsync("a-device-with-a-name-that-is-as-long-as-names-get-in-a-fleet-of-many-buildings-and-floors-0123456789");
        await _server.Hub.CreateDeviceAsync("pump-1");
        _playwright = await Playwright.CreateAsync();
        _browser = await _playwright.Chromium.LaunchAsync(new BrowserTypeLaunchOptions
        {
            ExecutablePath = Chromium,
            Args =
            [
                "--headless", "--no-sandbox", "--disable-gpu", "--in-process-gpu", "--renderer-process-limit=1", "--disable-quic", "--no-first-run",
                "--disable-background-networking", "--disable-component-update", "--disable-sync",
            ],
        });
    }

    /// <summary>A browser window without cookies.</summary>
    public Task<ConsoleWindow> OpenAsync(int width = 1280, int height = 860, string theme = "light", string? state = null) => OpenAsync(Server, width, height, theme, state);

    /// <summary>A window of another server in which its administrator is signed in for the first time.</summary>
    public async Task<ConsoleWindow> FirstAsync(ServerProcess other)
    {
        var window = await OpenAsync(other, 1280, 860, "light", null);
        var first = other.Ready.Administrator!.Password;
        await window.SignInAsync("admin", first);
        // The address is enough: the page is looked at by who needs it, and its last event may come before anybody waits for it.
        await window.Page.WaitForURLAsync("**/console/password", new PageWaitForURLOptions { WaitUntil = WaitUntilState.Commit });
        await window.ReplacePasswordAsync(first, Password);
        await window.Page.WaitForURLAsync("**/console", new PageWaitForURLOptions { WaitUntil = WaitUntilState.Commit });
        return window;
    }

    private async Task<ConsoleWindow> OpenAsync(ServerProcess server, int width, int height, string theme, string? state)
    {
        var context = await _browser!.NewContextAsync(new BrowserNewContextOptions
        {
            BaseURL = $"https://{server.Ready.Host}:{server.Ready.Ports.Https}",
            IgnoreHTTPSErrors = true,
            ViewportSize = new ViewportSize { Width = width, Height = height },
            ColorScheme = theme == "dark" ? ColorScheme.Dark : ColorScheme.Light,
            StorageState = state,
        });
        context.SetDefaultTimeout(30_000);
        return new ConsoleWindow(context, await context.NewPageAsync());
    }

    /// <summary>A window in which the administrator is signed in.</summary>
    public async Task<ConsoleWindow> SignedInAsync(int width = 1280, int height = 860, string theme = "light")
    {
        if (_state is null)
        {
            await using var first = await FirstAsync(Server);
            _state = await first.Page.Context.StorageStateAsync();
        }
        return await OpenAsync(width, height, theme, _state);
    }

    public async ValueTask DisposeAsync()
    {
        if (_browser is not null)
            await _browser.DisposeAsync();
        _playwright?.Dispose();
        if (_server is not null)
            await _server.DisposeAsync();
        _folder.Dispose();
    }
}

/// <summary>A window and what went wrong in it: errors in the console of the browser, such as breaches of the content policy.</summary>
public sealed class ConsoleWindow : IAsyncDisposable
{
    private readonly IBrowserContext _context;
    private readonly List<string> _errors = [];

    public ConsoleWindow(IBrowserContext context, IPage page)
    {
        (_context, Page) = (context, page);
        page.Console += (_, message) =>
        {
            if (message.Type is "error")
                _errors.Add(message.Text);
        };
        page.PageError += (_, error) => _errors.Add(error);
    }

    public IPage Page { get; }

    public IReadOnlyList<string> Errors => _errors;

    public async Task SignInAsync(string name, string password, string? code = null)
    {
        await Page.GotoAsync("/console");
        await Page.GetByLabel("Name", new PageGetByLabelOptions { Exact = true }).FillAsync(name);
        await Page.GetByLabel("Password", new PageGetByLabelOptions { Exact = true }).FillAsync(password);
        if (code is not null)
            await Page.GetByLabel("Code").FillAsync(code);
        await ButtonAsync("Sign in");
    }

    public async Task ReplacePasswordAsync(string present, string wanted)
    {
        await Page.GetByLabel("Present password").FillAsync(present);
        await Page.GetByLabel("New password", new PageGetByLabelOptions { Exact = true }).FillAsync(wanted);
        await Page.GetByLabel("New password again").FillAsync(wanted);
        await ButtonAsync("Change the password");
    }

    public Task ButtonAsync(string name) => Page.GetByRole(AriaRole.Button, new PageGetByRoleOptions { Name = name, Exact = true }).ClickAsync();

    public Task TabAsync(string name) => Page.GetByRole(AriaRole.Tab, new PageGetByRoleOptions { Name = name, Exact = true }).ClickAsync();

    /// <summary>Opens a page and waits for its headline.</summary>
    public async Task GoAsync(string path, string headline)
    {
        await Page.GotoAsync(path);
        await Headline(headline).WaitForAsync();
    }

    public ILocator Headline(string text) => Page.GetByRole(AriaRole.Heading, new PageGetByRoleOptions { Level = 1, Name = text });

    /// <summary>Makes an API token under People and reads it.</summary>
    public async Task<string> ApiTokenAsync(string id, string role = "Builder")
    {
        await GoAsync("/console/people", "People");
        await TabAsync("API tokens");
        await ButtonAsync("New API token");
        await Page.Locator("#person-id").FillAsync(id);
        await Page.Locator("#person-role").SelectOptionAsync(role);
        await Page.Locator("dialog").GetByRole(AriaRole.Button, new LocatorGetByRoleOptions { Name = "Create", Exact = true }).ClickAsync();
        return await SecretAsync();
    }

    /// <summary>Shows the secret of a dialog and reads it once it is there.</summary>
    public async Task<string> SecretAsync()
    {
        await ButtonAsync("Show");
        var secret = Page.Locator("dialog .secret code").Filter(new LocatorFilterOptions { HasNotText = "•" });
        return await secret.InnerTextAsync();
    }

    /// <summary>Lets axe look at the page, and sees that nothing is wider than the window: phones would have to scroll to the side.</summary>
    public async Task CheckAsync(string what)
    {
        var axe = Path.Combine(ServerProcess.Clients, "node_modules", "axe-core", "axe.min.js");
        if (!File.Exists(axe))
            throw new InvalidOperationException("the clients are not installed: run 'npm ci --ignore-scripts' in tests/Interop/clients (./test does)");
        await Page.EvaluateAsync(await File.ReadAllTextAsync(axe));
        var violations = await Page.EvaluateAsync<JsonElement>("async () => (await axe.run(document, { resultTypes: ['violations'] })).violations.map(v => ({ id: v.id, nodes: v.nodes.map(n => n.html + ' ' + n.failureSummary) }))");
        violations.EnumerateArray().Select(v => $"{what}: {v.GetProperty("id").GetString()} {v.GetProperty("nodes")}").ShouldBeEmpty();
        (await Page.EvaluateAsync<bool>("document.documentElement.scrollWidth <= window.innerWidth")).ShouldBeTrue(what);
    }

    /// <summary>Saves a picture when the variable HOMEPORT_SCREENSHOTS names a folder, for people who look at the console.</summary>
    public async Task PictureAsync(string name)
    {
        if (Environment.GetEnvironmentVariable("HOMEPORT_SCREENSHOTS") is { Length: > 0 } folder)
            await Page.ScreenshotAsync(new PageScreenshotOptions { Path = Path.Combine(folder, name + ".png"), FullPage = true });
    }

    public ValueTask DisposeAsync() => new(_context.CloseAsync());
}
