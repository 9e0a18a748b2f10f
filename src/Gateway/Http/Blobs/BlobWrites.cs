using Homeport.Contract.Errors;
using Homeport.Hub.Files;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Homeport.Gateway.Http.Blobs;

/// <summary>Put Blob, Put Block, Put Block List and Delete Blob.</summary>
internal static class BlobWrites
{
    /// <summary>PUT of a whole blob.</summary>
    public static async Task PutAsync(BlobApi api, HttpContext context, BlobRequest request, BlobGrant grant)
    {
        var type = context.Request.Headers["x-ms-blob-type"].ToString();
        if (type.Length == 0)
        {
            await api.RefuseAsync(context, new Refusal(BlobErrors.MissingRequiredHeader, "x-ms-blob-type is missing", "Send x-ms-blob-type: BlockBlob."));
            return;
        }
        if (!type.Equals("BlockBlob", StringComparison.OrdinalIgnoreCase))
        {
            await api.RefuseAsync(context, new Refusal(BlobErrors.InvalidHeaderValue, "x-ms-blob-type asks for a kind of blob that is not offered", "Send x-ms-blob-type: BlockBlob."));
            return;
        }
        if (!BlobHeaders.Read(context, plain: true).Succeeded(out var description, out var refusal) || !BlobHeaders.Body(context).Succeeded(out var body, out refusal))
        {
            await api.RefuseAsync(context, refusal);
            return;
        }
        LiftBodyLimit(context, null);
        // Both headers mean the body here, and the plain one is the older.
        body = body with { Md5 = body.Md5 ?? description.Md5 };
        await AnswerAsync(api, context, await api.Stores[request.Container].PutAsync(request.Address, body, description.Headers, BlobHeaders.Condition(context, OnlyNew(grant)), context.RequestAborted));
    }

    /// <summary>PUT of a block.</summary>
    public static async Task StageAsync(BlobApi api, HttpContext context, BlobRequest request)
    {
        if (!BlobHeaders.Body(context).Succeeded(out var body, out var refusal))
        {
            await api.RefuseAsync(context, refusal);
            return;
        }
        LiftBodyLimit(context, null);
        var outcome = await api.Stores[request.Container].StageAsync(request.Address, request.Query.GetValueOrDefault("blockid", ""), body, context.RequestAborted);
        if (!outcome.Succeeded(out _, out refusal))
        {
            await api.RefuseAsync(context, refusal);
            return;
        }
        if (body.Md5 is not null)
            context.Response.Headers.ContentMD5 = Convert.ToBase64String(body.Md5);
        BlobAnswers.Created(context, null);
    }

    /// <summary>PUT of a block list.</summary>
    public static async Task CommitAsync(BlobApi api, HttpContext context, BlobRequest request, BlobGrant grant)
    {
        if (context.Request.ContentLength > BlockListXml.MaxBody)
        {
            await api.RefuseAsync(context, new Refusal(BlobErrors.RequestBodyTooLarge, $"The list has more than {BlockListXml.MaxBody} bytes", "Use longer blocks."));
            return;
        }
        LiftBodyLimit(context, BlockListXml.MaxBody);
        if (!BlobHeaders.Read(context, plain: false).Succeeded(out var description, out var refusal)
            || !(await BlockListXml.ReadAsync(context.Request.Body)).Succeeded(out var blocks, out refusal))
        {
            await api.RefuseAsync(context, refusal);
            return;
        }
        await AnswerAsync(api, context, await api.Stores[request.Container].CommitAsync(request.Address, blocks, description, BlobHeaders.Condition(context, OnlyNew(grant)), context.RequestAborted));
    }

    /// <summary>DELETE of a blob.</summary>
    public static async Task DeleteAsync(BlobApi api, HttpContext context, BlobRequest request)
    {
        if (await api.Stores[request.Container].DeleteAsync(request.Address, BlobHeaders.Condition(context), context.RequestAborted) is { } refusal)
            await api.RefuseAsync(context, refusal);
        else
            context.Response.StatusCode = StatusCodes.Status202Accepted;
    }

    private static bool OnlyNew(BlobGrant grant) => !grant.Permits('w');

    private static Task AnswerAsync(BlobApi api, HttpContext context, Outcome<BlobProperties> outcome)
    {
        if (!outcome.Succeeded(out var blob, out var refusal))
            return api.RefuseAsync(context, refusal);
        BlobAnswers.Created(context, blob);
        return Task.CompletedTask;
    }

    /// <summary>Bodies of all other calls are small. The store counts what it reads; the least rate of reading stays.</summary>
    private static void LiftBodyLimit(HttpContext context, long? limit)
    {
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } feature)
            feature.MaxRequestBodySize = limit;
    }
}
