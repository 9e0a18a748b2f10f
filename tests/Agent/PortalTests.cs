using System.Net;
using System.Security.Cryptography;
using Homeport.Agent.Portal;
using Homeport.Device.Client;
using Homeport.Device.Identity;
using Homeport.Device.Queue;
using Microsoft.Playwright;

namespace Homeport.Tests.Agent;

/// <summary>The page of the device in a real browser, on a desk and on a phone.</summary>
public sealed class PortalTests : IAsyncLifetime
{
    private const string Password = "correct horse 7";

    private static readonly string[] Flags =
        ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

    private readonly string _reports = Directory.CreateTempSubdirectory("reports-").FullName;
    private readonly RunningAgent _agent;
    private IPlaywright _playwright = null!;
    private IBrowser _browser = null!;

    public PortalTests()
        => _agent = new RunningAgent(settings => settings.Queues = [Path.Combine(_reports, "weather.json"), Path.Combine(_reports, "silent.json")], isCertified: true);

    public async ValueTask InitializeAsync()
    {
        new PortalPassword(Directory.CreateDirectory(_agent.Options.StateDirectory).FullName).Set(Password);
        await _agent.StartAsync();
        _playwright = await Playwright.CreateAsync();
        _browser = await _playwright.Chromium.LaunchAsync(new BrowserTypeLaunchOptions { ExecutablePath = "/usr/bin/chromium-headless-shell", Args = Flags, Timeout = 60_000 });
    }

    public async ValueTask DisposeAsync()
    {
        await _browser.DisposeAsync();
        _playwright.Dispose();
        await _agent.DisposeAsync();
        Directory.Delete(_reports, recursive: true);
    }

    [Theory]
    [InlineData("desk", 1280, 900)]
    [InlineData("phone", 390, 844)]
    public async Task A_person_imprints_the_device(string name, int width, int height)
    {
        await using var context = await _browser.NewContextAsync(new BrowserNewContextOptions
        {
            IgnoreHTTPSErrors = true,
            ViewportSize = new ViewportSize { Width = width, Height = height },
            Permissions = ["clipboard-read", "clipboard-write"],
        });
        var page = await context.NewPageAsync();
        var complaints = new List<string>();
        page.Console += (_, message) =>
        {
            if (message.Type is "error" or "warning")
                complaints.Add(message.Text);
        };
        page.PageError += (_, error) => complaints.Add(error);

        // Written without https, as people do.
        await page.GotoAsync(_agent.PageAddress.Replace("https:", "http:", StringComparison.Ordinal));
        page.Url.ShouldStartWith("https:");
        await ShotAsync(page, $"{name}-sign-in");
        await page.FillAsync("[name=password]", "not the password");
        await page.ClickAsync("button:has-text('Sign in')");
        (await page.TextContentAsync("[role=alert]")).ShouldBe("That is not the password.");
        await page.FillAsync("[name=password]", Password);
        await page.ClickAsync("button:has-text('Sign in')");
        await page.WaitForSelectorAsync("[name=hostName]");
        complaints.RemoveAll(static c => c.Contains("403", StringComparison.Ordinal));

        await MakeMistakesAsync(page, name);
        complaints.RemoveAll(static c => c.Contains("400", StringComparison.Ordinal));

        await using var client = await QueueAsync();
        var key = RandomNumberGenerator.GetBytes(32);
        await page.FillAsync("[name=hostName]", "hub.example.test");
        await page.FillAsync("[name=deviceId]", "pump-7");
        await page.FillAsync("[name=primaryKey]", Convert.ToBase64String(key));
        await page.ClickAsync("button:has-text('Save')");
        await page.WaitForSelectorAsync("[role=status]");
        new TpmDevice(0, _agent.Source).SignHmac([1]).ShouldBe(HMACSHA256.HashData(key, new byte[] { 1 }));
        (await page.ContentAsync()).ShouldNotContain(Convert.ToBase64String(key)[..12]);

        var queues = (await page.TextContentAsync("section:has(h2:text-is('Queues'))"))!;
        queues.ShouldContain("3 messages");
        queues.ShouldContain("No connection to localhost");
        queues.ShouldContain("There is no report yet");
        await CopyAsync(page);
        (await page.EvaluateAsync<bool>("document.documentElement.scrollWidth <= window.innerWidth")).ShouldBeTrue("nothing is wider than the screen");
        await ShotAsync(page, $"{name}-configuration");
        await page.ClickAsync("nav a:has-text('Log')");
        (await page.TextContentAsync(".log"))!.ShouldContain("Imprinted logical device 0: hub.example.test/pump-7");
        await ShotAsync(page, $"{name}-log");
        await page.ClickAsync("button:has-text('Sign out')");
        await page.WaitForSelectorAsync("[name=password]");
        complaints.ShouldBeEmpty();
    }

    [Fact]
    public async Task Another_site_cannot_send_the_forms_of_a_person_who_is_signed_in()
    {
        using var http = Client(out var cookies);
        var signedIn = await http.PostAsync("sign-in", Form(("password", Password)));
        signedIn.StatusCode.ShouldBe(HttpStatusCode.SeeOther);
        cookies.Count.ShouldBe(1);
        var page = await http.GetStringAsync("");
        var token = page.Split("name=\"token\" value=\"")[1].Split('"')[0];
        var imprint = new[] { ("hostName", "evil.example"), ("deviceId", "d"), ("primaryKey", Convert.ToBase64String(new byte[32])) };

        (await http.PostAsync("imprint", Form(imprint))).StatusCode.ShouldBe(HttpStatusCode.Forbidden);
        (await http.PostAsync("imprint", Form([.. imprint, ("token", new string('0', 64))]))).StatusCode.ShouldBe(HttpStatusCode.Forbidden);
        foreach (var (header, value) in new[] { ("Origin", "https://evil.example"), ("Sec-Fetch-Site", "cross-site") })
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, "imprint") { Content = Form([.. imprint, ("token", token)]) };
            request.Headers.Add(header, value);
            (await http.SendAsync(request)).StatusCode.ShouldBe(HttpStatusCode.Forbidden);
        }

        new TpmDevice(0, _agent.Source).GetHostName().ShouldBeEmpty();
        (await http.PostAsync("imprint", Form([.. imprint, ("token", token)]))).StatusCode.ShouldBe(HttpStatusCode.SeeOther);
        new TpmDevice(0, _agent.Source).GetHostName().ShouldBe("evil.example");
    }

    [Fact]
    public async Task Guessing_is_slowed_down_and_nothing_is_shown_without_the_password()
    {
        using var http = Client(out _);
        for (var i = 0; i < 3; i++)
            (await http.PostAsync("sign-in", Form(("password", $"guess {i}")))).StatusCode.ShouldBe(HttpStatusCode.Forbidden);
        (await http.PostAsync("sign-in", Form(("password", Password)))).StatusCode.ShouldBe(HttpStatusCode.TooManyRequests);
        foreach (var path in new[] { "log", "state", "endorsement-key.svg" })
            (await http.GetAsync(path)).StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
        (await http.GetStringAsync("")).ShouldNotContain("Endorsement key");
        var headers = (await http.GetAsync("")).Headers;
        headers.GetValues("Content-Security-Policy").Single().ShouldContain("default-src 'none'");
        headers.GetValues("X-Frame-Options").Single().ShouldBe("DENY");
    }

    /// <summary>Mistakes are named beside their fields; the key is not sent back.</summary>
    private static async Task MakeMistakesAsync(IPage page, string name)
    {
        await page.FillAsync("[name=hostName]", "https://hub.example.test/");
        await page.FillAsync("[name=deviceId]", "pump/7");
        await page.FillAsync("[name=primaryKey]", "not base64!");
        await page.ClickAsync("button:has-text('Save')");
        await page.WaitForSelectorAsync("#hostName-wrong");
        (await page.TextContentAsync("#hostName-wrong")).ShouldBe("This is a URL. Write the host name alone: hub.example.test");
        (await page.TextContentAsync("#deviceId-wrong"))!.ShouldContain("position 5");
        (await page.TextContentAsync("#primaryKey-wrong"))!.ShouldContain("no Base64");
        (await page.InputValueAsync("[name=primaryKey]")).ShouldBeEmpty();
        await ShotAsync(page, $"{name}-mistakes");
    }

    /// <summary>The endorsement key and its certificate, as pictures and by the clipboard.</summary>
    private static async Task CopyAsync(IPage page)
    {
        await page.ClickAsync("summary:has-text('As QR code')");
        (await page.EvaluateAsync<int>("document.querySelector('.qr').naturalWidth")).ShouldBeGreaterThan(100);
        await page.ClickAsync("summary:has-text('The certificate as QR code')");
        await page.WaitForFunctionAsync("document.querySelector('[src$=\"endorsement-certificate.svg\"]').naturalWidth > 100");
        await page.ClickAsync("[data-copy=endorsement-certificate]");
        (await page.EvaluateAsync<string>("navigator.clipboard.readText()")).ShouldStartWith("-----BEGIN CERTIFICATE-----");
        await page.ClickAsync("[data-copy=endorsement-key]");
        (await page.EvaluateAsync<string>("navigator.clipboard.readText()")).ShouldStartWith("AToAAQAL");
    }

    /// <summary>A program of the device with three messages for a hub that is not there.</summary>
    private async Task<DeviceClient> QueueAsync()
    {
        var method = AuthenticationMethodFactory.CreateAuthenticationWithToken("pump-7", "none");
        var report = Path.Combine(_reports, "weather.json");
        var client = DeviceClient.Create("localhost", method, TransportType.Mqtt_Tcp_Only, new DeviceClientOptions
        {
            MqttPort = 1,
            Queue = new OutgoingQueueOptions(Path.Combine(_reports, "weather.db")) { ReportPath = report },
        });
        await client.SendEventBatchAsync([new Message("1"u8.ToArray()), new Message("2"u8.ToArray()), new Message("3"u8.ToArray())]);
        for (var tries = 0; !(File.Exists(report) && (await File.ReadAllTextAsync(report)).Contains("No connection", StringComparison.Ordinal)); tries++)
        {
            tries.ShouldBeLessThan(1200, "the report did not come");
            await Task.Delay(50);
        }

        return client;
    }

    private HttpClient Client(out CookieContainer cookies)
    {
        cookies = new CookieContainer();
#pragma warning disable MA0039 // The certificate is the device's own; what it protects is tested elsewhere.
        return new HttpClient(new HttpClientHandler
        {
            CookieContainer = cookies,
            AllowAutoRedirect = false,
            ServerCertificateCustomValidationCallback = HttpClientHandler.DangerousAcceptAnyServerCertificateValidator,
        })
        { BaseAddress = new Uri(_agent.PageAddress) };
#pragma warning restore MA0039
    }

    private static FormUrlEncodedContent Form(params (string Name, string Value)[] fields)
        => new(fields.Select(static f => KeyValuePair.Create(f.Name, f.Value)));

    /// <summary>For people who look at the page: only when they say where.</summary>
    private static async Task ShotAsync(IPage page, string name)
    {
        if (Environment.GetEnvironmentVariable("HOMEPORT_SCREENSHOTS") is { Length: > 0 } folder)
            await page.ScreenshotAsync(new PageScreenshotOptions { Path = Path.Combine(folder, $"agent-{name}.png"), FullPage = true });
    }
}
