using System.Reflection;
using Homeport.People.Access;
using Homeport.WebConsole;
using Homeport.WebConsole.Access;
using Homeport.WebConsole.Live;
using Microsoft.AspNetCore.Components;

namespace Homeport.Tests.WebConsole;

/// <summary>The rules of the pages, read from the pages: a new page without one fails here and is shown to nobody.</summary>
public sealed class PageRuleTests
{
    private static readonly IReadOnlyList<Type> Pages = [.. typeof(ConsoleHost).Assembly.GetTypes().Where(t => t.IsDefined(typeof(RouteAttribute), inherit: false))];

    [Fact]
    public void Every_page_needs_a_permission_or_is_for_signing_in()
    {
        Pages.Count.ShouldBeGreaterThan(12);
        foreach (var page in Pages)
        {
            var plain = page.IsDefined(typeof(ExcludeFromInteractiveRoutingAttribute), inherit: false);
            var rule = page.GetCustomAttribute<RequiresAttribute>();
            (plain || rule is not null).ShouldBeTrue($"{page.Name} has no [Requires]");
            if (plain)
                Routes(page).ShouldBeSubsetOf([ConsoleGate.SignInPath, ConsoleGate.PasswordPath], page.Name);
        }
    }

    [Fact]
    public void Every_page_lies_behind_the_gate()
    {
        foreach (var route in Pages.SelectMany(Routes))
            (route == ConsoleGate.Root || route.StartsWith(ConsoleGate.Root + "/", StringComparison.Ordinal)).ShouldBeTrue(route);
    }

    [Theory]
    [InlineData(typeof(Homeport.WebConsole.Components.Pages.People), Role.Administrator, true)]
    [InlineData(typeof(Homeport.WebConsole.Components.Pages.People), Role.Operator, false)]
    [InlineData(typeof(Homeport.WebConsole.Components.Pages.Audit), Role.Auditor, true)]
    [InlineData(typeof(Homeport.WebConsole.Components.Pages.Audit), Role.Builder, false)]
    [InlineData(typeof(Homeport.WebConsole.Components.Pages.Messages), Role.Auditor, false)]
    [InlineData(typeof(Homeport.WebConsole.Components.Pages.Devices), Role.Auditor, true)]
    [InlineData(typeof(Homeport.WebConsole.Components.Pages.Templates), Role.Operator, true)]
    public void Roles_see_the_pages_of_their_work(Type page, Role role, bool seen)
        => PermissionMatrix.Allows(role, page.GetCustomAttribute<RequiresAttribute>()!.Permission).ShouldBe(seen);

    [Theory]
    [InlineData("/console/devices?show=blocked", "/console/devices?show=blocked")]
    [InlineData("/console", "/console")]
    [InlineData(null, "/console")]
    [InlineData("", "/console")]
    [InlineData("https://evil.example/console/", "/console")]
    [InlineData("//evil.example", "/console")]
    [InlineData("/console//evil.example", "/console")]
    [InlineData("/console/\\evil.example", "/console")]
    [InlineData("/consolex", "/console")]
    [InlineData("javascript:alert(1)", "/console")]
    public void After_the_sign_in_nobody_is_sent_to_another_site(string? wanted, string sentTo) => ConsoleGate.Inside(wanted).ShouldBe(sentTo);

    [Fact]
    public void A_flood_of_messages_is_counted_in_full_and_kept_in_part()
    {
        var closed = 0;
        using (var view = new MessageView("d1", _ => closed++))
        {
            for (var batch = 0; batch < 50; batch++)
                view.Take([.. Enumerable.Range(0, 100).Select(i => Message(i % 2 == 0 ? "d1" : "d2", batch * 100 + i))]);
            view.Count.ShouldBe(2500);
            view.Newest().Count.ShouldBe(MessageView.Capacity);
            view.Newest()[0].Offset.ShouldBe(4998);
            view.Newest().ShouldAllBe(m => m.DeviceId == "d1");
        }
        closed.ShouldBe(1);
    }

    [Fact]
    public void Pages_for_roles_of_organizations_are_these_and_no_page_asks_for_devices_past_the_reach_of_the_person()
    {
        Pages.Where(p => p.GetCustomAttribute<RequiresAttribute>()?.ForOrganizations == true).Select(p => p.Name).Order(StringComparer.Ordinal)
            .ShouldBe(["Device", "Devices", "MyAccount", "Overview", "Templates"]);
        foreach (var file in new DirectoryInfo(Path.Combine(Root(), "src", "Console", "Components")).EnumerateFiles("*.razor", SearchOption.AllDirectories))
            File.ReadAllText(file.FullName).ShouldNotContain("Services.Lifecycle", Case.Sensitive, $"{file.Name}: ask Me.DevicesAsync()");
    }

    [Fact]
    public void No_page_has_a_style_or_script_inline()
    {
        // The content policy would block it, and the page would be broken rather than unsafe.
        var sources = new DirectoryInfo(Path.Combine(Root(), "src", "Console")).EnumerateFiles("*.razor", SearchOption.AllDirectories).ToList();
        sources.Count.ShouldBeGreaterThan(20);
        foreach (var file in sources)
        {
            var text = File.ReadAllText(file.FullName);
            text.ShouldNotContain(" style=\"", Case.Insensitive, file.Name);
            text.ShouldNotContain("<style", Case.Insensitive, file.Name);
            text.ShouldNotContain("MarkupString", Case.Sensitive, file.Name);
            text.ShouldNotContain(" onclick=\"", Case.Insensitive, file.Name);
        }
    }

    private static IEnumerable<string> Routes(Type page) => page.GetCustomAttributes<RouteAttribute>().Select(r => r.Template);

    private static Homeport.Contract.Rest.StoredMessage Message(string device, long offset) => new()
    {
        Partition = 0,
        Offset = offset,
        SequenceNumber = offset,
        EnqueuedTime = default,
        DeviceId = device,
        GenerationId = "1",
        AuthMethod = "{}",
        Source = "Telemetry",
        SystemProperties = new Dictionary<string, string?>(StringComparer.Ordinal),
        Properties = new Dictionary<string, string?>(StringComparer.Ordinal),
        Body = [],
    };

    private static string Root()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder!.FullName, "Homeport.slnx")))
            folder = folder.Parent;
        return folder.FullName;
    }
}
