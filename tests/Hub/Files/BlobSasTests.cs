using Homeport.Contract;
using Homeport.Contract.Errors;
using Homeport.Hub.Files;

namespace Homeport.Tests.Hub.Files;

/// <summary>Signatures of blobs against those that @azure/storage-blob 12.8.0 makes with the same key.</summary>
public sealed class BlobSasTests
{
    private const string ForBlob = "sv=2018-03-28&spr=https&st=2026-01-01T00%3A00%3A00Z&se=2026-06-01T12%3A00%3A00Z&sr=b&sp=rcw&sig=tsUWH5mGy9ULAeQPcyiQe5IKi%2FE%2F6gPD8ETfC3SIglA%3D&rscc=no-store&rsct=text%2Fplain";
    private const string ForContainer = "sv=2020-08-04&se=2026-06-01T12%3A00%3A00Z&sr=c&sp=rl&sig=AK1FzXCJ3eckzFm3%2B9aTttNoSho6ISl6NKd2ppGZxBE%3D";
    private static readonly DateTimeOffset Now = new(2026, 5, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly DateTimeOffset End = new(2026, 6, 1, 12, 0, 0, TimeSpan.Zero);
    private static readonly BlobAccount Account = new("homeport", [[.. Enumerable.Range(0, 32).Select(i => (byte)i)], new byte[32]]);

    [Theory]
    [InlineData("sv=2018-03-28&se=2026-06-01T12%3A00%3A00Z&sr=b&sp=rw&sig=L3lp1rZCrKXg2bTTQBoVXPCIf%2B6yZs1Cxhku9Cn1s0w%3D", "dev 1/f ü.txt", "rw")]
    [InlineData(ForBlob, "dev1/f.txt", "rcw")]
    [InlineData("sv=2019-12-12&se=2026-06-01T12%3A00%3A00Z&sr=b&sp=r&sig=5ToVi9XEpWfHR8Lee96BO7%2FJZ88MVeiQZON5gxXHWXc%3D", "dev1/f.txt", "r")]
    [InlineData(ForContainer, "dev1/f.txt", "rl")]
    [InlineData(ForContainer, null, "rl")]
    public void What_the_storage_client_signs_is_accepted(string query, string? blob, string permissions)
        => Verify(query, blob).Value.ShouldNotBeNull().Permissions.ShouldBe(permissions);

    [Fact]
    public void What_is_made_here_is_what_the_storage_client_makes()
    {
        var made = BlobSas.Create(Account, "uploads-hub1", "dev 1/f ü.txt", "rw", End.AddMilliseconds(900));
        made.ShouldBe("?sv=2018-03-28&sr=b&sig=L3lp1rZCrKXg2bTTQBoVXPCIf%2B6yZs1Cxhku9Cn1s0w%3D&se=2026-06-01T12%3A00%3A00Z&sp=rw");
    }

    [Fact]
    public void Either_key_of_the_account_is_accepted_and_no_other()
    {
        var second = BlobSas.Create(Account with { Keys = [new byte[32]] }, "uploads-hub1", "b", "r", End);
        Verify(second[1..], "b").Value.ShouldNotBeNull();
        var other = BlobSas.Create(Account with { Keys = [[1]] }, "uploads-hub1", "b", "r", End);
        Verify(other[1..], "b").Refusal!.Error.ShouldBe(BlobErrors.AuthenticationFailed);
    }

    [Theory]
    [InlineData("sp=rcw", "sp=rcwd")]
    [InlineData("se=2026", "se=2027")]
    [InlineData("st=2026-01", "st=2025-01")]
    [InlineData("spr=https&", "")]
    [InlineData("text%2Fplain", "text%2Fhtml")]
    [InlineData("sv=2018-03-28", "sv=2019-12-12")]
    [InlineData("sv=2018-03-28", "sv=2014-02-14")]
    [InlineData("sv=2018-03-28", "sv=")]
    [InlineData("sr=b", "sr=c")]
    [InlineData("sr=b", "sr=d")]
    [InlineData("sig=tsU", "sig=tsV")]
    [InlineData("sig=tsU", "sig=")]
    [InlineData("spr=https", "sip=10.0.0.1&spr=https")]
    [InlineData("spr=https", "si=policy&spr=https")]
    [InlineData("st=2026-01-01T00%3A00%3A00Z&se=2026-06-01T12%3A00%3A00Z", "st=2026-01-01T00%3A00%3A00Z%0A2026-06-01T12%3A00%3A00Z&se=")]
    public void Any_change_of_a_signature_spoils_it(string part, string changed)
    {
        ForBlob.ShouldContain(part);
        Verify(ForBlob.Replace(part, changed, StringComparison.Ordinal), "dev1/f.txt").Refusal!.Error.ShouldBe(BlobErrors.AuthenticationFailed);
    }

    [Theory]
    [InlineData("uploads-hub1", "dev1/F.txt")]
    [InlineData("uploads-hub1", "dev1/f.txt/")]
    [InlineData("uploads-hub2", "dev1/f.txt")]
    public void A_signature_is_for_one_blob_of_one_container(string container, string blob)
        => BlobSas.Verify(Account, Fields(ForBlob), container, blob, Now).Refusal!.Error.ShouldBe(BlobErrors.AuthenticationFailed);

    [Fact]
    public void A_signature_for_a_blob_is_none_for_its_container()
        => Verify(ForBlob, null).Refusal!.Error.ShouldBe(BlobErrors.AuthorizationPermissionMismatch);

    [Theory]
    [InlineData("2026-01-01T00:00:00Z", true)]
    [InlineData("2025-12-31T23:59:59Z", false)]
    [InlineData("2026-06-01T11:59:59Z", true)]
    [InlineData("2026-06-01T12:00:00Z", false)]
    public void A_signature_holds_from_its_start_until_its_end(string now, bool holds)
        => (BlobSas.Verify(Account, Fields(ForBlob), "uploads-hub1", "dev1/f.txt", DateTimeOffset.Parse(now)).Refusal is null).ShouldBe(holds);

    [Fact]
    public void A_refusal_has_no_part_of_the_signature()
        => Verify(ForBlob, "other").Refusal!.Text.ShouldNotContain("tsUWH5");

    private static Outcome<BlobGrant> Verify(string query, string? blob) => BlobSas.Verify(Account, Fields(query), "uploads-hub1", blob, Now);

    private static Dictionary<string, string> Fields(string query)
        => query.Split('&').Select(f => f.Split('=', 2)).ToDictionary(f => f[0], f => PercentEncoding.Decode(f[1]));
}
