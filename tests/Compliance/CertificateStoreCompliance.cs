using Homeport.Hub.Access.Certificates;

namespace Homeport.Tests.Compliance;

/// <summary>What every <see cref="ICertificateStore"/> does. An adapter's tests inherit this and say how to open theirs.</summary>
public abstract class CertificateStoreCompliance : IAsyncLifetime
{
    private static readonly DateTimeOffset Time = new(2026, 1, 31, 12, 0, 0, 123, TimeSpan.Zero);

    private protected StoreFixture<ICertificateStore> Fixture { get; private set; } = null!;

    private ICertificateStore Store => Fixture.Store;

    public async ValueTask InitializeAsync() => Fixture = await CreateAsync();

    public async ValueTask DisposeAsync()
    {
        await Fixture.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    private protected abstract Task<StoreFixture<ICertificateStore>> CreateAsync();

    [Fact]
    public async Task What_is_inserted_is_found_field_by_field_and_after_reopening()
    {
        var full = Make("full") with { Verified = true, VerificationCode = "C0DE", Updated = Time.AddHours(1) };
        (await Store.InsertAsync(full, 25, default)).ShouldBeTrue();
        (await Store.InsertAsync(Make("Plain"), 25, default)).ShouldBeTrue();
        await Fixture.ReopenAsync();
        Same(await Store.FindAsync("full", default), full);
        Same(await Store.FindAsync("PLAIN", default), Make("Plain"));
        (await Store.FindAsync("other", default)).ShouldBeNull();
        (await Store.ListAsync(default)).Select(c => c.Name).ShouldBe(["full", "Plain"]);
    }

    [Fact]
    public async Task A_name_is_taken_once_whatever_its_case()
    {
        (await Store.InsertAsync(Make("ca"), 25, default)).ShouldBeTrue();
        (await Store.InsertAsync(Make("CA") with { Certificate = [9] }, 25, default)).ShouldBeFalse();
        Same((await Store.ListAsync(default)).ShouldHaveSingleItem(), Make("ca"));
    }

    [Fact]
    public async Task The_limit_holds_for_writers_at_the_same_time_and_for_each_hub()
    {
        var inserted = await Task.WhenAll(Enumerable.Range(0, 40).Select(i => Store.InsertAsync(Make($"ca{i}"), 25, default)));
        inserted.Count(ok => ok).ShouldBe(25);
        (await Store.ListAsync(default)).Count.ShouldBe(25);
        var other = await Fixture.OpenAnotherHubAsync("hub2");
        (await other.ListAsync(default)).ShouldBeEmpty();
        (await other.InsertAsync(Make("ca1"), 25, default)).ShouldBeTrue();
    }

    [Fact]
    public async Task Replacing_and_deleting_need_the_tag()
    {
        await Store.InsertAsync(Make("ca"), 25, default);
        var next = Make("ca") with { ETag = "2", Certificate = [7, 8], Verified = true, Updated = Time.AddDays(1) };
        (await Store.ReplaceAsync(next, "0", default)).ShouldBeFalse();
        (await Store.ReplaceAsync(next, "1", default)).ShouldBeTrue();
        (await Store.ReplaceAsync(next, "1", default)).ShouldBeFalse();
        (await Store.ReplaceAsync(next with { Name = "no" }, "2", default)).ShouldBeFalse();
        Same(await Store.FindAsync("ca", default), next);
        (await Store.DeleteAsync("ca", "1", default)).ShouldBeFalse();
        (await Store.DeleteAsync("ca", "2", default)).ShouldBeTrue();
        (await Store.DeleteAsync("ca", "2", default)).ShouldBeFalse();
        (await Store.FindAsync("ca", default)).ShouldBeNull();
    }

    private static CaCertificate Make(string name) => new() { Name = name, ETag = "1", Certificate = [1, 2, 3], Created = Time, Updated = Time };

    private static void Same(CaCertificate? found, CaCertificate expected)
    {
        found.ShouldNotBeNull().Certificate.ShouldBe(expected.Certificate);
        (found with { Certificate = expected.Certificate }).ShouldBe(expected);
    }
}
