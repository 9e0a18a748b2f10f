using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Homeport.Contract.Errors;
using Homeport.Contract.Rest;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Homeport.Gateway.Http.Provisioning;

/// <summary>Requests and answers of the provisioning service in the forms that the SDKs send and read.</summary>
internal static class ProvisioningAnswers
{
    private const string RequestId = "x-ms-request-id";

    /// <summary>Writes a JSON body with its length.</summary>
    public static Task WriteAsync<T>(HttpContext context, T body, JsonTypeInfo<T> type, int status = StatusCodes.Status200OK)
        => WriteAsync(context, JsonSerializer.SerializeToUtf8Bytes(body, type), status);

    /// <summary>Writes a body that is JSON already.</summary>
    public static async Task WriteAsync(HttpContext context, byte[] bytes, int status)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/json; charset=utf-8";
        context.Response.ContentLength = bytes.Length;
        if (!context.Response.Headers.ContainsKey(RequestId))
            context.Response.Headers[RequestId] = Guid.NewGuid().ToString("N");
        await context.Response.Body.WriteAsync(bytes, context.RequestAborted);
    }

    /// <summary>Writes a refusal: the C# SDK calls every other body malformed.</summary>
    /// <param name="context">The call.</param>
    /// <param name="refusal">What is refused.</param>
    /// <param name="now">Time of the answer.</param>
    public static Task RefuseAsync(HttpContext context, Refusal refusal, DateTimeOffset now)
    {
        NameRefusal(context, refusal);
        var body = new DeviceErrorBody(refusal.Error.Code, refusal.TrackingId, refusal.Text, new ServiceTime(now));
        return WriteAsync(context, body, ProvisioningJson.Wire.DeviceErrorBody, refusal.Error.HttpStatus);
    }

    /// <summary>Says in the headers what is refused and where the reason is found.</summary>
    public static void NameRefusal(HttpContext context, Refusal refusal)
    {
        context.Response.Headers["x-ms-error-code"] = refusal.Error.Code.ToString(CultureInfo.InvariantCulture);
        context.Response.Headers[RequestId] = refusal.TrackingId;
        if (refusal.RetryAfter is { } wait)
            context.Response.Headers.RetryAfter = ((int)Math.Ceiling(wait.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
    }

    /// <summary>Reads a body of at most <paramref name="limit"/> bytes.</summary>
    public static async Task<Outcome<byte[]>> ReadBodyAsync(HttpContext context, int limit)
    {
        if (context.Request.ContentLength > limit)
            return TooLarge(limit);
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } feature)
            feature.MaxRequestBodySize = limit;
        try
        {
            using var body = new MemoryStream();
            var buffer = new byte[4096];
            int read;
            while ((read = await context.Request.Body.ReadAsync(buffer, context.RequestAborted)) > 0)
            {
                if (body.Length + read > limit)
                    return TooLarge(limit);
                await body.WriteAsync(buffer.AsMemory(0, read), context.RequestAborted);
            }
            return body.ToArray();
        }
        catch (BadHttpRequestException e)
        {
            return e.StatusCode == StatusCodes.Status413PayloadTooLarge
                ? TooLarge(limit)
                : new Refusal(ProvisioningErrors.BadRequest, $"The body cannot be read: {e.Message.TrimEnd('.')}", "Send the body as Content-Length announces it.");
        }
    }

    private static Refusal TooLarge(int limit) => new(ProvisioningErrors.RequestTooLarge, $"The body has more than {limit} bytes", "Send a smaller body.");
}
