using System.Globalization;
using System.Net;
using Amazon.Runtime;
using Amazon.S3;
using Amazon.S3.Model;
using Homeport.Contract.Errors;
using Homeport.Hub.Files;

namespace Homeport.Storage.Files;

/// <summary>
/// Blobs as objects of a bucket, by their own names. Content type and the like are the object's own headers; metadata and the MD5 that
/// was stated are its metadata. Every failure of the store is a <see cref="BlobStoreException"/>.
/// </summary>
/// <remarks>Addresses are in path style, and no checksums are sent that older stores do not know. Source: Amazon S3 API reference.</remarks>
internal sealed class S3Bucket : IDisposable
{
    /// <summary>Longest object sent in one request, and least part of a longer one, in bytes.</summary>
    private const long Part = 64L << 20;

    /// <summary>Most parts of an object. Source: Amazon S3 "Multipart upload limits".</summary>
    private const int MaxParts = 10_000;

    private const string Md5Field = "homeport-md5";
    private const string BlobMetadata = "x-ms-meta-";
    private const string ObjectMetadata = "x-amz-meta-";
    private static readonly TimeSpan CallTime = TimeSpan.FromMinutes(5);

    private readonly S3Account _account;
    private readonly AmazonS3Client _client;

    public S3Bucket(S3Account account)
    {
        _account = account;
        _client = new AmazonS3Client(new BasicAWSCredentials(account.AccessKeyId, account.SecretAccessKey), new AmazonS3Config
        {
            ServiceURL = account.Endpoint.AbsoluteUri,
            AuthenticationRegion = account.Region,
            ForcePathStyle = true,
            Timeout = CallTime,
            MaxErrorRetry = 2,
            RequestChecksumCalculation = RequestChecksumCalculation.WHEN_REQUIRED,
            ResponseChecksumValidation = ResponseChecksumValidation.WHEN_REQUIRED,
        });
    }

    /// <summary>Finds an object.</summary>
    public async Task<BlobProperties?> FindAsync(string name, CancellationToken token)
    {
        try
        {
            return await CallAsync(this, async () => Read(name, await _client.GetObjectMetadataAsync(new GetObjectMetadataRequest { BucketName = _account.Bucket, Key = name }, token)), token);
        }
        catch (BlobStoreException e) when (e.InnerException is AmazonS3Exception { StatusCode: HttpStatusCode.NotFound })
        {
            return null;
        }
    }

    /// <summary>Sends the first bytes of a file as an object. It is there, whole, when the task ends.</summary>
    public Task WriteAsync(string name, Stream file, BlobProperties properties, CancellationToken token) => CallAsync(this, async () =>
    {
        if (properties.Size > Part)
            await WritePartsAsync(name, file, properties, token);
        else
            await WriteWholeAsync(name, file, properties, token);
        return true;
    }, token);

    /// <summary>Opens an object for reading from a position to its end.</summary>
    public Task<Stream> ReadAsync(string name, string etag, long position, long length, CancellationToken token) => CallAsync(this, async () =>
    {
        var request = new GetObjectRequest { BucketName = _account.Bucket, Key = name, EtagToMatch = $"\"{etag}\"" };
        if (position > 0)
            request.ByteRange = new ByteRange(position, length - 1);
        return (await _client.GetObjectAsync(request, token)).ResponseStream;
    }, token);

    /// <summary>Deletes an object; one that is not there is deleted already.</summary>
    public Task DeleteAsync(string name, CancellationToken token)
        => CallAsync(this, () => _client.DeleteObjectAsync(new DeleteObjectRequest { BucketName = _account.Bucket, Key = name }, token), token);

    /// <summary>A page of objects. A list tells sizes and times, not the headers of each.</summary>
    public async Task<BlobPage> ListAsync(string prefix, string? after, int max, CancellationToken token)
    {
        var request = new ListObjectsV2Request { BucketName = _account.Bucket, Prefix = prefix, StartAfter = after, MaxKeys = Math.Min(max, 1000) };
        var page = await CallAsync(this, () => _client.ListObjectsV2Async(request, token), token);
        var blobs = (page.S3Objects ?? []).Select(o => new BlobProperties
        {
            Name = o.Key,
            Size = o.Size ?? 0,
            ETag = o.ETag.Trim('"'),
            LastModified = Time(o.LastModified),
            Created = Time(o.LastModified),
            Headers = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase),
        }).ToList();
        return new BlobPage(blobs, page.IsTruncated == true && blobs.Count > 0 ? blobs[^1].Name : null);
    }

    /// <inheritdoc/>
    public void Dispose() => _client.Dispose();

    /// <summary>Runs a call; what the store does wrong becomes what clients are told.</summary>
    public static async Task<T> CallAsync<T>(S3Bucket bucket, Func<Task<T>> call, CancellationToken token)
    {
        try
        {
            return await call();
        }
        catch (AmazonServiceException e) when (e.ErrorCode is { Length: > 0 } code && e.StatusCode >= HttpStatusCode.BadRequest)
        {
            throw bucket.Failed(string.Create(CultureInfo.InvariantCulture, $"answered {code} ({(int)e.StatusCode})"), e);
        }
        catch (OperationCanceledException) when (token.IsCancellationRequested)
        {
            throw;
        }
        catch (Exception e) when (e is AmazonClientException or AmazonServiceException or HttpRequestException or IOException or OperationCanceledException)
        {
            throw bucket.Failed("cannot be reached", e);
        }
    }

    private static BlobProperties Read(string name, GetObjectMetadataResponse found)
    {
        var headers = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        byte[]? md5 = null;
        foreach (var field in found.Metadata.Keys)
        {
            var plain = field[ObjectMetadata.Length..];
            if (plain == Md5Field)
                md5 = Convert.FromBase64String(found.Metadata[field]);
            else
                headers[BlobMetadata + plain] = found.Metadata[field];
        }
        foreach (var (header, value) in (ReadOnlySpan<(string, string?)>)[
            ("Content-Type", found.Headers.ContentType), ("Content-Encoding", found.Headers.ContentEncoding), ("Content-Disposition", found.Headers.ContentDisposition),
            ("Cache-Control", found.Headers.CacheControl), ("Content-Language", found.Headers["Content-Language"])])
        {
            if (!string.IsNullOrEmpty(value))
                headers[header] = value;
        }
        return new BlobProperties
        {
            Name = name,
            Size = found.ContentLength,
            ETag = found.ETag.Trim('"'),
            LastModified = Time(found.LastModified),
            Created = Time(found.LastModified),
            Md5 = md5,
            Headers = headers,
        };
    }

    private static DateTimeOffset Time(DateTime? time) => time is { } known ? new DateTimeOffset(known.ToUniversalTime()) : DateTimeOffset.UnixEpoch;

    private static void Describe(HeadersCollection headers, MetadataCollection metadata, BlobProperties properties)
    {
        foreach (var (name, value) in properties.Headers)
        {
            if (name.StartsWith(BlobMetadata, StringComparison.OrdinalIgnoreCase))
                metadata[name[BlobMetadata.Length..]] = value;
            else
                headers[name] = value;
        }
        if (properties.Md5 is not null)
            metadata[Md5Field] = Convert.ToBase64String(properties.Md5);
    }

    private async Task WriteWholeAsync(string name, Stream file, BlobProperties properties, CancellationToken token)
    {
        await using var content = new FilePart(file, 0, properties.Size);
        var request = new PutObjectRequest { BucketName = _account.Bucket, Key = name, InputStream = content, AutoCloseStream = false, UseChunkEncoding = false };
        Describe(request.Headers, request.Metadata, properties);
        await _client.PutObjectAsync(request, token);
    }

    private async Task WritePartsAsync(string name, Stream file, BlobProperties properties, CancellationToken token)
    {
        var start = new InitiateMultipartUploadRequest { BucketName = _account.Bucket, Key = name };
        Describe(start.Headers, start.Metadata, properties);
        var upload = (await _client.InitiateMultipartUploadAsync(start, token)).UploadId;
        try
        {
            var size = Math.Max(Part, (properties.Size + MaxParts - 1) / MaxParts);
            var parts = new List<PartETag>();
            for (var offset = 0L; offset < properties.Size; offset += size)
            {
                await using var content = new FilePart(file, offset, Math.Min(size, properties.Size - offset));
                var sent = await _client.UploadPartAsync(new UploadPartRequest
                {
                    BucketName = _account.Bucket,
                    Key = name,
                    UploadId = upload,
                    PartNumber = parts.Count + 1,
                    InputStream = content,
                    PartSize = content.Length,
                    UseChunkEncoding = false,
                }, token);
                parts.Add(new PartETag(parts.Count + 1, sent.ETag));
            }
            await _client.CompleteMultipartUploadAsync(new CompleteMultipartUploadRequest { BucketName = _account.Bucket, Key = name, UploadId = upload, PartETags = parts }, token);
        }
        catch
        {
            // Parts that nobody completes would stay and cost.
            await _client.AbortMultipartUploadAsync(new AbortMultipartUploadRequest { BucketName = _account.Bucket, Key = name, UploadId = upload }, CancellationToken.None);
            throw;
        }
    }

    private BlobStoreException Failed(string what, Exception inner) => new(
        new Refusal(BlobErrors.ServerBusy, $"The S3 store at {_account} {what}", "Try again later; the operator checks the endpoint, the bucket and the rights of the key."), inner);
}
