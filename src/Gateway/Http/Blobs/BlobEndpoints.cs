using Homeport.Contract.Errors;
using Homeport.Hub.Files;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Homeport.Gateway.Http.Blobs;

/// <summary>
/// The built-in blob store over the part of the Azure Blob REST API that uploads and downloads of block blobs need. Every call carries a
/// shared access signature. Source: Azure "Blob service REST API".
/// </summary>
public static class BlobEndpoints
{
    /// <summary>Maps <c>/{container}</c> and <c>/{container}/{blob}</c> for the containers that are there.</summary>
    public static void MapBlobs(this IEndpointRouteBuilder routes, BlobApi api)
    {
        foreach (var container in api.Stores.Keys)
        {
            routes.Map($"/{container}", context => HandleAsync(api, context));
            routes.Map($"/{container}/{{**blob}}", context => HandleAsync(api, context));
        }
    }

    private static async Task HandleAsync(BlobApi api, HttpContext context)
    {
        BlobAnswers.Begin(context);
        try
        {
            await AnswerAsync(api, context);
        }
        catch (BlobStoreException e) when (!context.Response.HasStarted)
        {
            await api.RefuseAsync(context, e.Refusal);
        }
    }

    private static Task AnswerAsync(BlobApi api, HttpContext context)
    {
        if (!BlobRequest.Read(context, api.Stores).Succeeded(out var request, out var refusal)
            || !BlobSas.Verify(api.Account, request.Query, request.Container, request.Blob, api.Time.GetUtcNow()).Succeeded(out var grant, out refusal))
        {
            return api.RefuseAsync(context, refusal);
        }
        return request.Blob is null ? OnContainerAsync(api, context, request, grant) : OnBlobAsync(api, context, request, grant);
    }

    private static Task OnContainerAsync(BlobApi api, HttpContext context, BlobRequest request, BlobGrant grant)
    {
        if (!HttpMethods.IsGet(context.Request.Method) || request.Comp != "list" || request.Query.GetValueOrDefault("restype") != "container")
            return UnknownAsync(api, context);
        return PermittedAsync(api, context, grant, "l", () => BlobReads.ListAsync(api, context, request));
    }

    private static Task OnBlobAsync(BlobApi api, HttpContext context, BlobRequest request, BlobGrant grant)
    {
        if (request.Query.ContainsKey("snapshot") || request.Query.ContainsKey("versionid"))
            return UnknownAsync(api, context);
        return (context.Request.Method, request.Comp) switch
        {
            ("PUT", null) => PermittedAsync(api, context, grant, "wc", () => BlobWrites.PutAsync(api, context, request, grant)),
            ("PUT", "block") => PermittedAsync(api, context, grant, "wc", () => BlobWrites.StageAsync(api, context, request)),
            ("PUT", "blocklist") => PermittedAsync(api, context, grant, "wc", () => BlobWrites.CommitAsync(api, context, request, grant)),
            ("GET" or "HEAD", null) => PermittedAsync(api, context, grant, "r", () => BlobReads.GetAsync(api, context, request)),
            ("GET", "blocklist") => PermittedAsync(api, context, grant, "r", () => BlobReads.GetBlocksAsync(api, context, request)),
            ("DELETE", null) => PermittedAsync(api, context, grant, "d", () => BlobWrites.DeleteAsync(api, context, request)),
            _ => UnknownAsync(api, context),
        };
    }

    private static Task PermittedAsync(BlobApi api, HttpContext context, BlobGrant grant, string letters, Func<Task> call)
        => grant.Permits(letters)
            ? call()
            : api.RefuseAsync(context, new Refusal(BlobErrors.AuthorizationPermissionMismatch,
                $"The call needs one of the permissions '{letters}'", "Ask for a signature with it."));

    private static Task UnknownAsync(BlobApi api, HttpContext context) => api.RefuseAsync(context, new Refusal(BlobErrors.UnsupportedHttpVerb,
        $"This store has no such call for {context.Request.Method}", "Offered are Put Blob, Put Block, Put Block List, Get Blob, Get Block List, Delete Blob and List Blobs."));
}
