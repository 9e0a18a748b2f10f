using Homeport.Contract.Errors;
using Homeport.Hub.Files;
using Homeport.Storage.Files;

namespace Homeport.Tests.Compliance.Files;

/// <summary>The blob store on the disk, and what is special about files.</summary>
public sealed class DiskBlobStoreTests : BlobStoreCompliance
{
    private protected override Task<StoreFixture<IBlobStore>> CreateAsync() => Task.FromResult<StoreFixture<IBlobStore>>(new DiskFixture(Time));

    private string Root => ((DiskFixture)Fixture).Root;

    [Theory]
    [InlineData("../escaped")]
    [InlineData("../../escaped")]
    [InlineData("/tmp/escaped")]
    public async Task Nothing_is_written_outside_of_the_folder_and_no_path_has_a_name_of_a_client(string name)
    {
        var outside = Path.GetDirectoryName(Root)!;
        var before = Directory.EnumerateFileSystemEntries(outside).Order().ToList();
        await PutAsync(Blob with { Name = name }, [1]);
        await Store.StageAsync(Blob with { Name = name }, Convert.ToBase64String("../../escaped"u8), Body([1]), default);
        Directory.EnumerateFileSystemEntries(outside).Order().ShouldBe(before);
        Directory.EnumerateFiles(Root, "*", SearchOption.AllDirectories).ShouldAllBe(f => !f.Contains("escaped"));
    }

    [Theory]
    [InlineData("..")]
    [InlineData("_new")]
    [InlineData("a/../b")]
    public async Task A_container_that_is_none_is_a_fault_of_the_caller(string container)
        => await Should.ThrowAsync<ArgumentException>(async () => await PutAsync(new BlobAddress(container, "x"), [1]));

    [Fact]
    public async Task What_a_crash_left_unfinished_is_removed_and_takes_no_room()
    {
        await PutAsync(Blob, [1]);
        var used = Used;
        await File.WriteAllBytesAsync(Path.Combine(Root, "_new", "half"), new byte[100_000]);
        await Fixture.ReopenAsync();
        Directory.EnumerateFiles(Path.Combine(Root, "_new")).ShouldBeEmpty();
        Used.ShouldBe(used);
    }

    [Fact]
    public async Task A_refused_or_broken_upload_leaves_no_file_and_takes_no_room()
    {
        await Store.PutAsync(Blob, new BlobBody(new MemoryStream([1]), 2, null), new Dictionary<string, string>(), BlobCondition.None, default);
        await Should.ThrowAsync<IOException>(async () => await Store.StageAsync(Blob, Id(1), new BlobBody(new BrokenStream(), null, null), default));
        Directory.EnumerateFiles(Root, "*", SearchOption.AllDirectories).ShouldBeEmpty();
        Used.ShouldBe(0);
    }

    [Fact]
    public async Task The_count_of_room_is_that_of_the_files_whatever_was_done()
    {
        for (var i = 0; i < 5; i++)
        {
            await StageAsync(1, new byte[i * 100]);
            await StageAsync(2, [1]);
            await CommitAsync(BlockSource.Latest, 1, 2);
            await PutAsync(Blob with { Name = $"{i}" }, new byte[i]);
            await PutAsync(Blob, [1]);
        }
        await Store.DeleteAsync(Blob with { Name = "3" }, BlobCondition.None, default);
        await StageAsync(7, [1]);
        await Store.DropStagedAsync(Time.GetUtcNow() + TimeSpan.FromDays(1), default);
        var used = Used;
        await Fixture.ReopenAsync();
        used.ShouldBe(Used);
        used.ShouldBe(5 * 4096);
    }

    [Fact]
    public async Task A_blob_whose_file_was_cut_is_not_given_out()
    {
        await PutAsync(Blob, new byte[500]);
        var file = Directory.EnumerateFiles(Root, "*.blob", SearchOption.AllDirectories).Single();
        await File.WriteAllBytesAsync(file, (await File.ReadAllBytesAsync(file))[1..]);
        await Should.ThrowAsync<InvalidDataException>(async () => await Store.OpenAsync(Blob, default));
        await File.WriteAllBytesAsync(file, []);
        await Should.ThrowAsync<InvalidDataException>(async () => await Store.FindAsync(Blob, default));
        (await PutAsync(Blob with { Name = "other" }, [1])).Refusal.ShouldBeNull();
    }

    [Fact]
    public async Task Without_room_on_the_disk_nothing_is_taken()
    {
        using var folder = new TempFolder();
        var store = DiskBlobStore.Open(folder.File("blobs"), Limits with { FreeSpace = long.MaxValue / 2 }, Time);
        (await store.PutAsync(Blob, Body([1]), new Dictionary<string, string>(), BlobCondition.None, default)).Refusal!.Error.ShouldBe(BlobErrors.InsufficientStorage);
    }

    private long Used => ((DiskBlobStore)Store).Used;

    private sealed class BrokenStream : MemoryStream
    {
        private bool _begun;

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (_begun)
                throw new IOException("the peer went away");
            _begun = true;
            return ValueTask.FromResult(10);
        }
    }

    private sealed class DiskFixture : StoreFixture<IBlobStore>
    {
        private readonly TempFolder _folder = new();
        private readonly TimeProvider _time;
        private DiskBlobStore _store;

        public DiskFixture(TimeProvider time)
        {
            _time = time;
            _store = DiskBlobStore.Open(Root, Limits, time);
        }

        public string Root => _folder.File("blobs");

        public override IBlobStore Store => _store;

        public override Task ReopenAsync()
        {
            _store = DiskBlobStore.Open(Root, Limits, _time);
            return Task.CompletedTask;
        }

        public override Task<IBlobStore> OpenAnotherHubAsync(string hub) => throw new NotSupportedException("a blob store has containers in place of hubs");

        public override IEnumerable<(string Name, byte[] Bytes)> StoredBytes()
            => Directory.EnumerateFiles(Root, "*", SearchOption.AllDirectories).Select(f => (Path.GetFileName(f), File.ReadAllBytes(f)));

        public override ValueTask DisposeAsync()
        {
            _folder.Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
