using Homeport.Provisioning.Certificates;

namespace Homeport.Tests.Compliance;

/// <summary>What every <see cref="IIssuedCertificateStore"/> does. An adapter's tests inherit this and say how to open theirs.</summary>
public abstract class IssuedCertificateStoreCompliance : IAsyncLifetime
{
    private static readonly DateTimeOffset Time = new(2026, 1, 31, 12, 0, 0, 123, TimeSpan.Zero);

    private protected StoreFixture<IIssuedCertificateStore> Fixture { get; private set; } = null!;

    private IIssuedCertificateStore Store => Fixture.Store;

    public async ValueTask InitializeAsync() => Fixture = await CreateAsync();

    public async ValueTask DisposeAsync()
    {
        await Fixture.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    private protected abstract Task<StoreFixture<IIssuedCertificateStore>> CreateAsync();

    [Fact]
    public async Task What_is_added_is_found_field_by_field_and_after_reopening()
    {
        await Store.AddAsync(Make("0A", "Dev-1"), 16, default);
        await Fixture.ReopenAsync();
        (await Store.FindAsync("0A", default)).ShouldBe(Make("0A", "Dev-1"));
        (await Store.FindAsync("0B", default)).ShouldBeNull();
        (await Store.OfAsync("dEV-1", default)).ShouldBe([Make("0A", "Dev-1")], "ids are compared without case");
    }

    [Fact]
    public async Task The_newest_of_a_registration_come_first_and_the_oldest_are_dropped()
    {
        for (var i = 0; i < 5; i++)
            await Store.AddAsync(Make($"0{i}", i % 2 == 0 ? "d1" : "D1") with { Issued = Time.AddMinutes(i) }, 3, default);
        await Store.AddAsync(Make("10", "d2"), 3, default);
        (await Store.OfAsync("d1", default)).Select(c => c.SerialNumber).ShouldBe(["04", "03", "02"]);
        (await Store.FindAsync("00", default)).ShouldBeNull();
        (await Store.OfAsync("d2", default)).ShouldHaveSingleItem();
    }

    [Fact]
    public async Task Pages_come_in_the_order_of_the_serial_numbers()
    {
        foreach (var serial in (string[])["0C", "0A", "FF", "0B"])
            await Store.AddAsync(Make(serial, "d" + serial), 16, default);
        (await Store.ListAsync(null, 3, default)).Select(c => c.SerialNumber).ShouldBe(["0A", "0B", "0C"]);
        (await Store.ListAsync("0C", 3, default)).Select(c => c.SerialNumber).ShouldBe(["FF"]);
        (await Store.ListAsync("FF", 3, default)).ShouldBeEmpty();
    }

    [Fact]
    public async Task The_first_revocation_stays_with_its_reason()
    {
        await Store.AddAsync(Make("0A", "d1"), 16, default);
        (await Store.RevokeAsync("0A", Time.AddDays(1), "stolen", default)).ShouldBeTrue();
        (await Store.RevokeAsync("0A", Time.AddDays(2), "lost", default)).ShouldBeTrue("it is revoked");
        (await Store.RevokeAsync("0B", Time, null, default)).ShouldBeFalse();
        await Fixture.ReopenAsync();
        (await Store.FindAsync("0A", default)).ShouldBe(Make("0A", "d1") with { Revoked = Time.AddDays(1), Reason = "stolen" });
        await Store.AddAsync(Make("0C", "d1"), 16, default);
        (await Store.RevokeAsync("0C", Time, null, default)).ShouldBeTrue();
        (await Store.FindAsync("0C", default))!.Reason.ShouldBeNull();
    }

    [Fact]
    public async Task Applications_have_their_own()
    {
        await Store.AddAsync(Make("0A", "d1"), 16, default);
        var other = await Fixture.OpenAnotherHubAsync("other");
        (await other.FindAsync("0A", default)).ShouldBeNull();
        (await other.ListAsync(null, 10, default)).ShouldBeEmpty();
        (await other.RevokeAsync("0A", Time, null, default)).ShouldBeFalse();
        await other.AddAsync(Make("0A", "d9"), 16, default);
        (await Store.FindAsync("0A", default))!.RegistrationId.ShouldBe("d1");
    }

    private static IssuedCertificate Make(string serial, string registrationId) => new()
    {
        SerialNumber = serial,
        RegistrationId = registrationId,
        DeviceId = "d'" + registrationId,
        Hub = "hub1.example",
        Authority = "default",
        Thumbprint = new string('A', 64),
        NotBefore = Time.AddDays(-1),
        NotAfter = Time.AddDays(30),
        Issued = Time,
    };
}
