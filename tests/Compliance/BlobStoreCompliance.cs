using System.Security.Cryptography;
using Homeport.Contract.Errors;
using Homeport.Hub.Files;

namespace Homeport.Tests.Compliance;

/// <summary>What every <see cref="IBlobStore"/> does. The limits of the store under test are <see cref="Limits"/>.</summary>
public abstract class BlobStoreCompliance : IAsyncLifetime
{
    protected static readonly BlobLimits Limits = new(MaxBlock: 1000, MaxBlob: 2500, Quota: 1 << 20, FreeSpace: 0);
    protected static readonly BlobAddress Blob = new("container", "dev1/f.txt");
    private static readonly Dictionary<string, string> Headers = new() { ["Content-Type"] = "text/plain", ["x-ms-meta-a"] = "b" };

    private protected StoreFixture<IBlobStore> Fixture { get; private set; } = null!;

    private protected FakeTimeProvider Time { get; } = new();

    protected IBlobStore Store => Fixture.Store;

    public async ValueTask InitializeAsync() => Fixture = await CreateAsync();

    public async ValueTask DisposeAsync()
    {
        await Fixture.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    private protected abstract Task<StoreFixture<IBlobStore>> CreateAsync();

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(1000)]
    public async Task What_is_put_is_read_back_after_a_restart_too(int size)
    {
        var content = RandomNumberGenerator.GetBytes(size);
        var put = (await PutAsync(Blob, content)).Value.ShouldNotBeNull();
        put.Md5.ShouldBe(CryptographicOperations.HashData(HashAlgorithmName.MD5, content));
        (await ReadAsync(Blob)).ShouldBe(content);
        await Fixture.ReopenAsync();
        (await ReadAsync(Blob)).ShouldBe(content);
        var found = (await Store.FindAsync(Blob, default)).ShouldNotBeNull();
        (found.Name, found.Size, found.ETag, found.LastModified, found.Created).ShouldBe((put.Name, size, put.ETag, put.LastModified, put.Created));
        found.Md5.ShouldBe(put.Md5);
        found.Headers.ShouldBe(Headers);
    }

    [Theory]
    [InlineData("../../../up")]
    [InlineData("/etc/passwd")]
    [InlineData("..")]
    [InlineData("a/../b")]
    [InlineData("C:\\x")]
    [InlineData("con")]
    [InlineData("%2e%2e%2f")]
    [InlineData("ü 🚢?#&")]
    [InlineData("F.txt")]
    [InlineData("f.txt.blob")]
    public async Task Every_name_is_a_name_of_its_own(string name)
    {
        await PutAsync(Blob with { Name = "f.txt" }, [1]);
        await PutAsync(Blob with { Name = name }, [2, 3]);
        (await ReadAsync(Blob with { Name = "f.txt" })).ShouldBe([1]);
        (await ReadAsync(Blob with { Name = name })).ShouldBe([2, 3]);
        (await Store.FindAsync(new BlobAddress("another", name), default)).ShouldBeNull();
        (await Store.ListAsync("container", "", null, 10, default)).Blobs.Select(b => b.Name).ShouldBe(new[] { "f.txt", name }.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_longest_name_works()
    {
        var blob = Blob with { Name = string.Concat(Enumerable.Repeat("ü", BlobAddress.MaxNameLength)) };
        await PutAsync(blob, [1]);
        (await ReadAsync(blob)).ShouldBe([1]);
    }

    [Theory]
    [InlineData(1001, true)]
    [InlineData(1001, false)]
    public async Task One_byte_too_many_is_refused_and_leaves_what_was_there(int size, bool announced)
    {
        await PutAsync(Blob, [1]);
        var body = new BlobBody(new MemoryStream(new byte[size]), announced ? size : null, null);
        (await Store.PutAsync(Blob, body, Headers, BlobCondition.None, default)).Refusal!.Error.ShouldBe(BlobErrors.RequestBodyTooLarge);
        (await Store.StageAsync(Blob, Id(1), body with { Stream = new MemoryStream(new byte[size]) }, default)).Refusal!.Error.ShouldBe(BlobErrors.RequestBodyTooLarge);
        (await ReadAsync(Blob)).ShouldBe([1]);
    }

    [Fact]
    public async Task A_body_that_is_not_what_was_announced_is_refused()
    {
        var content = new byte[] { 1, 2, 3 };
        (await Store.PutAsync(Blob, new BlobBody(new MemoryStream(content), 4, null), Headers, BlobCondition.None, default)).Refusal!.Error.ShouldBe(BlobErrors.IncompleteBody);
        (await Store.PutAsync(Blob, new BlobBody(new MemoryStream(content), 3, new byte[16]), Headers, BlobCondition.None, default)).Refusal!.Error.ShouldBe(BlobErrors.Md5Mismatch);
        (await Store.FindAsync(Blob, default)).ShouldBeNull();
        (await Store.PutAsync(Blob, new BlobBody(new MemoryStream(content), null, CryptographicOperations.HashData(HashAlgorithmName.MD5, content)), Headers, BlobCondition.None, default)).Refusal.ShouldBeNull();
    }

    [Fact]
    public async Task Blocks_become_the_blob_in_the_order_of_the_list()
    {
        await StageAsync(1, [1, 1]);
        await StageAsync(2, [2]);
        await StageAsync(3, [3, 3, 3]);
        (await Store.FindAsync(Blob, default)).ShouldBeNull();
        await Fixture.ReopenAsync();
        (await CommitAsync(BlockSource.Staged, 3, 1, 2, 1)).Refusal.ShouldBeNull();
        (await ReadAsync(Blob)).ShouldBe([3, 3, 3, 1, 1, 2, 1, 1]);
        var blocks = (await Store.ListBlocksAsync(Blob, default)).ShouldNotBeNull();
        blocks.Committed.ShouldBe([new BlobBlock(Id(3), 3), new BlobBlock(Id(1), 2), new BlobBlock(Id(2), 1), new BlobBlock(Id(1), 2)]);
        blocks.Staged.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_commit_takes_blocks_of_the_blob_as_it_is()
    {
        await StageAsync(1, [1]);
        await StageAsync(2, [2, 2]);
        await CommitAsync(BlockSource.Staged, 1, 2);
        await StageAsync(1, [9]);
        (await Store.CommitAsync(Blob, [new(BlockSource.Committed, Id(2)), new(BlockSource.Committed, Id(1)), new(BlockSource.Staged, Id(1)), new(BlockSource.Latest, Id(1)), new(BlockSource.Latest, Id(2))],
            new BlobDescription(Headers, null), BlobCondition.None, default)).Refusal.ShouldBeNull();
        (await ReadAsync(Blob)).ShouldBe([2, 2, 1, 9, 9, 2, 2]);
    }

    [Fact]
    public async Task A_list_with_a_missing_block_changes_nothing()
    {
        await PutAsync(Blob, [7]);
        await StageAsync(1, [1]);
        (await CommitAsync(BlockSource.Latest, 1, 2)).Refusal!.Error.ShouldBe(BlobErrors.InvalidBlockList);
        (await CommitAsync(BlockSource.Committed, 1)).Refusal!.Error.ShouldBe(BlobErrors.InvalidBlockList);
        (await ReadAsync(Blob)).ShouldBe([7]);
        (await Store.ListBlocksAsync(Blob, default))!.Staged.ShouldBe([new BlobBlock(Id(1), 1)]);
        await CommitAsync(BlockSource.Staged, 1);
        (await CommitAsync(BlockSource.Staged, 1)).Refusal!.Error.ShouldBe(BlobErrors.InvalidBlockList);
    }

    [Fact]
    public async Task A_blob_ends_at_its_limit()
    {
        await StageAsync(1, new byte[1000]);
        await StageAsync(2, new byte[500]);
        await StageAsync(3, new byte[501]);
        (await CommitAsync(BlockSource.Staged, 1, 1, 3)).Refusal!.Error.ShouldBe(BlobErrors.RequestBodyTooLarge);
        (await CommitAsync(BlockSource.Staged, 1, 1, 2)).Value!.Size.ShouldBe(Limits.MaxBlob);
    }

    [Theory]
    [InlineData("")]
    [InlineData("not base64!")]
    [InlineData("../../../../x")]
    public async Task A_block_id_that_cannot_be_used_is_refused(string id)
        => (await Store.StageAsync(Blob, id, Body([1]), default)).Refusal!.Error.ShouldBe(BlobErrors.InvalidBlobOrBlock);

    [Fact]
    public async Task Block_ids_have_64_bytes_at_most_and_all_the_same_length()
    {
        (await Store.StageAsync(Blob, Convert.ToBase64String(new byte[65]), Body([1]), default)).Refusal!.Error.ShouldBe(BlobErrors.InvalidBlobOrBlock);
        (await Store.StageAsync(Blob, Convert.ToBase64String(new byte[64]), Body([1]), default)).Refusal.ShouldBeNull();
        (await Store.StageAsync(Blob, Convert.ToBase64String(new byte[63]), Body([1]), default)).Refusal!.Error.ShouldBe(BlobErrors.InvalidBlobOrBlock);
    }

    [Fact]
    public async Task A_write_with_a_condition_that_does_not_hold_changes_nothing()
    {
        await PutAsync(Blob, [1]);
        var condition = new BlobCondition(IfNoneMatch: "*");
        (await Store.PutAsync(Blob, Body([2]), Headers, condition, default)).Refusal!.Error.ShouldBe(BlobErrors.BlobAlreadyExists);
        await StageAsync(1, [3]);
        (await Store.CommitAsync(Blob, [new(BlockSource.Staged, Id(1))], new BlobDescription(Headers, null), condition, default)).Refusal!.Error.ShouldBe(BlobErrors.BlobAlreadyExists);
        (await Store.DeleteAsync(Blob, new BlobCondition(IfMatch: "0x0"), default))!.Error.ShouldBe(BlobErrors.ConditionNotMet);
        (await ReadAsync(Blob)).ShouldBe([1]);
    }

    [Fact]
    public async Task Of_many_that_create_at_once_one_wins()
    {
        var outcomes = await Task.WhenAll(Enumerable.Range(0, 20).Select(i => Task.Run(() => Store.PutAsync(Blob, Body([(byte)i]), Headers, new BlobCondition(IfNoneMatch: "*"), default))));
        outcomes.Count(o => o.Refusal is null).ShouldBe(1);
        (await ReadAsync(Blob)).ShouldBe([(byte)Array.FindIndex(outcomes, o => o.Refusal is null)]);
    }

    [Fact]
    public async Task A_reader_sees_the_blob_as_it_was_opened()
    {
        await PutAsync(Blob, [1, 2, 3]);
        await using var open = (await Store.OpenAsync(Blob, default)).ShouldNotBeNull();
        await PutAsync(Blob, [4]);
        await Store.DeleteAsync(Blob, BlobCondition.None, default);
        (await ReadAsync(open)).ShouldBe([1, 2, 3]);
        (await Store.OpenAsync(Blob, default)).ShouldBeNull();
        (await Store.DeleteAsync(Blob, BlobCondition.None, default))!.Error.ShouldBe(BlobErrors.BlobNotFound);
    }

    [Fact]
    public async Task A_container_is_listed_in_pages()
    {
        foreach (var name in (string[])["b/2", "a", "b/1", "c", "b/3"])
            await PutAsync(Blob with { Name = name }, [1]);
        await StageAsync(1, [1]);
        var page = await Store.ListAsync("container", "", null, 2, default);
        (string.Join(' ', page.Blobs.Select(b => b.Name)), page.After).ShouldBe(("a b/1", "b/1"));
        page = await Store.ListAsync("container", "", page.After, 3, default);
        (string.Join(' ', page.Blobs.Select(b => b.Name)), page.After).ShouldBe(("b/2 b/3 c", null));
        (await Store.ListAsync("container", "b/", null, 10, default)).Blobs.Select(b => b.Name).ShouldBe(["b/1", "b/2", "b/3"]);
        (await Store.ListAsync("another", "", null, 10, default)).Blobs.ShouldBeEmpty();
    }

    [Fact]
    public async Task Staged_blocks_are_dropped_a_week_after_the_newest()
    {
        var start = Time.GetUtcNow();
        await StageAsync(1, [1]);
        Time.Advance(TimeSpan.FromDays(3));
        await StageAsync(2, [2]);
        (await Store.DropStagedAsync(start + TimeSpan.FromDays(3), default)).ShouldBe(0);
        (await Store.ListBlocksAsync(Blob, default))!.Staged.Count.ShouldBe(2);
        (await Store.DropStagedAsync(start + TimeSpan.FromDays(3) + TimeSpan.FromSeconds(2), default)).ShouldBe(1);
        (await Store.ListBlocksAsync(Blob, default)).ShouldBeNull();
    }

    [Fact]
    public async Task The_quota_ends_what_can_be_stored_and_deleting_makes_room()
    {
        var count = 0;
        Refusal? refusal;
        while ((refusal = (await PutAsync(Blob with { Name = $"{count}" }, new byte[1000])).Refusal) is null && count < 2000)
            count++;
        refusal.ShouldNotBeNull().Error.ShouldBe(BlobErrors.InsufficientStorage);
        count.ShouldBeInRange(100, 1100);
        (await Store.StageAsync(Blob, Id(1), Body([]), default)).Refusal!.Error.ShouldBe(BlobErrors.InsufficientStorage);
        await Fixture.ReopenAsync();
        (await Store.StageAsync(Blob, Id(1), Body([]), default)).Refusal!.Error.ShouldBe(BlobErrors.InsufficientStorage);
        await Store.DeleteAsync(Blob with { Name = "0" }, BlobCondition.None, default);
        (await Store.StageAsync(Blob, Id(1), Body([]), default)).Refusal.ShouldBeNull();
    }

    protected static string Id(int number) => Convert.ToBase64String([(byte)number, 0]);

    protected static BlobBody Body(byte[] content) => new(new MemoryStream(content), content.Length, null);

    protected Task<Outcome<BlobProperties>> PutAsync(BlobAddress blob, byte[] content) => Store.PutAsync(blob, Body(content), Headers, BlobCondition.None, default);

    protected async Task StageAsync(int id, byte[] content) => (await Store.StageAsync(Blob, Id(id), Body(content), default)).Refusal.ShouldBeNull();

    protected Task<Outcome<BlobProperties>> CommitAsync(BlockSource source, params int[] ids)
        => Store.CommitAsync(Blob, [.. ids.Select(id => new BlockReference(source, Id(id)))], new BlobDescription(Headers, null), BlobCondition.None, default);

    protected async Task<byte[]> ReadAsync(BlobAddress blob)
    {
        await using var open = (await Store.OpenAsync(blob, default)).ShouldNotBeNull();
        return await ReadAsync(open);
    }

    private static async Task<byte[]> ReadAsync(OpenBlob open)
    {
        var content = new byte[open.Properties.Size];
        await open.Data.ReadExactlyAsync(content);
        return content;
    }
}
