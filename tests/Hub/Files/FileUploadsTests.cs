using System.Net;
using System.Text.Json.Nodes;
using Homeport.Contract.Errors;
using Homeport.Hub.CloudToDevice;
using Homeport.Hub.Files;
using Homeport.Storage.Files;
using Homeport.Storage.Sqlite;

namespace Homeport.Tests.Hub.Files;

/// <summary>Uploads from the address to the notification, over the real stores.</summary>
public sealed class FileUploadsTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly FakeTimeProvider _time = new();
    private readonly SqliteDatabase _database;
    private readonly ServiceBoundQueue _queue;
    private readonly DiskBlobStore _store;
    private readonly FileUploads _uploads;

    public FileUploadsTests()
    {
        _database = SqliteDatabase.Open(_folder.File("hub.db"));
        _queue = new ServiceBoundQueue(new SqliteServiceBoundStore(_database, "hub1"), ServiceBoundKind.FileNotification, new ServiceBoundSettings(), _time);
        _store = DiskBlobStore.Open(_folder.File("blobs"), BlobLimits.Default with { FreeSpace = 0 }, _time);
        var storage = new BuiltInUploadStorage(_store, new BlobAccount("homeport", [new byte[32]]), "uploads-hub1", ["hub.test", "10.1.1.1"], 443);
        _uploads = new FileUploads(storage, new SqliteUploadStore(_database, "hub1"), _queue, _time);
    }

    public void Dispose()
    {
        _database.Dispose();
        _folder.Dispose();
    }

    [Theory]
    [InlineData("hub.test", "hub.test")]
    [InlineData("10.1.1.1:8443", "10.1.1.1:8443")]
    [InlineData("evil.test", "hub.test")]
    [InlineData(null, "hub.test")]
    public async Task The_address_has_the_name_by_which_the_device_came_if_it_is_ours(string? asked, string host)
    {
        var ticket = (await _uploads.OpenAsync("d1", "a/b.txt", asked, default)).Value.ShouldNotBeNull();
        (ticket.HostName, ticket.ContainerName, ticket.BlobName).ShouldBe((host, "uploads-hub1", "d1/a/b.txt"));
        ticket.SasToken.ShouldStartWith("?sv=");
    }

    [Theory]
    [InlineData(null, "ArgumentNull")]
    [InlineData("", "ArgumentNull")]
    [InlineData("a\u0001", "ArgumentInvalid")]
    public async Task A_name_that_cannot_be_used_is_refused(string? name, string error)
        => (await _uploads.OpenAsync("d1", name, null, default)).Refusal!.Error.Name.ShouldBe(error);

    [Fact]
    public async Task A_name_counts_with_the_device_in_front()
    {
        (await _uploads.OpenAsync("d1", new string('a', BlobAddress.MaxNameLength - 3), null, default)).Refusal.ShouldBeNull();
        (await _uploads.OpenAsync("d1", new string('a', BlobAddress.MaxNameLength - 2), null, default)).Refusal!.Error.ShouldBe(HubErrors.ArgumentInvalid);
    }

    [Fact]
    public async Task A_file_that_is_there_is_announced_and_one_that_is_not_is_not()
    {
        foreach (var (name, put, success) in ((string, bool, bool)[])[("there", true, true), ("missing", false, true), ("failed", true, false)])
        {
            var ticket = (await _uploads.OpenAsync("d1", name, null, default)).Value!;
            if (put)
                await _store.PutAsync(new BlobAddress("uploads-hub1", ticket.BlobName), new BlobBody(new MemoryStream([1, 2, 3]), 3, null), new Dictionary<string, string>(), BlobCondition.None, default);
            (await _uploads.CloseAsync("d1", ticket.CorrelationId, success, default)).ShouldBeNull();
        }
        var locked = (await _queue.ReceiveAsync(1, default)).ShouldNotBeNull();
        var body = JsonNode.Parse(locked.Records[0].Payload)!;
        ((string?)body["blobUri"]).ShouldBe("https://hub.test/uploads-hub1/d1/there");
        ((long)body["blobSizeInBytes"]!).ShouldBe(3);
        (await _queue.ReceiveAsync(1, default)).ShouldBeNull();
    }

    [Fact]
    public async Task An_upload_ends_with_its_hour()
    {
        var ticket = (await _uploads.OpenAsync("d1", "f", null, default)).Value!;
        _time.Advance(FileUploads.Life);
        (await _uploads.CloseAsync("d1", ticket.CorrelationId, true, default))!.Error.ShouldBe(HubErrors.InvalidFileUploadCorrelationId);
    }

    [Fact]
    public async Task One_device_cannot_report_for_another()
    {
        var ticket = (await _uploads.OpenAsync("d1", "f", null, default)).Value!;
        (await _uploads.CloseAsync("d2", ticket.CorrelationId, true, default))!.Error.ShouldBe(HubErrors.InvalidFileUploadCorrelationId);
        (await _uploads.CloseAsync("d1", ticket.CorrelationId, true, default)).ShouldBeNull();
    }

    [Fact]
    public async Task Ten_uploads_are_open_at_most_and_expired_ones_do_not_count()
    {
        for (var i = 0; i < FileUploads.MaxOpen; i++)
            (await _uploads.OpenAsync("d1", "f", null, default)).Refusal.ShouldBeNull();
        (await _uploads.OpenAsync("d1", "f", null, default)).Refusal!.Error.ShouldBe(HubErrors.DeviceMaximumActiveFileUploadLimitExceeded);
        (await _uploads.OpenAsync("d2", "f", null, default)).Refusal.ShouldBeNull();
        _time.Advance(FileUploads.Life);
        (await _uploads.OpenAsync("d1", "f", null, default)).Refusal.ShouldBeNull();
    }

    [Theory]
    [InlineData(HttpStatusCode.OK, null)]
    [InlineData(HttpStatusCode.NotFound, "BlobNotFound")]
    [InlineData(HttpStatusCode.Forbidden, "ServiceUnavailable")]
    [InlineData(null, "ServiceUnavailable")]
    public async Task An_account_elsewhere_is_asked_for_the_file(HttpStatusCode? status, string? error)
    {
        AzureAccount.TryParse($"AccountName=acct;AccountKey={Convert.ToBase64String(new byte[64])};BlobEndpoint=https://store.test:10000/acct/", out var account, out _).ShouldBeTrue();
        using var http = new HttpClient(new Answers(status));
        var storage = new AzureUploadStorage(account!, "files-here", http, _time);
        storage.Offer("d1/a b", "rw", "hub.test", _time.GetUtcNow()).HostName.ShouldBe("store.test:10000/acct");
        var outcome = await storage.FindAsync("d1/a b", default);
        outcome.Refusal?.Error.Name.ShouldBe(error);
        if (error is null)
            outcome.Value!.ShouldBe(new UploadedFile("https://store.test:10000/acct/files-here/d1/a%20b", 7, outcome.Value!.LastModified));
    }

    [Theory]
    [InlineData("AccountName=a", "AccountKey")]
    [InlineData("AccountKey=AAAA", "AccountName")]
    [InlineData("AccountName=a;AccountKey=%%", "Base64")]
    [InlineData("AccountName=a;AccountKey=AAAA;BlobEndpoint=http://x.test", "https")]
    [InlineData("AccountName=a;AccountKey=AAAA;DefaultEndpointsProtocol=ftp", "https")]
    [InlineData("rubbish", "Name=")]
    public void A_connection_string_that_cannot_be_used_says_why_without_its_key(string text, string part)
    {
        AzureAccount.TryParse(text, out _, out var reason).ShouldBeFalse();
        reason.ShouldContain(part);
        reason!.ShouldNotContain("AAAA");
    }

    [Fact]
    public void A_connection_string_without_an_endpoint_means_azure()
    {
        AzureAccount.TryParse("DefaultEndpointsProtocol=https;AccountName=acct;AccountKey=AAAA;EndpointSuffix=core.windows.net", out var account, out _).ShouldBeTrue();
        account!.Endpoint.ShouldBe(new Uri("https://acct.blob.core.windows.net/"));
        account.ToString().ShouldNotContain("AAAA");
    }

    private sealed class Answers(HttpStatusCode? status) : HttpMessageHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            request.Method.ShouldBe(HttpMethod.Head);
            request.RequestUri!.Query.ShouldContain("sp=r");
            if (status is not { } known)
                throw new HttpRequestException(HttpRequestError.NameResolutionError);
            return Task.FromResult(new HttpResponseMessage(known) { Content = new ByteArrayContent(new byte[7]) });
        }
    }
}
