using System.CommandLine;
using Homeport.Contract.Rest;

namespace Homeport.Tool;

/// <summary><c>homeport explain</c>: why something was refused, by its tracking id or by the device that it concerns.</summary>
internal static class ExplainCommand
{
    public static Command Create(CommandHost host)
    {
        var trackingId = new Argument<string?>("tracking-id") { Description = "From the error or the server's log", Arity = ArgumentArity.ZeroOrOne };
        var device = new Option<string>("--device") { Description = "The newest refusals that concern this device, in place of a tracking id" };
        return host.Run(new Command("explain", "Says why something was refused") { trackingId, device }, call => (call.Get(trackingId), call.Get(device)) switch
        {
            ({ } id, null) => ExplainAsync(call, id),
            (null, { } text) => ExplainDeviceAsync(call, IdentityPath.ParseDevice(text).DeviceId),
            _ => throw ToolException.BadUsage("Give a tracking id, or a device with --device."),
        });
    }

    /// <summary>Writes an explanation, as <c>homeport diagnose</c> does as well.</summary>
    internal static void Write(ExplanationBody found)
    {
        Console.WriteLine($"{Display.Time(found.Time)}  {found.Door}  {found.Error} ({found.Code})  tracking id {found.TrackingId}");
        Console.WriteLine($"  Seen:     {Display.Clean(found.Seen)}");
        foreach (var tried in found.Tried)
            Console.WriteLine($"  Tried:    {Display.Clean(tried)}");
        if (found.Nearest is not null)
            Console.WriteLine($"  Nearest:  {Display.Clean(found.Nearest)}");
        Console.WriteLine($"  Fix:      {Display.Clean(found.Fix)}");
    }

    private static async Task ExplainAsync(Call call, string trackingId)
    {
        var answer = await call.Hub.GetAsync($"homeport/v1/explanations/{Uri.EscapeDataString(trackingId)}", call.Token);
        if (call.Json)
            Display.Json(answer.Node());
        else
            Write(answer.As(Json.Default.ExplanationBody));
    }

    private static async Task ExplainDeviceAsync(Call call, string deviceId)
    {
        var answer = await call.Hub.GetAsync($"homeport/v1/explanations?deviceId={Uri.EscapeDataString(deviceId)}", call.Token);
        if (call.Json)
        {
            Display.Json(answer.Node());
            return;
        }
        var found = answer.As(Json.Default.IReadOnlyListExplanationBody);
        foreach (var explanation in found)
            Write(explanation);
        if (found.Count == 0)
            Console.WriteLine($"Nothing that concerns '{deviceId}' was refused lately. More about it: homeport diagnose {deviceId}");
    }
}
