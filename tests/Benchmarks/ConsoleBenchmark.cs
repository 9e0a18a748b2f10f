using System.Diagnostics;
using System.Globalization;
using System.Net.Security;
using Homeport.Tests.Benchmarks.Load;
using Homeport.Tests.Benchmarks.Measure;
using Homeport.Tests.Benchmarks.Targets;
using Microsoft.Playwright;

namespace Homeport.Tests.Benchmarks;

internal sealed record ConsoleOptions(int Sessions, int Rate, TimeSpan Live);

/// <summary>
/// The web console as an operator has it in Chromium: how long the first page takes and what it loads, what open pages cost the server, and
/// whether a page keeps up with live messages: what it says that came, its elements, and the longest time in which it drew nothing.
/// </summary>
internal static class ConsoleBenchmark
{
    private const string Chromium = "/usr/bin/chromium";
    private const string Password = "a password for the benchmark";
    private const int Loads = 7;
    private const int Devices = 10;
    private static readonly TimeSpan Settle = TimeSpan.FromSeconds(15);

    // Times between frames are noted in the page itself; the browser draws 60 in a second when nothing keeps it.
    private const string WatchFrames = """
        () => { window.longest = 0; let last = performance.now();
          const frame = (now) => { window.longest = Math.max(window.longest, now - last); last = now; requestAnimationFrame(frame); };
          requestAnimationFrame(frame); }
        """;

    private const string Bytes = "performance.getEntriesByType('resource').concat(performance.getEntriesByType('navigation')).reduce((sum, e) => sum + e.transferSize, 0)";

    public static async Task<string> RunAsync(TargetSet targets, ConsoleOptions options, CancellationToken cancellationToken)
    {
        await using var server = await targets.StartAsync(TargetSet.Homeport, Devices, cancellationToken);
        using var playwright = await Playwright.CreateAsync();
        await using var browser = await playwright.Chromium.LaunchAsync(new BrowserTypeLaunchOptions { ExecutablePath = Chromium, Args = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic"] });
        var state = await SignInAsync(browser, server.Ready);
        var loads = await LoadAsync(browser, server.Ready, state);
        var memory = await OpenAsync(browser, server, state, options.Sessions, cancellationToken);
        var live = await WatchAsync(browser, server, state, options, cancellationToken);
        return $"{loads}\n{memory}\n{live}\n{Rounds.MachineLine()}";
    }

    private static Task<IBrowserContext> ContextAsync(IBrowser browser, ReadyFile ready, string? state) => browser.NewContextAsync(new BrowserNewContextOptions
    {
        BaseURL = $"https://{ready.Host}:{ready.HttpsPort}",
        IgnoreHTTPSErrors = true,
        StorageState = state,
    });

    private static async Task<string> SignInAsync(IBrowser browser, ReadyFile ready)
    {
        var first = ready.AdministratorPassword ?? throw new InvalidOperationException("This server was started before: its first password is not known.");
        await using var context = await ContextAsync(browser, ready, null);
        var page = await context.NewPageAsync();
        await page.GotoAsync("/console");
        await page.GetByLabel("Name", new PageGetByLabelOptions { Exact = true }).FillAsync("admin");
        await page.GetByLabel("Password", new PageGetByLabelOptions { Exact = true }).FillAsync(first);
        await page.GetByRole(AriaRole.Button, new PageGetByRoleOptions { Name = "Sign in" }).ClickAsync();
        await page.GetByLabel("Present password").FillAsync(first);
        await page.GetByLabel("New password", new PageGetByLabelOptions { Exact = true }).FillAsync(Password);
        await page.GetByLabel("New password again").FillAsync(Password);
        await page.GetByRole(AriaRole.Button, new PageGetByRoleOptions { Name = "Change the password" }).ClickAsync();
        await page.WaitForURLAsync("**/console");
        return await context.StorageStateAsync();
    }

    /// <summary>Each time with an empty cache, from the navigation to the first live figure.</summary>
    private static async Task<string> LoadAsync(IBrowser browser, ReadyFile ready, string state)
    {
        var times = new List<double>();
        double bytes = 0;
        for (var i = 0; i < Loads; i++)
        {
            await using var context = await ContextAsync(browser, ready, state);
            var page = await context.NewPageAsync();
            var start = Stopwatch.GetTimestamp();
            await page.GotoAsync("/console");
            await page.Locator("[data-figure=devices]").WaitForAsync();
            times.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
            bytes = await page.EvaluateAsync<double>(Bytes);
        }
        var sorted = times.Skip(1).Order().ToList();
        var table = new MarkdownTable("overview, empty cache", "first ms", "p50 ms", "most ms", "KB");
        table.Add("from the navigation to the first figure", Number(times[0]), Number(sorted[sorted.Count / 2]), Number(sorted[^1]), Number(bytes / 1000));
        return table.ToString();
    }

    private static async Task<string> OpenAsync(IBrowser browser, RunningServer server, string state, int sessions, CancellationToken cancellationToken)
    {
        await using var context = await ContextAsync(browser, server.Ready, state);
        await PagesAsync(context, 5);
        await Task.Delay(Settle, cancellationToken);
        var before = ProcessUsage.ResidentBytes(server.Address.ProcessId);
        await PagesAsync(context, sessions);
        await Task.Delay(Settle, cancellationToken);
        var after = ProcessUsage.ResidentBytes(server.Address.ProcessId);
        var table = new MarkdownTable("open pages", "RSS before MB", "RSS after MB", "KB per page");
        table.Add($"{sessions} of live messages, beside 5", Number(before / 1e6), Number(after / 1e6), Number((after - before) / 1e3 / sessions));
        return table.ToString();
    }

    private static async Task PagesAsync(IBrowserContext context, int count)
    {
        for (var i = 0; i < count; i++)
        {
            var page = await context.NewPageAsync();
            await page.GotoAsync("/console/messages");
            await page.GetByText("Waiting for messages").WaitForAsync();
        }
    }

    private static async Task<string> WatchAsync(IBrowser browser, RunningServer server, string state, ConsoleOptions options, CancellationToken cancellationToken)
    {
        await using var context = await ContextAsync(browser, server.Ready, state);
        var page = await context.NewPageAsync();
        await page.GotoAsync("/console/messages");
        await page.GetByText("Waiting for messages").WaitForAsync();
        await page.EvaluateAsync(WatchFrames);
        var endpoint = await server.ProbeAsync(cancellationToken);
        var window = new UsageWindow(server.Address.ProcessId);
        var sending = server.Logins.Select((login, i) => SendAsync(endpoint, login, new Pace(options.Rate, Devices, i), options.Live, cancellationToken)).ToList();
        await Task.Delay(options.Live / 3, cancellationToken);
        var early = await ElementsAsync(page);
        var sent = (await Task.WhenAll(sending)).Sum();
        var usage = window.Close();
        var end = Stopwatch.GetTimestamp();
        await page.GetByText($"{sent:N0} messages, the latest").WaitForAsync(new LocatorWaitForOptions { Timeout = 30_000 });
        var lag = Stopwatch.GetElapsedTime(end).TotalMilliseconds;
        var longest = await page.EvaluateAsync<double>("window.longest");
        var table = new MarkdownTable("live messages", "sent", "per second", "elements after a third", "elements at the end", "last one shown after ms", "longest frame ms", "server's CPU");
        table.Add($"{Devices} devices, one page", $"{sent:N0}", Number(sent / usage.Elapsed.TotalSeconds), Number(early), Number(await ElementsAsync(page)), Number(lag), Number(longest), $"{usage.Server / usage.Elapsed:P0}");
        return table.ToString();
    }

    private static Task<double> ElementsAsync(IPage page) => page.EvaluateAsync<double>("document.getElementsByTagName('*').length");

    /// <summary>Sends paced messages of one device and waits until all are acknowledged.</summary>
    private static async Task<int> SendAsync(TlsEndpoint endpoint, DeviceLogin login, Pace pace, TimeSpan time, CancellationToken cancellationToken)
    {
        const int PubAckLength = 4;
        await using var stream = await MqttSession.OpenAsync(endpoint, login, cancellationToken);
        var publish = MqttPackets.Publish($"devices/{login.ClientId}/messages/events/", """{"temperature":21.5,"pressure":1013.2}"""u8);
        var packetId = MqttPackets.PacketIdOffset(publish);
        var until = Stopwatch.GetTimestamp() + (long)(time.TotalSeconds * Stopwatch.Frequency);
        var sent = 0;
        var acks = ReadAsync(stream);
        while (await pace.NextAsync(cancellationToken) < until)
        {
            MqttPackets.PatchPacketId(publish, packetId, (ushort)((sent % ushort.MaxValue) + 1));
            await stream.WriteAsync(publish, cancellationToken);
            sent++;
        }
        await stream.WriteAsync(MqttPackets.PingRequest, cancellationToken);
        var read = await acks;
        if (read != sent * PubAckLength)
            throw new InvalidDataException($"{read} bytes of acknowledgements came for {sent} messages.");
        return sent;

        // Until the answer to the ping, which comes behind the last acknowledgement.
        async Task<int> ReadAsync(SslStream input)
        {
            var buffer = new byte[4096];
            var total = 0;
            while (true)
            {
                var count = await input.ReadAsync(buffer, cancellationToken);
                total += count;
                if (count == 0 || (total % PubAckLength == 2 && buffer.AsSpan(0, count) is [.., 0xD0, 0x00]))
                    return total - (count == 0 ? 0 : 2);
            }
        }
    }

    private static string Number(double value) => value.ToString("N0", CultureInfo.InvariantCulture);
}
