using Homeport.Gateway.Http.Operators;
using Homeport.People.Access;
using Microsoft.AspNetCore.Routing;

namespace Homeport.Tests.People;

/// <summary>Every endpoint of the operators' API with every role. The list is that of the running server: a new endpoint without a rule fails.</summary>
public sealed class AuthorizationTests(PeopleFixture fixture) : IClassFixture<PeopleFixture>
{
    [Fact]
    public void Every_permission_has_a_row_and_the_administrator_has_all()
    {
        foreach (var permission in Enum.GetValues<Permission>())
            PermissionMatrix.Allows(Role.Administrator, permission).ShouldBeTrue($"{permission}");
    }

    [Fact]
    public void The_auditor_changes_nothing_and_sees_no_secret()
    {
        var has = Enum.GetValues<Permission>().Where(p => PermissionMatrix.Allows(Role.Auditor, p)).ToList();
        has.ShouldContain(Permission.ViewAudit);
        has.ShouldAllBe(p => p.ToString().StartsWith("View", StringComparison.Ordinal));
        has.ShouldNotContain(Permission.ViewData);
    }

    [Fact]
    public void Every_endpoint_has_a_rule_and_every_change_an_entry_in_the_audit_log()
    {
        fixture.Endpoints.Count.ShouldBeGreaterThan(15);
        foreach (var endpoint in fixture.Endpoints)
        {
            var operation = endpoint.Metadata.GetMetadata<Operation>().ShouldNotBeNull($"{endpoint.DisplayName} has no rule: map it by OperatorApi");
            if (Method(endpoint) != "GET")
                operation.Audited.ShouldNotBeNull($"{endpoint.DisplayName} changes something and is not audited");
        }
        fixture.Endpoints.Select(e => e.Metadata.GetMetadata<Operation>()!.Name).ShouldBeUnique();
    }

    [Theory]
    [InlineData(Role.Administrator)]
    [InlineData(Role.Builder)]
    [InlineData(Role.Operator)]
    [InlineData(Role.Auditor)]
    public async Task A_role_gets_what_the_matrix_says_and_nothing_else(Role role)
    {
        foreach (var endpoint in fixture.Endpoints)
        {
            var permission = endpoint.Metadata.GetMetadata<Operation>()!.Permission;
            // What the call would change is not there, so that a permitted one does no harm.
            var path = PathOf(endpoint);
            var (status, _) = await fixture.SendAsync(Method(endpoint), path, await fixture.TokenAsync(role), Method(endpoint) is "PUT" or "PATCH" ? "{}" : null);
            if (PermissionMatrix.Allows(role, permission))
                status.ShouldBeOneOf([200, 204, 400, 404, 409], $"{role}: {Method(endpoint)} {path}");
            else
                status.ShouldBe(403, $"{role}: {Method(endpoint)} {path}");
        }
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("Bearer abc")]
    [InlineData("SharedAccessSignature sr=default&sig=AAAA&skn=nobody&se=1")]
    [InlineData("SharedAccessSignature %%%&&==&skn&sig=")]
    public async Task Without_a_good_token_nothing_is_shown(string? token)
    {
        foreach (var endpoint in fixture.Endpoints)
        {
            var path = PathOf(endpoint);
            (await fixture.SendAsync(Method(endpoint), path, token)).Status.ShouldBe(401, path);
        }
    }

    private static string PathOf(RouteEndpoint endpoint)
        => "/" + endpoint.RoutePattern.RawText!.TrimStart('/').Replace("{id}", "nobody", StringComparison.Ordinal).Replace("{entry}", "primary", StringComparison.Ordinal);

    private static string Method(RouteEndpoint endpoint) => endpoint.Metadata.GetMetadata<IHttpMethodMetadata>()!.HttpMethods.Single();
}
