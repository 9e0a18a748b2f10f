using System.Buffers;
using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;

namespace Homeport.Tool;

/// <summary><c>homeport queue send</c>: sends a message to a device or module.</summary>
internal static class QueueSend
{
    // RFC 9110: what a header's name cannot have.
    private static readonly SearchValues<char> Separators = SearchValues.Create(" \t\"(),/:;<=>?@[\\]{}");

    public static Command Create(CommandHost host)
    {
        var identity = IdentityPath.Argument();
        var body = new Argument<string>("body") { Description = "Text" + Inputs.Sources };
        var properties = new Option<string[]>("--property") { Description = "name=value, several times", AllowMultipleArgumentsPerToken = true };
        var lifetime = new Option<int?>("--ttl") { Description = "Seconds until it expires; without it the server decides" };
        var ack = new Option<string>("--ack") { Description = "Feedback: none, positive, negative or full" };
        ack.AcceptOnlyFromAmong("none", "positive", "negative", "full");
        (Option<string> Option, string Header)[] system =
        [
            (new("--message-id") { Description = "Without it one is made" }, "iothub-messageid"),
            (new("--correlation-id") { Description = "Names what it answers" }, "iothub-correlationid"),
            (new("--content-type") { Description = "Such as application/json" }, "iothub-contenttype"),
            (new("--content-encoding") { Description = "Such as utf-8" }, "iothub-contentencoding"),
            (ack, "iothub-ack"),
        ];
        var command = new Command("send", "Sends a message; it waits until the device takes it") { identity, body, properties, lifetime };
        foreach (var (option, _) in system)
            command.Options.Add(option);
        return host.Run(command, async call =>
        {
            var path = IdentityPath.Parse(call.Get(identity));
            List<KeyValuePair<string, string>> headers = [];
            foreach (var (option, header) in system)
            {
                if (call.Get(option) is { } value)
                    headers.Add(Header(header, value));
            }
            foreach (var property in call.Get(properties) ?? [])
                headers.Add(Property(property));
            if (call.Get(lifetime) is { } seconds)
                headers.Add(new("iothub-expiry", (call.Hub.Time.GetUtcNow() + TimeSpan.FromSeconds(seconds)).UtcDateTime.ToString("o", CultureInfo.InvariantCulture)));
            var request = new HubRequest(HttpMethod.Post, path.Under("devices") + "/messages/devicebound", await Inputs.BytesAsync(call.Get(body), call.Token))
            {
                ContentType = null,
                Headers = headers,
            };
            var id = (await call.Hub.SendAsync(request, call.Token)).Header("iothub-messageid");
            if (call.Json)
                Display.Json(new JsonObject { ["messageId"] = id });
            else
                Console.WriteLine($"Message {Display.Clean(id)} waits for {path}.");
        });
    }

    private static KeyValuePair<string, string> Property(string text)
    {
        var equals = text.IndexOf('=', StringComparison.Ordinal);
        if (equals <= 0)
            throw ToolException.BadUsage($"'{text}' is no property. Write name=value.");
        if (text.AsSpan(0, equals).ContainsAny(Separators))
            throw ToolException.BadUsage($"The property's name '{text[..equals]}' has a character that HTTP headers cannot have.");
        return Header("iothub-app-" + text[..equals], text[(equals + 1)..]);
    }

    private static KeyValuePair<string, string> Header(string name, string value)
        => (name + value).All(c => c is >= ' ' and <= '~')
            ? new(name, value)
            : throw ToolException.BadUsage($"'{Display.Clean(value)}' cannot be sent as a property over HTTPS: use printable ASCII, or put it into the body.");
}
