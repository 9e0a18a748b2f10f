using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Homeport.Contract.Errors;
using Homeport.Hub.Registry;
using Homeport.Templates;
using Homeport.Templates.Devices;
using Microsoft.AspNetCore.Http;

namespace Homeport.Gateway.Http.Operators.Templates;

/// <summary>What the calls about device templates stand on.</summary>
public sealed record TemplateApi
{
    /// <summary>Who may call, and the audit log.</summary>
    public required OperatorApi Operators { get; init; }

    public required IdentityRegistry Registry { get; init; }

    public required TemplateService Templates { get; init; }

    public required TemplateAssociation Association { get; init; }

    public required TemplateMigration Migration { get; init; }

    public required ModelRepository Models { get; init; }

    public required DeviceModels DeviceModels { get; init; }

    public required DeviceProperties Properties { get; init; }

    public required DeviceCommands Commands { get; init; }

    public required DeviceTelemetry Telemetry { get; init; }

    /// <summary>Reads a body that is a JSON object.</summary>
    internal static async Task<Outcome<JsonObject>> ReadObjectAsync(HttpContext context)
    {
        if (!(await ReadTextAsync(context)).Succeeded(out var text, out var refusal))
            return refusal;
        try
        {
            return JsonNode.Parse(text, documentOptions: new JsonDocumentOptions { MaxDepth = 64, AllowDuplicateProperties = false }) is JsonObject members
                ? members
                : new Refusal(PeopleErrors.InvalidBody, "It is no JSON object", "Send a JSON object.");
        }
        catch (JsonException e)
        {
            return new Refusal(PeopleErrors.InvalidBody, $"It is no JSON (line {e.LineNumber + 1}, byte {e.BytePositionInLine + 1}), or has a member twice", "Correct the JSON at this place.");
        }
    }

    /// <summary>Reads a body as text; the server bounds its size.</summary>
    internal static async Task<Outcome<string>> ReadTextAsync(HttpContext context)
    {
        using var reader = new StreamReader(context.Request.Body, Encoding.UTF8);
        try
        {
            return await reader.ReadToEndAsync(context.RequestAborted);
        }
        catch (BadHttpRequestException e)
        {
            return new Refusal(PeopleErrors.InvalidBody, $"It cannot be read: {e.Message}", "Send a smaller body.");
        }
    }

    /// <summary>A good answer with a JSON value.</summary>
    internal static Outcome<Reply> Answer(JsonNode body, int status = StatusCodes.Status200OK) => new Reply(status, Encoding.UTF8.GetBytes(body.ToJsonString()));

    /// <summary>A part of the path.</summary>
    internal static string? Part(HttpContext context, string name) => (string?)context.Request.RouteValues.GetValueOrDefault(name);

    /// <summary>The condition of the header If-Match.</summary>
    internal static IfMatch Condition(HttpContext context) => IfMatch.Parse(context.Request.Headers.IfMatch);
}
