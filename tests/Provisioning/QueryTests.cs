using Homeport.Contract.Access;
using Homeport.Contract.Errors;
using Homeport.Provisioning.Enrollments;

namespace Homeport.Tests.Provisioning;

/// <summary>Queries of the service API: for all entries and with conditions, in pages.</summary>
public sealed class QueryTests
{
    private readonly TestApplication _app = new("hub1.test", "hub2.test");

    [Theory]
    [InlineData("*")]
    [InlineData("")]
    [InlineData(null)]
    [InlineData("SELECT *")]
    [InlineData("SELECT * FROM enrollments;")]
    [InlineData("select * from enrollmentGroups")]
    [InlineData("{'additional_properties': {}, 'query': 'SELECT *'}")]
    public async Task Queries_for_all_are_taken_as_clients_write_them(string? query)
    {
        await FillAsync();
        (await IdsAsync(query)).ShouldBe(["a", "b", "c"]);
    }

    [Theory]
    [InlineData("SELECT * FROM enrollments WHERE provisioningStatus = 'disabled'", "b")]
    [InlineData("SELECT * FROM enrollments WHERE enrollments.attestation.type = 'tpm'", "c")]
    [InlineData("SELECT * FROM enrollments WHERE attestation.type = 'symmetricKey' AND NOT provisioningStatus = 'disabled'", "a")]
    [InlineData("SELECT * FROM enrollments WHERE iotHubHostName = 'hub2.test' OR is_defined(deviceId)", "a,c")]
    [InlineData("SELECT * FROM enrollments WHERE initialTwin.tags.floor > 2 and initialTwin.properties.desired.mode in ['day', 'night']", "a")]
    [InlineData("SELECT * FROM enrollments WHERE STARTSWITH(registrationId, 'b') OR registrationId = 'c'", "b,c")]
    [InlineData("SELECT * FROM enrollments WHERE createdDateTimeUtc > '2000-01-01'", "a,b,c")]
    [InlineData("SELECT * FROM enrollments WHERE nothing.like = 'this'", "")]
    [InlineData("SELECT * FROM enrollments WHERE attestation.symmetricKey.primaryKey != ''", "")]
    public async Task A_condition_chooses_by_what_the_service_shows(string query, string expected)
    {
        await FillAsync();
        (await IdsAsync(query)).ShouldBe(expected.Split(',', StringSplitOptions.RemoveEmptyEntries));
    }

    [Theory]
    [InlineData("SELECT registrationId FROM enrollments", "position 8: found 'registrationId', expected '*'")]
    [InlineData("SELECT * FROM enrollments WHERE", "position 32: found the end of the query")]
    [InlineData("SELECT * FROM enrollments WHERE a = ", "found the end of the query, expected a value")]
    [InlineData("SELECT * FROM enrollments WHERE a = 1 b", "position 39: found 'b', expected AND, OR or the end of the query")]
    [InlineData("SELECT * FROM enrollments ORDER BY a", "position 27: found ORDER BY")]
    [InlineData("SELECT * FROM enrollments WHERE COUNT() = 1", "position 33: found the aggregate COUNT")]
    [InlineData("SELECT * FROM", "position 14: found the end of the query, expected the name of the collection")]
    [InlineData("DELETE", "position 1: found 'DELETE', expected SELECT")]
    [InlineData("* FROM enrollments", "position 3: found 'FROM', expected the end of the query")]
    public async Task A_query_that_cannot_be_read_is_refused_at_its_place(string query, string seen)
    {
        var refusal = (await _app.Enrollments.QueryAsync(EnrollmentKind.Individual, query, 10, null, TestApplication.None)).Bad();
        refusal.Error.ShouldBe(ProvisioningErrors.InvalidArgument);
        refusal.Seen.ShouldContain(seen);
    }

    [Theory]
    [InlineData("*", "A,b,C,d,e")]
    [InlineData("SELECT * FROM enrollments WHERE registrationId != 'b' AND registrationId != 'C'", "A,d,e")]
    public async Task Pages_join_without_gap(string query, string expected)
    {
        foreach (var id in (string[])["b", "A", "d", "C", "e"])
            await _app.EnrollAsync(TestApplication.Individual(id));
        var seen = new List<string>();
        string? continuation = null;
        do
        {
            var page = (await _app.Enrollments.QueryAsync(EnrollmentKind.Individual, query, 2, continuation, TestApplication.None)).Good();
            page.Items.Count.ShouldBeLessThanOrEqualTo(2);
            seen.AddRange(page.Items.Select(e => e.Id));
            continuation = page.Continuation;
        }
        while (continuation is not null);
        seen.ShouldBe(expected.Split(','));
        (await _app.Enrollments.QueryAsync(EnrollmentKind.Individual, query, 2, "!!", TestApplication.None)).Bad().Seen.ShouldContain("x-ms-continuation");
    }

    [Fact]
    public async Task One_call_looks_at_so_many_entries_and_the_next_goes_on()
    {
        var read = EnrollmentQuery.Read("SELECT * FROM enrollments WHERE n = 25000", null).Good();
        var looked = 0;
        var first = await PageAsync(read);
        first.Items.ShouldBeEmpty();
        looked.ShouldBe(EnrollmentQuery.MaxLookedAt);
        var second = await PageAsync(EnrollmentQuery.Read("SELECT * FROM enrollments WHERE n = 25000", first.Continuation.ShouldNotBeNull()).Good());
        second.Items.ShouldHaveSingleItem().Value.ShouldBe(25_000);
        second.Continuation.ShouldBeNull();

        Task<QueryPage<Numbered>> PageAsync(EnrollmentQuery query) => query.PageAsync(10, ListAsync, n => n.Id, n =>
        {
            looked++;
            return System.Text.Encoding.UTF8.GetBytes($"{{\"n\":{n.Value}}}");
        }, TestApplication.None);

        static Task<IReadOnlyList<Numbered>> ListAsync(string? after, int max)
            => Task.FromResult<IReadOnlyList<Numbered>>([.. Enumerable.Range(after is null ? 0 : int.Parse(after) + 1, max).Where(n => n < 30_000).Select(n => new Numbered(n))]);
    }

    [Fact]
    public async Task Registrations_of_a_group_are_chosen_by_the_key_that_they_used()
    {
        var group = (await _app.EnrollAsync(TestApplication.Group("line"))).Attestation;
        foreach (var (id, key) in new[] { ("d1", group.PrimaryKey), ("d2", group.SecondaryKey), ("d3", group.PrimaryKey) })
            (await _app.RegisterAsync(_app.Call(id, DerivedKey.FromGroupKey(key!, id)))).Good();
        var old = (await _app.Registrations.QueryAsync("line", "SELECT * FROM deviceRegistrations WHERE credentialUsed = 'secondaryKey'", 10, null, TestApplication.None)).Good();
        old.Items.ShouldHaveSingleItem().RegistrationId.ShouldBe("d2");
        (await _app.Registrations.QueryAsync("line", "SELECT * WHERE status", 10, null, TestApplication.None)).Good().Items.ShouldBeEmpty();
    }

    private async Task FillAsync()
    {
        var twin = System.Text.Json.JsonElement.Parse("""{"tags":{"floor":3},"properties":{"desired":{"mode":"day"}}}""");
        await _app.EnrollAsync(TestApplication.Individual("a") with { DeviceId = "press", InitialTwin = twin });
        await _app.EnrollAsync(TestApplication.Individual("b") with { ProvisioningStatus = "disabled" });
        await _app.EnrollAsync(TestApplication.TpmEnrollment("c", SoftwareTpm.Known) with { IotHubHostName = "hub2.test" });
        await _app.EnrollAsync(TestApplication.Group("g"));
    }

    private async Task<IEnumerable<string>> IdsAsync(string? query)
        => (await _app.Enrollments.QueryAsync(EnrollmentKind.Individual, query, 10, null, TestApplication.None)).Good().Items.Select(e => e.Id);

    private sealed record Numbered(int Value)
    {
        public string Id => $"{Value}";
    }
}
