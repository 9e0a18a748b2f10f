using System.Buffers;
using Microsoft.AspNetCore.Http;

namespace Homeport.Gateway.Http.Devices;

/// <summary>Parts of a request that several doors read.</summary>
internal static class RequestParts
{
    public static string LockToken(this HttpContext context) => (string)context.Request.RouteValues["lockToken"]!;

    /// <summary>Reads the body. Null when it has more than <paramref name="max"/> bytes.</summary>
    public static async Task<byte[]?> ReadBodyAsync(this HttpContext context, int max)
    {
        if (context.Request.ContentLength > max)
            return null;
        var reader = context.Request.BodyReader;
        while (true)
        {
            var result = await reader.ReadAsync(context.RequestAborted);
            if (result.Buffer.Length > max)
            {
                reader.AdvanceTo(result.Buffer.End);
                return null;
            }
            if (result.IsCompleted)
            {
                var body = result.Buffer.ToArray();
                reader.AdvanceTo(result.Buffer.End);
                return body;
            }
            reader.AdvanceTo(result.Buffer.Start, result.Buffer.End);
        }
    }
}
