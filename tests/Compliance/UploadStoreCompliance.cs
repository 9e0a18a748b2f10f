using Homeport.Hub.Files;

namespace Homeport.Tests.Compliance;

/// <summary>What every <see cref="IUploadStore"/> does.</summary>
public abstract class UploadStoreCompliance : IAsyncLifetime
{
    private static readonly DateTimeOffset Now = new(2026, 1, 31, 12, 0, 0, TimeSpan.Zero);

    private protected StoreFixture<IUploadStore> Fixture { get; private set; } = null!;

    private IUploadStore Store => Fixture.Store;

    public async ValueTask InitializeAsync() => Fixture = await CreateAsync();

    public async ValueTask DisposeAsync()
    {
        await Fixture.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    private protected abstract Task<StoreFixture<IUploadStore>> CreateAsync();

    [Fact]
    public async Task An_open_upload_is_found_until_it_ends_and_after_a_restart()
    {
        var upload = Upload("dev1", "c1");
        (await Store.OpenAsync(upload, 10, Now, default)).ShouldBeTrue();
        await Fixture.ReopenAsync();
        (await Store.FindAsync("dev1", "c1", Now, default)).ShouldBe(upload);
        (await Store.FindAsync("dev1", "c1", upload.Expires.AddMilliseconds(-1), default)).ShouldBe(upload);
        (await Store.FindAsync("dev1", "c1", upload.Expires, default)).ShouldBeNull();
        (await Store.FindAsync("dev2", "c1", Now, default)).ShouldBeNull();
        (await Store.FindAsync("DEV1", "c1", Now, default)).ShouldBeNull();
    }

    [Fact]
    public async Task It_is_closed_once_by_its_device()
    {
        await Store.OpenAsync(Upload("dev1", "c1"), 10, Now, default);
        (await Store.CloseAsync("dev2", "c1", null, default)).ShouldBeFalse();
        (await Store.CloseAsync("dev1", "c1", null, default)).ShouldBeTrue();
        (await Store.CloseAsync("dev1", "c1", null, default)).ShouldBeFalse();
        (await Store.FindAsync("dev1", "c1", Now, default)).ShouldBeNull();
    }

    [Fact]
    public async Task Files_are_noted_with_the_end_of_their_upload_the_newest_first_and_a_bounded_number()
    {
        for (var i = 0; i <= IUploadStore.FilesPerDevice; i++)
        {
            await Store.OpenAsync(Upload("dev1", $"c{i}"), 10, Now, default);
            (await Store.CloseAsync("dev1", $"c{i}", new DeviceFile($"dev1/f{i}", i, Now.AddSeconds(i)), default)).ShouldBeTrue();
        }
        (await Store.CloseAsync("dev1", "c0", new DeviceFile("dev1/again", 1, Now), default)).ShouldBeFalse();
        await Store.OpenAsync(Upload("dev1", "late"), 10, Now, default);
        await Store.CloseAsync("dev1", "late", new DeviceFile("dev1/f7", 99, Now.AddHours(1)), default);
        await Fixture.ReopenAsync();
        var files = await Store.ListAsync("dev1", default);
        files.Count.ShouldBe(IUploadStore.FilesPerDevice);
        files[0].ShouldBe(new DeviceFile("dev1/f7", 99, Now.AddHours(1)));
        files[1].BlobName.ShouldBe($"dev1/f{IUploadStore.FilesPerDevice}");
        files.ShouldNotContain(f => f.BlobName == "dev1/f0" || f.BlobName == "dev1/again");
        (await Store.ListAsync("dev2", default)).ShouldBeEmpty();
    }

    [Fact]
    public async Task Opening_many_at_once_keeps_the_limit_and_expired_ones_make_room()
    {
        var opened = await Task.WhenAll(Enumerable.Range(0, 30).Select(i => Store.OpenAsync(Upload("dev1", $"c{i}"), 10, Now, default)));
        opened.Count(o => o).ShouldBe(10);
        (await Store.OpenAsync(Upload("dev2", "c"), 10, Now, default)).ShouldBeTrue();
        (await Store.OpenAsync(Upload("dev1", "late") with { Expires = Now.AddHours(3) }, 10, Now.AddHours(1), default)).ShouldBeTrue();
    }

    [Fact]
    public async Task Hubs_are_apart()
    {
        var other = await Fixture.OpenAnotherHubAsync("hub2");
        await Store.OpenAsync(Upload("dev1", "c1"), 1, Now, default);
        (await other.FindAsync("dev1", "c1", Now, default)).ShouldBeNull();
        (await other.OpenAsync(Upload("dev1", "c1"), 1, Now, default)).ShouldBeTrue();
        (await other.CloseAsync("dev1", "c1", null, default)).ShouldBeTrue();
        (await Store.FindAsync("dev1", "c1", Now, default)).ShouldNotBeNull();
    }

    private static FileUpload Upload(string device, string id) => new(device, id, $"{device}/f ü.txt", Now.AddHours(1));
}
