using System.Text;
using System.Text.Json.Nodes;
using Homeport.People.Access;
using Homeport.People.Audit;
using Homeport.Provisioning.Bulk;
using Homeport.Provisioning.Bulk.Jobs;

namespace Homeport.Tests.People;

/// <summary>Imports as jobs: over the API, cut short, cancelled, and with files that are not what they should be.</summary>
public sealed class ImportJobTests(PeopleFixture fixture) : IClassFixture<PeopleFixture>
{
    private const string Path = "/api/x/importJobs";
    private const string Key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

    [Fact]
    public async Task A_job_is_queued_runs_and_leaves_counts_an_error_file_and_two_entries_in_the_audit_log()
    {
        var token = await fixture.TokenAsync(Role.Operator);
        var job = await PostAsync(token, $"IOTC_DEVICEID,IOTC_SASKEY_PRIMARY,note\nrun-1,{Key},x\nno id,{Key},x\nrun-1,,x\n", "&name=a.csv");
        ((string?)job["status"], (long)job["progress"]!["total"]!, (string?)job["file"]!["name"]).ShouldBe(("queued", 3L, "a.csv"));
        Directory.EnumerateFiles(fixture.ImportFolder).Select(File.ReadAllText).ShouldNotContain(t => t.Contains("IOTC_", StringComparison.Ordinal));
        await fixture.ImportRunner.RunQueuedAsync(default);
        var end = await GetAsync(token, job);
        ((string?)end["status"], Counts(end)).ShouldBe(("succeededWithErrors", (3, 1, 0, 0, 2)));
        ((string)end["ignoredColumns"]![0]!).ShouldBe("note");
        var errors = await ErrorsAsync(token, end);
        errors.Split("\r\n")[1].ShouldStartWith($"no id,{Key},x,3,InvalidDeviceId,");
        errors.Split("\r\n")[2].ShouldStartWith("run-1,,x,4,DuplicateInFile,");
        (await fixture.ImportJobs.FirstFailedAsync((string)end["id"]!, default)).Select(f => f.Line).ShouldBe([3L, 4L]);
        var entries = (await fixture.Audit.SearchAsync(new AuditFilter(), 500, default)).Where(e => e.EntityId == (string)job["id"]!).ToList();
        entries.Select(e => e.Action).ShouldBe(["createImportJob", "endImportJob", "getImportErrors"], ignoreOrder: true);
        entries.Where(e => e.Action.EndsWith("ImportJob", StringComparison.Ordinal)).ShouldAllBe(e => e.Detail!.Contains((string)job["file"]!["sha256"]!, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_run_that_was_cut_short_goes_on_and_counts_what_it_wrote_as_created()
    {
        const int Rows = 1800;
        var file = new StringBuilder("IOTC_DEVICEID\ncut-there\n");
        for (var i = 1; i < Rows; i++)
            file.Append(i % 100 == 7 ? "bad id\n" : $"cut-{i}\n");
        await fixture.Import.RunAsync(new MemoryStream("IOTC_DEVICEID\ncut-there\n"u8.ToArray()), new ImportOptions(), null, default);
        var token = await fixture.TokenAsync(Role.Operator);
        var job = await PostAsync(token, file.ToString());
        // The third batch is written, its counts are not: the store is gone before.
        var cut = new CutStore(fixture.ImportStore, steps: 3);
        var files = new Storage.Files.SealedImportFiles(fixture.ImportFolder, fixture.Seal);
        using (var runner = new ImportJobRunner(fixture.ImportJobs, cut, files, fixture.Import, fixture.Time, Microsoft.Extensions.Logging.Abstractions.NullLogger<ImportJobRunner>.Instance))
            await Should.ThrowAsync<IOException>(() => runner.RunQueuedAsync(default));
        var middle = await GetAsync(token, job);
        ((string?)middle["status"], (long)middle["progress"]!["processed"]!).ShouldBe(("running", 1000L));
        (await fixture.Registry.GetAsync("cut-1400", null, default)).Refusal.ShouldBeNull("the rows of the batch are there");
        await fixture.ImportRunner.RunQueuedAsync(default);
        var end = await GetAsync(token, job);
        Counts(end).ShouldBe((Rows, Rows - 19, 0, 1, 18));
        var errors = (await ErrorsAsync(token, end)).Split("\r\n", StringSplitOptions.RemoveEmptyEntries);
        (errors.Length, errors.Distinct().Count()).ShouldBe((19, 19));
    }

    [Fact]
    public async Task A_job_that_waits_is_cancelled_at_once_and_one_that_runs_after_its_batch()
    {
        var token = await fixture.TokenAsync(Role.Operator);
        var file = "IOTC_DEVICEID\n" + string.Concat(Enumerable.Range(0, 1500).Select(i => $"cancel-{i}\n"));
        var running = await PostAsync(token, file);
        var waiting = await PostAsync(token, "IOTC_DEVICEID\ncancel-w\n");
        ((string?)(await CancelAsync(token, waiting)).Body!["status"]).ShouldBe("cancelled");
        (await fixture.ImportStore.BeginAsync((string)running["id"]!, fixture.Time.GetUtcNow(), default)).ShouldNotBeNull();
        ((string?)(await CancelAsync(token, running)).Body!["status"]).ShouldBe("running");
        await fixture.ImportRunner.RunQueuedAsync(default);
        ((string?)(await GetAsync(token, running))["status"]).ShouldBe("cancelled");
        (await fixture.Registry.GetAsync("cancel-w", null, default)).Refusal.ShouldNotBeNull();
        var over = await PostAsync(token, "IOTC_DEVICEID\ncancel-o\n");
        await fixture.ImportRunner.RunQueuedAsync(default);
        (await CancelAsync(token, over)).Status.ShouldBe(409);
    }

    [Fact]
    public async Task A_check_alone_writes_nothing()
    {
        var token = await fixture.TokenAsync(Role.Operator);
        var job = await PostAsync(token, "IOTC_DEVICEID\ndry-1\ndry-2\n", "&validateOnly=true");
        await fixture.ImportRunner.RunQueuedAsync(default);
        Counts(await GetAsync(token, job)).ShouldBe((2, 2, 0, 0, 0));
        (await fixture.Registry.GetAsync("dry-1", null, default)).Refusal.ShouldNotBeNull();
    }

    [Theory]
    [InlineData("", "empty")]
    [InlineData("id\nx\n", "IOTC_DEVICEID")]
    [InlineData("IOTC_DEVICEID\nx\n\"open\n", "not closed")]
    public async Task A_file_that_cannot_be_read_is_refused_and_not_kept(string file, string says)
    {
        var (status, body) = await fixture.SendAsync("POST", Path + "?name=x", await fixture.TokenAsync(Role.Operator), file);
        status.ShouldBe(400);
        body!.ToJsonString().ShouldContain(says);
        await fixture.ImportRunner.RunQueuedAsync(default);
    }

    [Fact]
    public async Task Too_many_rows_and_too_many_bytes_are_refused()
    {
        var token = await fixture.TokenAsync(Role.Operator);
        var (rows, body) = await fixture.SendAsync("POST", Path + "?name=x", token, "IOTC_DEVICEID\n" + string.Concat(Enumerable.Repeat("x\n", 5001)));
        (rows, body!.ToJsonString().Contains("5000 rows", StringComparison.Ordinal)).ShouldBe((400, true));
        (await fixture.SendAsync("POST", Path + "?name=x", token, "IOTC_DEVICEID\n" + new string('x', 1 << 20))).Status.ShouldBe(400);
        (await fixture.SendAsync("POST", Path + "?name=x&template=dtmi:nowhere;1", token, "IOTC_DEVICEID\nx\n")).Status.ShouldBe(400);
    }

    [Fact]
    public async Task Files_go_a_day_after_the_end_and_jobs_a_month_after_it()
    {
        var job = await PostAsync(await fixture.TokenAsync(Role.Operator), "IOTC_DEVICEID\nbad id\n");
        var id = (string)job["id"]!;
        await fixture.ImportRunner.RunQueuedAsync(default);
        File.Exists(System.IO.Path.Combine(fixture.ImportFolder, id + ".sealed")).ShouldBeTrue();
        fixture.Time.Advance(TimeSpan.FromHours(25));
        await fixture.ImportRunner.RunQueuedAsync(default);
        File.Exists(System.IO.Path.Combine(fixture.ImportFolder, id + ".sealed")).ShouldBeFalse();
        (await fixture.SendAsync("GET", $"{Path}/{id}/errors", await fixture.TokenAsync(Role.Operator))).Status.ShouldBe(404);
        (await fixture.ImportStore.FindAsync(id, default)).ShouldNotBeNull();
        fixture.Time.Advance(TimeSpan.FromDays(30));
        await fixture.ImportRunner.RunQueuedAsync(default);
        (await fixture.ImportStore.FindAsync(id, default)).ShouldBeNull();
    }

    [Fact]
    public async Task A_file_that_was_changed_or_cut_on_the_disk_fails_its_job()
    {
        var token = await fixture.TokenAsync(Role.Operator);
        var job = await PostAsync(token, "IOTC_DEVICEID\n" + string.Concat(Enumerable.Range(0, 4000).Select(i => $"hurt-{i},{new string('x', 50)}\n")));
        var path = System.IO.Path.Combine(fixture.ImportFolder, (string)job["id"]! + ".sealed");
        await using (var stream = File.OpenWrite(path))
            stream.SetLength(stream.Length - 20);
        await fixture.ImportRunner.RunQueuedAsync(default);
        var end = await GetAsync(token, job);
        ((string?)end["status"]).ShouldBe("failed");
        ((string)end["reason"]!).ShouldContain("Import it again");
    }

    [Fact]
    public async Task Who_has_a_role_in_an_organization_sees_no_import_and_makes_none()
    {
        var job = await PostAsync(await fixture.TokenAsync(Role.Operator), "IOTC_DEVICEID\norg-1\n");
        var inside = await fixture.TokenInAsync("north", Role.Operator);
        foreach (var (method, path) in new[] { ("GET", Path), ("POST", Path), ("GET", $"{Path}/{(string)job["id"]!}"), ("GET", $"{Path}/{(string)job["id"]!}/errors"), ("POST", $"{Path}/{(string)job["id"]!}/cancel") })
            (await fixture.SendAsync(method, path, inside)).Status.ShouldBe(403, $"{method} {path}");
        await fixture.ImportRunner.RunQueuedAsync(default);
    }

    [Fact]
    public async Task The_list_has_pages_with_the_newest_first()
    {
        var token = await fixture.TokenAsync(Role.Operator);
        var ids = new List<string>();
        for (var i = 0; i < 3; i++)
            ids.Insert(0, (string)(await PostAsync(token, $"IOTC_DEVICEID\npage-{i}\n"))["id"]!);
        await fixture.ImportRunner.RunQueuedAsync(default);
        var (_, first) = await fixture.SendAsync("GET", Path + "?$top=2", token);
        first!["value"]!.AsArray().Select(j => (string)j!["id"]!).ShouldBe(ids.Take(2));
        var (_, second) = await fixture.SendAsync("GET", new Uri((string)first["nextLink"]!).PathAndQuery, token);
        ((string)second!["value"]![0]!["id"]!).ShouldBe(ids[2]);
    }

    private async Task<JsonNode> PostAsync(string token, string file, string query = "")
    {
        var (status, body) = await fixture.SendAsync("POST", Path + "?onExisting=skip" + query, token, file);
        status.ShouldBe(202, body?.ToJsonString());
        return body!;
    }

    private async Task<JsonNode> GetAsync(string token, JsonNode job) => (await fixture.SendAsync("GET", $"{Path}/{(string)job["id"]!}", token)).Body!;

    private Task<(int Status, JsonNode? Body)> CancelAsync(string token, JsonNode job) => fixture.SendAsync("POST", $"{Path}/{(string)job["id"]!}/cancel", token);

    private async Task<string> ErrorsAsync(string token, JsonNode job) => (string)(await fixture.SendAsync("GET", (string)job["errorFileUrl"]!, token)).Body!;

    private static (long, long, long, long, long) Counts(JsonNode job)
    {
        var p = job["progress"]!;
        return ((long)p["processed"]!, (long)p["created"]!, (long)p["updated"]!, (long)p["skipped"]!, (long)p["failed"]!);
    }

    /// <summary>A store whose disk is gone after some steps.</summary>
    private sealed class CutStore(IImportJobStore store, int steps) : IImportJobStore
    {
        private int _left = steps;

        public Task InsertAsync(ImportJob job, CancellationToken token) => store.InsertAsync(job, token);

        public Task<ImportJob?> FindAsync(string id, CancellationToken token) => store.FindAsync(id, token);

        public Task<IReadOnlyList<ImportJob>> ListAsync(long before, int max, CancellationToken token) => store.ListAsync(before, max, token);

        public Task<IReadOnlyList<ImportJob>> OpenAsync(int max, CancellationToken token) => store.OpenAsync(max, token);

        public Task<byte[]?> BeginAsync(string id, DateTimeOffset now, CancellationToken token) => store.BeginAsync(id, now, token);

        public Task<bool> SaveAsync(string id, ImportStep step, CancellationToken token) => _left-- > 0 ? store.SaveAsync(id, step, token) : throw new IOException("The disk is gone.");

        public Task<bool> CancelAsync(string id, DateTimeOffset now, CancellationToken token) => store.CancelAsync(id, now, token);

        public Task EndAsync(string id, ImportJobStatus status, string? reason, DateTimeOffset now, CancellationToken token) => store.EndAsync(id, status, reason, now, token);

        public IAsyncEnumerable<string> ErrorsAsync(string id, CancellationToken token) => store.ErrorsAsync(id, token);

        public Task PruneAsync(DateTimeOffset filesBefore, DateTimeOffset jobsBefore, CancellationToken token) => store.PruneAsync(filesBefore, jobsBefore, token);
    }
}
