namespace Homeport.WebConsole.Components.Parts.Routes;

/// <summary>What people read for the words of routes.</summary>
internal static class RouteWords
{
    /// <summary>Sources in the order of a list.</summary>
    public static readonly IReadOnlyList<(string Name, string Text)> Sources =
    [
        ("DeviceMessages", "Messages of devices"),
        ("TwinChangeEvents", "Changes of twins"),
        ("DeviceLifecycleEvents", "Devices created and deleted"),
        ("DeviceConnectionStateEvents", "Devices connected and disconnected"),
        ("DigitalTwinChangeEvents", "Changes of digital twins"),
        ("DeviceStatusEvents", "Devices registered, enabled, renamed"),
        ("DeviceTemplateEvents", "Changes of templates"),
    ];

    /// <summary>Types in the order of a list.</summary>
    public static readonly IReadOnlyList<(string Name, string Text)> Types =
    [
        ("webhook", "Webhook"),
        ("amqp", "AMQP 1.0 broker"),
        ("files", "Files"),
        ("postgres", "PostgreSQL"),
        ("mqtt", "MQTT broker"),
    ];

    public static string Source(string? name) => Sources.FirstOrDefault(s => s.Name == name).Text ?? name ?? "";

    public static string Type(string? name) => Types.FirstOrDefault(s => s.Name == name).Text ?? name ?? "";

    public static string Kind(string status) => status switch { "healthy" => "good", "unhealthy" => "wait", "dead" => "bad", _ => "plain" };

    public static string Health(string status) => status switch { "healthy" => "Well", "unhealthy" => "Failing", "dead" => "Down", _ => "Not tried" };
}
