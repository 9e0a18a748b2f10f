using System.Text.Json.Nodes;
using Homeport.Gateway.Http.Operators;
using Homeport.People.Access;
using Homeport.Provisioning.Lifecycle;
using Microsoft.AspNetCore.Routing;

namespace Homeport.Tests.People;

/// <summary>Organizations, and that whoever has a role in one of them reaches nothing else.</summary>
public sealed class OrganizationTests(PeopleFixture fixture) : IClassFixture<PeopleFixture>
{
    // Each of these narrows what it shows and changes by itself, and has a test below. Whoever adds one adds a test.
    private static readonly string[] Narrowed =
        ["approveDevices", "blockDevices", "countDevices", "deleteDevices", "exportDevices", "listDevices", "migrateDevices", "unblockDevices"];

    private static readonly string[] Anybodys =
    [
        "getDeviceTemplate", "getDeviceTemplateDraft", "getModel", "getOpenApi", "getOrganization", "getRole", "listDeviceTemplates", "listModels", "listOrganizations", "listRoles",
    ];

    [Fact]
    public async Task Organizations_form_a_tree_of_five_levels_without_circles_and_go_when_nothing_belongs_to_them()
    {
        var administrator = await fixture.TokenAsync(Role.Administrator);
        string? parent = null;
        for (var level = 1; level <= 5; level++)
        {
            var (status, made) = await PutAsync(administrator, $"level-{level}", parent is null ? "{}" : $$"""{"displayName":"Level {{level}}","parent":"{{parent}}"}""");
            status.ShouldBe(200, made?.ToString());
            parent = $"level-{level}";
        }
        (await PutAsync(administrator, "level-6", """{"parent":"level-5"}""")).Status.ShouldBe(400);
        (await PutAsync(administrator, "above", "{}")).Status.ShouldBe(200);
        (await fixture.SendAsync("PATCH", "/api/organizations/level-1", administrator, """{"parent":"above"}""")).Status.ShouldBe(400, "the tree under it would be too deep");
        (await fixture.SendAsync("PATCH", "/api/organizations/level-1", administrator, """{"parent":"level-3"}""")).Status.ShouldBe(400, "it would be a part of itself");
        (await PutAsync(administrator, "orphan", """{"parent":"nowhere"}""")).Status.ShouldBe(400);
        foreach (var bad in new[] { "x", "-x", "x-", "Upper", new string('a', 50), "a_b" })
            (await PutAsync(administrator, bad, "{}")).Status.ShouldBe(400, bad);

        var (_, shown) = await fixture.SendAsync("GET", "/api/organizations/level-2", administrator);
        ((string?)shown!["displayName"], (string?)shown["parent"]).ShouldBe(("Level 2", "level-1"));
        (await fixture.SendAsync("PATCH", "/api/organizations/level-2", administrator, """{"displayName":"Second","etag":"77"}""")).Status.ShouldBe(412);
        (await fixture.SendAsync("PATCH", "/api/organizations/level-2", administrator, $$"""{"displayName":"Second","etag":"{{shown["etag"]}}"}""")).Status.ShouldBe(200);

        (await fixture.SendAsync("DELETE", "/api/organizations/level-4", administrator)).Body!["error"]!["message"]!.ToString().ShouldContain("1 organizations");
        (await fixture.SendAsync("PUT", "/api/devices/in-level-5", administrator, """{"organizations":["level-5"]}""")).Status.ShouldBe(200);
        (await fixture.SendAsync("PUT", "/api/users/of-level-5", administrator, """{"email":"of-level-5","roles":[{"role":"ae2c9854-393b-4f97-8c42-479d70ce626e","organization":"level-5"}]}""")).Status.ShouldBe(200);
        var (refused, why) = await fixture.SendAsync("DELETE", "/api/organizations/level-5", administrator);
        (refused, (string)why!["error"]!["code"]!).ShouldBe((409, "OrganizationInUse"));
        why.ToString().ShouldContain("1 devices, 1 accounts");
        (await fixture.SendAsync("DELETE", "/api/devices/in-level-5", administrator)).Status.ShouldBe(204);
        (await fixture.SendAsync("PATCH", "/api/users/of-level-5", administrator, """{"roles":[{"role":"ae2c9854-393b-4f97-8c42-479d70ce626e"}]}""")).Status.ShouldBe(200);
        (await fixture.SendAsync("DELETE", "/api/organizations/level-5", administrator)).Status.ShouldBe(204);
        (await fixture.SendAsync("DELETE", "/api/organizations/level-5", administrator)).Status.ShouldBe(404);
        (await fixture.Audit.SearchAsync(new() { EntityType = "organization", Action = "deleteOrganization" }, 1, default)).ShouldHaveSingleItem();
    }

    [Fact]
    public async Task Every_endpoint_says_what_it_is_about_or_refuses_a_role_of_an_organization()
    {
        var other = await SiteAsync("every");
        var token = await fixture.TokenInAsync("every-north", Role.Administrator);
        foreach (var endpoint in fixture.Endpoints)
        {
            var operation = endpoint.Metadata.GetMetadata<Operation>()!;
            var method = endpoint.Metadata.GetMetadata<IHttpMethodMetadata>()!.HttpMethods.Single();
            var template = "/" + endpoint.RoutePattern.RawText!.TrimStart('/');
            var path = template.Replace("{id}", other, StringComparison.Ordinal).Replace("{entry}", "primary", StringComparison.Ordinal).Replace("{", "", StringComparison.Ordinal).Replace("}", "", StringComparison.Ordinal);
            var (status, body) = await fixture.SendAsync(method, path, token, method is "PUT" or "PATCH" or "POST" ? "{}" : null);
            switch (operation.ReachAt(endpoint))
            {
                case Reach.OneDevice:
                    status.ShouldBe(404, $"{method} {path}: the device is of another organization\n{body}");
                    break;
                case Reach.WholeApplication:
                    status.ShouldBe(403, $"{method} {path}: it is not about one organization");
                    template.ShouldNotContain("/devices/{", customMessage: "a path with the id of a device is /api/devices/{id}, /api/x/devices/{id} or /api/system/iothub/devices/{id}");
                    break;
                case Reach.Narrowed:
                    Narrowed.ShouldContain(operation.Name);
                    break;
                default:
                    Anybodys.ShouldContain(operation.Name);
                    break;
            }
        }
        (await fixture.Lifecycle.GetAsync(other, default)).Value!.Blocked.ShouldBeFalse();
    }

    [Fact]
    public async Task A_role_in_an_organization_sees_and_changes_its_devices_and_those_below_it()
    {
        await SiteAsync("plant");
        var north = await fixture.TokenInAsync("plant-north", Role.Operator);
        (await IdsAsync(north)).ShouldBe(["plant-north-1", "plant-north-hall-1"]);
        (await fixture.SendAsync("GET", "/api/x/devices/counts", north)).Body!["registered"]!.GetValue<int>().ShouldBe(2);
        (await fixture.SendAsync("GET", "/api/devices/plant-north-hall-1", north)).Status.ShouldBe(200);
        foreach (var hidden in new[] { "plant-south-1", "plant-root-1" })
            (await fixture.SendAsync("GET", $"/api/devices/{hidden}", north)).Status.ShouldBe(404);
        (await fixture.SendAsync("GET", "/api/organizations", north)).Body!["value"]!.AsArray().Select(o => (string)o!["id"]!).ShouldBe(["plant-north", "plant-north-hall"]);
        (await fixture.SendAsync("GET", "/api/organizations/plant-south", north)).Status.ShouldBe(404);

        var (_, file) = await fixture.SendAsync("GET", "/api/x/devices/export?id=plant-north-1&id=plant-south-1", north);
        file!.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries).Length.ShouldBe(2, file.ToString());
        (await fixture.SendAsync("GET", "/api/x/devices/export?columns=organization", north)).Body!.ToString().ShouldNotContain("south");

        // Many at once: by ids and by a filter.
        var (_, blocked) = await fixture.SendAsync("POST", "/api/x/devices/block", north, """{"deviceIds":["plant-north-1","plant-south-1","plant-root-1"]}""");
        blocked!["failures"]!.AsArray().Count.ShouldBe(2, blocked.ToString());
        await fixture.SendAsync("POST", "/api/x/devices/block", north, """{"filter":"enabled eq true"}""");
        await fixture.SendAsync("POST", "/api/x/devices/delete", north, """{"deviceIds":["plant-south-1"]}""");
        foreach (var (id, isBlocked) in new[] { ("plant-north-1", true), ("plant-north-hall-1", true), ("plant-south-1", false), ("plant-root-1", false) })
            (await fixture.Lifecycle.GetAsync(id, default)).Value!.Blocked.ShouldBe(isBlocked, id);
        await fixture.SendAsync("POST", "/api/x/devices/unblock", north, """{"filter":"enabled eq false"}""");
        await fixture.SendAsync("POST", "/api/x/devices/approve", north, """{"deviceIds":["plant-south-1"]}""");
        await fixture.SendAsync("POST", "/api/x/devices/migrate", north, """{"deviceIds":["plant-south-1"],"template":null}""");
        (await fixture.Lifecycle.GetAsync("plant-south-1", default)).Value!.ChangedBy.ShouldBe("setup");
    }

    [Fact]
    public async Task A_device_is_made_in_the_organization_of_the_role_and_moves_only_where_the_role_reaches()
    {
        await SiteAsync("move");
        var north = await fixture.TokenInAsync("move-north", Role.Operator);
        var (_, made) = await fixture.SendAsync("PUT", "/api/devices/move-new", north, "{}");
        made!["organizations"]!.AsArray().Select(o => (string)o!).ShouldBe(["move-north"]);
        (await fixture.SendAsync("PATCH", "/api/devices/move-new", north, """{"organizations":["move-north-hall"]}""")).Status.ShouldBe(200);
        (await fixture.SendAsync("PATCH", "/api/devices/move-new", north, """{"organizations":["move-south"]}""")).Status.ShouldBe(403);
        (await fixture.SendAsync("PATCH", "/api/devices/move-new", north, """{"organizations":null}""")).Status.ShouldBe(403);
        (await fixture.SendAsync("PUT", "/api/devices/move-elsewhere", north, """{"organizations":["move-south"]}""")).Status.ShouldBe(403);
        (await fixture.SendAsync("PUT", "/api/devices/move-south-1", north, "{}")).Status.ShouldBe(404);
        var administrator = await fixture.TokenAsync(Role.Administrator);
        (await fixture.SendAsync("PATCH", "/api/devices/move-new", administrator, """{"organizations":["nowhere"]}""")).Status.ShouldBe(400);
        (await fixture.SendAsync("PATCH", "/api/devices/move-new", administrator, """{"organizations":["move-south"]}""")).Status.ShouldBe(200);
        (await fixture.SendAsync("GET", "/api/devices/move-new", north)).Status.ShouldBe(404);
        // The reach follows the tree at once.
        (await fixture.SendAsync("PATCH", "/api/organizations/move-south", administrator, """{"parent":"move-north"}""")).Status.ShouldBe(200);
        (await fixture.SendAsync("GET", "/api/devices/move-new", north)).Status.ShouldBe(200);
    }

    [Fact]
    public async Task An_administrator_of_an_organization_is_none_of_the_application()
    {
        await SiteAsync("admin");
        var north = await fixture.TokenInAsync("admin-north", Role.Administrator);
        foreach (var (method, path) in new[] { ("GET", "/api/users"), ("GET", "/api/x/audit"), ("GET", "/api/apiTokens"), ("POST", "/api/x/devices/import"), ("GET", "/api/enrollmentGroups"), ("DELETE", "/api/organizations/admin-south") })
        {
            var (status, body) = await fixture.SendAsync(method, path, north);
            status.ShouldBe(403, path);
            body!["error"]!["message"]!.ToString().ShouldContain("whole application");
        }
        var token = fixture.Issuer.Token(new(StringComparer.Ordinal) { ["sub"] = "admin-sync" });
        (await fixture.SendAsync("PUT", "/api/users/admin-sync", await fixture.TokenAsync(Role.Administrator),
            """{"type":"servicePrincipal","objectId":"admin-sync","roles":[{"role":"ae2c9854-393b-4f97-8c42-479d70ce626e","organization":"admin-north"}]}""")).Status.ShouldBe(200);
        (await IdsAsync("Bearer " + token)).ShouldBe(["admin-north-1", "admin-north-hall-1"]);
    }

    /// <summary>Two organizations, one with a part, and a device in each and in none.</summary>
    /// <returns>The device of the second organization.</returns>
    private async Task<string> SiteAsync(string name)
    {
        var administrator = await fixture.TokenAsync(Role.Administrator);
        foreach (var (id, parent) in new[] { ("north", null), ("north-hall", "north"), ("south", (string?)null) })
            (await PutAsync(administrator, $"{name}-{id}", parent is null ? "{}" : $$"""{"parent":"{{name}}-{{parent}}"}""")).Status.ShouldBe(200);
        foreach (var organization in new[] { "north", "north-hall", "south", null })
        {
            var facts = new DeviceFacts { DeviceId = $"{name}-{organization ?? "root"}-1", Organization = organization is null ? null : $"{name}-{organization}" };
            (await fixture.Lifecycle.CreateAsync(facts, "setup", default)).Refusal.ShouldBeNull();
        }
        return $"{name}-south-1";
    }

    private Task<(int Status, JsonNode? Body)> PutAsync(string token, string id, string body) => fixture.SendAsync("PUT", $"/api/organizations/{id}", token, body);

    private async Task<List<string>> IdsAsync(string token)
        => [.. (await fixture.SendAsync("GET", "/api/devices", token)).Body!["value"]!.AsArray().Select(d => (string)d!["id"]!)];
}
