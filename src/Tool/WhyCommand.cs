using System.CommandLine;
using Homeport.Contract.Rest;

namespace Homeport.Tool;

/// <summary><c>homeport why</c>: one question for a device, a registration or a tracking id; the first line is the cause.</summary>
internal static class WhyCommand
{
    private const int TrackingIdLength = 32;

    public static Command Create(CommandHost host)
    {
        var what = new Argument<string>("what") { Description = "Device, registration, or tracking id from an error or the server's log" };
        return host.Run(new Command("why", "Says why a device, a registration or a call was refused, and how to mend it") { what }, async call =>
        {
            var text = call.Get(what);
            // A tracking id could be a device id as well, so the explanation is only looked for first.
            if (IsTrackingId(text) && await TryExplainAsync(call, text))
                return;
            var path = IdentityPath.ParseDevice(text);
            var answer = await call.Hub.GetAsync("homeport/v1/" + path.Under("devices") + "/diagnosis", call.Token);
            if (call.Json)
                Display.Json(answer.Node());
            else
                DiagnoseCommand.Write(answer.As(Json.Default.DeviceDiagnosis));
        });
    }

    private static bool IsTrackingId(string text) => text.Length == TrackingIdLength && text.All(char.IsAsciiHexDigitLower);

    private static async Task<bool> TryExplainAsync(Call call, string trackingId)
    {
        HubAnswer answer;
        try
        {
            answer = await call.Hub.GetAsync($"homeport/v1/explanations/{trackingId}", call.Token);
        }
        catch (ToolException e) when (e.Status == System.Net.HttpStatusCode.NotFound)
        {
            return false;
        }
        if (call.Json)
        {
            Display.Json(answer.Node());
            return true;
        }
        var found = answer.As(Json.Default.ExplanationBody);
        Console.WriteLine($"Wrong:  {Display.Clean(found.Seen)}");
        Console.WriteLine($"Fix:    {Display.Clean(found.Fix)}");
        Console.WriteLine();
        ExplainCommand.Write(found);
        return true;
    }
}
