using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Homeport.Contract.Errors;
using Homeport.Hub.Methods;
using Homeport.Hub.Registry;
using Homeport.Hub.Twins;

namespace Homeport.Tests.Transcripts;

/// <summary>The service's side of a transcript: what it writes to twins and which methods it calls.</summary>
internal sealed partial class Service(HubFixture hub)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private readonly Dictionary<string, Task<Outcome<MethodResult>>> _calls = [];

    /// <summary>Calls without an expected result.</summary>
    public int OpenCalls => _calls.Count;

    /// <summary>False when the text is no action of a service.</summary>
    public async Task<bool> TryActAsync(string caller, string text)
    {
        if (Write().Match(text) is { Success: true } write)
            await WriteAsync(write.Groups["replace"].Success, write.Groups["key"].Value, write.Groups["json"].Value, write.Groups["error"].Value);
        else if (Show().Match(text) is { Success: true } show)
            await ShowAsync(show.Groups["key"].Value, show.Groups["json"].Value);
        else if (Call().Match(text) is { Success: true } call)
            await CallAsync(caller, call);
        else if (text.StartsWith("result ", StringComparison.Ordinal))
            await ExpectAsync(caller, text["result ".Length..]);
        else if (text == "no result")
            await ExpectNothingAsync(caller);
        else
            return false;
        return true;
    }

    private async Task WriteAsync(bool replace, string key, string json, string error)
    {
        var (device, module) = Names(key);
        var patch = TwinPatch.Read(TwinJson.ReadObject(Encoding.UTF8.GetBytes(json)).Value!).Value!;
        var outcome = replace ? await hub.Twins.ReplaceAsync(device, module, patch, IfMatch.Absent, default) : await hub.Twins.PatchAsync(device, module, patch, IfMatch.Absent, default);
        (outcome.Refusal?.Error.Name ?? "").ShouldBe(error, outcome.Refusal?.Text);
    }

    private async Task ShowAsync(string key, string json)
    {
        var (device, module) = Names(key);
        Encoding.UTF8.GetString((await hub.Twins.GetAsync(device, module, default)).Value!.ForDevice()).ShouldBe(json);
    }

    private async Task CallAsync(string caller, Match match)
    {
        var (device, module) = Names(match.Groups["key"].Value);
        var payload = match.Groups["payload"].Value;
        var call = new MethodCall(match.Groups["name"].Value, Encoding.UTF8.GetBytes(payload), Seconds(match.Groups["response"], 30), Seconds(match.Groups["connect"], 0));
        _calls.Add(caller, hub.Methods.InvokeAsync(device, module, call, default));
        if (match.Groups["error"].Success)
            await ExpectAsync(caller, match.Groups["error"].Value);
    }

    private async Task ExpectAsync(string caller, string expected)
    {
        _calls.Remove(caller, out var call).ShouldBeTrue("there is no such call");
        var outcome = await call!.WaitAsync(Patience);
        (outcome.Refusal?.Error.Name ?? $"{outcome.Value!.Status} {Encoding.UTF8.GetString(outcome.Value.Payload.Span)}".TrimEnd()).ShouldBe(expected, outcome.Refusal?.Text);
    }

    private async Task ExpectNothingAsync(string caller)
    {
        await Task.Delay(100);
        _calls[caller].IsCompleted.ShouldBeFalse("the call has a result");
    }

    private static TimeSpan Seconds(Group group, int otherwise) => TimeSpan.FromSeconds(group.Success ? int.Parse(group.Value, CultureInfo.InvariantCulture) : otherwise);

    private static (string Device, string? Module) Names(string key) => key.Split('/') is [var device, var module] ? (device, module) : (key, null);

    [GeneratedRegex("^(?<replace>replace )?twin (?<key>\\S+) (?<json>\\{.*\\})( -> (?<error>[A-Za-z]+))?$", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Write();

    [GeneratedRegex("^show twin (?<key>\\S+) (?<json>\\{.*\\})$", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Show();

    [GeneratedRegex("^method (?<key>\\S+) (?<name>\\S+)( connect=(?<connect>\\d+))?( response=(?<response>\\d+))?( (?!->)(?<payload>.+?))?( -> (?<error>[A-Za-z]+))?$", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Call();
}
