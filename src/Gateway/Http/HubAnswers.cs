using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Homeport.Contract.Errors;
using Homeport.Contract.Rest;
using Homeport.Hub.Limits;
using Homeport.Hub.Registry;
using Microsoft.AspNetCore.Http;

namespace Homeport.Gateway.Http;

/// <summary>Answers of the hub's REST API, in the forms that the SDKs read.</summary>
internal static class HubAnswers
{
    private const string JsonType = "application/json; charset=utf-8";

    /// <summary>Writes a JSON body.</summary>
    public static async Task WriteJsonAsync<T>(this HttpContext context, T body, JsonTypeInfo<T> type, int status = StatusCodes.Status200OK)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = JsonType;
        // With its length, which some HTTP clients of devices want.
        var bytes = JsonSerializer.SerializeToUtf8Bytes(body, type);
        context.Response.ContentLength = bytes.Length;
        await context.Response.Body.WriteAsync(bytes, context.RequestAborted);
    }

    /// <summary>Writes a body that is JSON in UTF-8 already.</summary>
    public static async Task WriteBytesAsync(this HttpContext context, ReadOnlyMemory<byte> json, int status = StatusCodes.Status200OK)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = JsonType;
        context.Response.ContentLength = json.Length;
        await context.Response.Body.WriteAsync(json, context.RequestAborted);
    }

    /// <summary>
    /// Writes a refusal: header <c>iothub-errorcode</c> and a body whose message starts with <c>ErrorCode:</c>, since the C# SDK
    /// parses both.
    /// </summary>
    public static Task WriteRefusalAsync(this HttpContext context, Refusal refusal, DateTimeOffset now)
    {
        context.Response.Headers["iothub-errorcode"] = refusal.Error.Name;
        context.Response.Headers["x-ms-request-id"] = refusal.TrackingId;
        var time = now.UtcDateTime.ToString("MM/dd/yyyy HH:mm:ss", CultureInfo.InvariantCulture);
        var body = new HubErrorBody(
            $"ErrorCode:{refusal.Error.Name};{refusal.Text.Replace(';', ',')}",
            $"Tracking ID:{refusal.TrackingId}-TimeStamp:{time}");
        return context.WriteJsonAsync(body, Json.Default.HubErrorBody, refusal.Error.HttpStatus);
    }

    /// <summary>
    /// Writes a refusal with the header Retry-After. It is not kept: one client that repeats its call would push out what is worth keeping.
    /// </summary>
    public static Task WriteThrottledAsync(this HttpContext context, Throttled throttled, DateTimeOffset now)
    {
        context.Response.Headers.RetryAfter = Math.Max(1, Math.Ceiling(throttled.RetryAfter.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
        return context.WriteRefusalAsync(throttled.Refusal, now);
    }

    /// <summary>Sets the header ETag, quoted as RFC 9110 wants it. The C SDK looks for this spelling.</summary>
    public static void SetETag(this HttpContext context, string etag) => context.Response.Headers["ETag"] = $"\"{etag}\"";

    /// <summary>Reads a JSON body, or says where it is broken.</summary>
    public static async Task<Outcome<T>> ReadJsonAsync<T>(this HttpContext context, JsonTypeInfo<T> type)
        where T : class
    {
        try
        {
            var body = await JsonSerializer.DeserializeAsync(context.Request.Body, type, context.RequestAborted);
            return body is not null ? body : new Refusal(HubErrors.IotHubFormatError, "The body is the JSON value null", "Send a JSON object.");
        }
        catch (JsonException e)
        {
            var position = string.Create(CultureInfo.InvariantCulture, $"line {e.LineNumber + 1}, byte {e.BytePositionInLine + 1}");
            return new Refusal(HubErrors.IotHubFormatError, $"The body is not the JSON that is expected here ({position}, at {e.Path ?? "$"})", "Correct the JSON at this place.");
        }
        catch (BadHttpRequestException e)
        {
            return new Refusal(HubErrors.MessageTooLarge, $"The body cannot be read: {e.Message}", "Send a smaller body.");
        }
    }

    /// <summary>Reads a whole body; the server bounds its size.</summary>
    public static async Task<Outcome<byte[]>> ReadBytesAsync(this HttpContext context)
    {
        using var body = new MemoryStream();
        try
        {
            await context.Request.Body.CopyToAsync(body, context.RequestAborted);
            return body.ToArray();
        }
        catch (BadHttpRequestException e)
        {
            return new Refusal(HubErrors.MessageTooLarge, $"The body cannot be read: {e.Message}", "Send a smaller body.");
        }
    }

    /// <summary>The device that the path names.</summary>
    public static string DeviceId(this HttpContext context) => (string)context.Request.RouteValues["deviceId"]!;

    /// <summary>The module that the path names, or null.</summary>
    public static string? ModuleId(this HttpContext context) => (string?)context.Request.RouteValues.GetValueOrDefault("moduleId");

    /// <summary>The condition of the header If-Match.</summary>
    public static IfMatch Condition(this HttpContext context) => IfMatch.Parse(context.Request.Headers.IfMatch);
}
