using Homeport.Contract.Rest;
using Homeport.Hub.ImportExport;

namespace Homeport.Tests.Compliance;

/// <summary>What every <see cref="IRegistryJobStore"/> does.</summary>
public abstract class RegistryJobStoreCompliance : IAsyncLifetime
{
    private static readonly DateTimeOffset Now = new(2026, 1, 31, 12, 0, 0, TimeSpan.Zero);

    private protected StoreFixture<IRegistryJobStore> Fixture { get; private set; } = null!;

    private IRegistryJobStore Store => Fixture.Store;

    public async ValueTask InitializeAsync() => Fixture = await CreateAsync();

    public async ValueTask DisposeAsync()
    {
        await Fixture.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    private protected abstract Task<StoreFixture<IRegistryJobStore>> CreateAsync();

    [Fact]
    public async Task A_job_is_kept_with_all_that_it_asks_for_and_nobody_reads_its_signature_on_the_disk()
    {
        (await Store.InsertAsync(Job("j1"), default)).ShouldBeTrue();
        (await Store.BeginAsync("j1", Now.AddSeconds(1), default)).ShouldBeTrue();
        (await Store.NoteAsync("j1", new RegistryJobProgress(40, 200, 300), [new RegistryJobError(7, "seven"), new RegistryJobError(3, "three")], default)).ShouldBeTrue();
        await Fixture.ReopenAsync();
        var job = (await Store.FindActiveAsync(default)).ShouldNotBeNull();
        (job.JobId, job.Status, job.Created, job.Started, job.Ended, job.Reason).ShouldBe(("j1", RegistryJobStatus.Running, Now, Now.AddSeconds(1), null, null));
        job.Progress.ShouldBe(new RegistryJobProgress(40, 200, 300));
        job.Request.OutputBlobContainerUri.ShouldBe("https://a.test/c?sig=s3cr3t-signature");
        (await Store.ErrorsAsync("j1", 0, 1, default)).ShouldHaveSingleItem().ShouldBe(new RegistryJobError(3, "three"));
        (await Store.ErrorsAsync("j1", 3, 9, default)).ShouldHaveSingleItem().Entry.ShouldBe("seven");
        Fixture.StoredBytes().Any(f => f.Bytes.AsSpan().IndexOf("s3cr3t-signature"u8) >= 0).ShouldBeFalse();
    }

    [Fact]
    public async Task One_job_is_active_at_a_time_in_each_hub()
    {
        (await Store.InsertAsync(Job("j1"), default)).ShouldBeTrue();
        (await Store.InsertAsync(Job("j2"), default)).ShouldBeFalse();
        (await (await Fixture.OpenAnotherHubAsync("hub2")).InsertAsync(Job("j1"), default)).ShouldBeTrue();
        (await Store.EndAsync("j1", RegistryJobStatus.Completed, null, Now.AddSeconds(5), default)).ShouldBeTrue();
        (await Store.InsertAsync(Job("j2"), default)).ShouldBeTrue();
        (await Store.ListAsync(10, default)).Select(j => (j.JobId, j.Status, j.Progress.Percent)).ShouldBe(
            [("j1", RegistryJobStatus.Completed, 100), ("j2", RegistryJobStatus.Enqueued, 0)], ignoreOrder: true);
    }

    [Fact]
    public async Task A_job_that_is_over_stays_as_it_is_until_it_is_pruned()
    {
        await Store.InsertAsync(Job("j1"), default);
        (await Store.EndAsync("j1", RegistryJobStatus.Failed, "why", Now.AddSeconds(5), default)).ShouldBeTrue();
        (await Store.EndAsync("j1", RegistryJobStatus.Completed, null, Now.AddSeconds(6), default)).ShouldBeFalse();
        (await Store.BeginAsync("j1", Now, default)).ShouldBeFalse();
        (await Store.NoteAsync("j1", new RegistryJobProgress(50, 1, 1), [new RegistryJobError(1, "late")], default)).ShouldBeFalse();
        (await Store.EndAsync("none", RegistryJobStatus.Cancelled, null, Now, default)).ShouldBeFalse();
        var job = (await Store.FindAsync("j1", default)).ShouldNotBeNull();
        (job.Status, job.Reason, job.Ended, job.Progress.Percent).ShouldBe((RegistryJobStatus.Failed, "why", Now.AddSeconds(5), 0));
        (await Store.ErrorsAsync("j1", 0, 9, default)).ShouldBeEmpty();
        await Store.PruneAsync(Now.AddSeconds(4), default);
        (await Store.FindAsync("j1", default)).ShouldNotBeNull();
        await Store.PruneAsync(Now.AddSeconds(5), default);
        (await Store.FindAsync("j1", default)).ShouldBeNull();
    }

    private static RegistryJob Job(string id) => new(id, new ImportExportJob { Type = "export", OutputBlobContainerUri = "https://a.test/c?sig=s3cr3t-signature" }, Now);
}
