using System.Buffers.Text;
using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Homeport.Contract.Errors;
using Microsoft.AspNetCore.Http;

namespace Homeport.Gateway.Http.Operators.Groups;

/// <summary>Where a page of a list begins and how long it is: <c>$top</c> and <c>$skiptoken</c>, which a client gets in <c>nextLink</c>.</summary>
/// <param name="Size">Entries of the page.</param>
/// <param name="After">The place of the last entry of the page before, or null.</param>
internal sealed record Paging(int Size, string? After)
{
    private const int DefaultSize = 25;
    private const int MaxSize = 100;
    private const int MaxToken = 2048;

    public static Outcome<Paging> Read(HttpContext context)
    {
        var query = context.Request.Query;
        var size = DefaultSize;
        if (query["$top"] is [var top] && (!int.TryParse(top, NumberStyles.None, CultureInfo.InvariantCulture, out size) || size is < 1 or > MaxSize))
            return new Refusal(PeopleErrors.InvalidQuery, "$top cannot be read", $"Send 1 to {MaxSize}.");
        var token = query["$skiptoken"].ToString();
        if (token.Length == 0)
            return new Paging(size, null);
        if (token.Length > MaxToken || !Base64Url.IsValid(token))
            return BadToken();
        return new Paging(size, Encoding.UTF8.GetString(Base64Url.DecodeFromChars(token)));
    }

    public static Refusal BadToken() => new(PeopleErrors.InvalidQuery, "$skiptoken was not made by this server", "Follow nextLink as it is.");

    /// <summary>A list in the form of IoT Central.</summary>
    /// <param name="context">The call.</param>
    /// <param name="values">Entries of the page.</param>
    /// <param name="last">Place of the last entry when more follow, or null.</param>
    public static Outcome<Reply> Answer(HttpContext context, IEnumerable<JsonNode> values, string? last)
    {
        var body = new JsonObject { ["value"] = new JsonArray([.. values]) };
        if (last is not null)
        {
            var query = context.Request.Query.Where(q => q.Key != "$skiptoken").ToDictionary(q => q.Key, q => q.Value, StringComparer.Ordinal);
            query["$skiptoken"] = Base64Url.EncodeToString(Encoding.UTF8.GetBytes(last));
            body["nextLink"] = $"{context.Request.Scheme}://{context.Request.Host}{context.Request.Path}{QueryString.Create(query)}";
        }
        return new Reply(StatusCodes.Status200OK, Encoding.UTF8.GetBytes(body.ToJsonString()));
    }
}
