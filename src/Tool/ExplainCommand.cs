using System.CommandLine;

namespace Homeport.Tool;

/// <summary><c>homeport explain</c>: why something was refused, by its tracking id.</summary>
internal static class ExplainCommand
{
    public static Command Create(ConnectionOptions connection)
    {
        var trackingId = new Argument<string>("tracking-id") { Description = "From the error or the server's log" };
        var command = new Command("explain", "Says why something was refused") { trackingId };
        command.SetAction((parsed, token) => ToolException.GuardAsync(async () =>
        {
            using var client = connection.Open(parsed);
            var found = await client.ExplainAsync(parsed.GetValue(trackingId)!, token);
            Console.WriteLine($"{found.Time}  {found.Door}  {found.Error} ({found.Code})");
            Console.WriteLine($"Seen:     {found.Seen}");
            foreach (var tried in found.Tried)
                Console.WriteLine($"Tried:    {tried}");
            if (found.Nearest is not null)
                Console.WriteLine($"Nearest:  {found.Nearest}");
            Console.WriteLine($"Fix:      {found.Fix}");
        }, token));
        return command;
    }
}
