using System.Text.Json;
using Homeport.Hub.Twins;
using Homeport.Log;
using Homeport.Provisioning.Lifecycle;
using Homeport.Routing;
using Homeport.Templates;
using Homeport.Templates.Devices;

namespace Homeport.Operations.Exports;

/// <summary>Looks up the devices of messages. What an event says itself of a device counts: it may be gone since.</summary>
public sealed class ExportedDevices(IDeviceStore devices, ITemplateStore templates, DeviceModels models, ITwinStore twins)
{
    /// <summary>The device of a message; null when it is of none.</summary>
    public async Task<ExportedDevice?> FindAsync(RoutedMessage message, CancellationToken token)
    {
        ArgumentNullException.ThrowIfNull(message);
        if (message.Origin.DeviceId is not { Length: > 0 } id)
            return null;
        var facts = (message.Source == MessageSource.DeviceStatus ? Read(message, id) : await devices.FindAsync(id, token)) ?? new DeviceFacts { DeviceId = id };
        var template = facts.Template is null ? null : await templates.FindAsync(facts.Template, token);
        return new ExportedDevice(facts, template?.DisplayName, template is null ? null : await models.FindAsync(id, token), await twins.FindAsync(id, null, token));
    }

    private static DeviceFacts? Read(RoutedMessage message, string id)
    {
        if (message.Json.IsEmpty)
            return null;
        using var document = JsonDocument.Parse(message.Json);
        var root = document.RootElement;
        return new DeviceFacts
        {
            DeviceId = id,
            DisplayName = Text("displayName"),
            Template = Text("template"),
            Organization = Text("organization"),
            Approved = Is("approved"),
            Blocked = Is("blocked"),
            Provisioned = Is("provisioned"),
            Simulated = Is("simulated"),
        };

        string? Text(string name) => root.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
        bool Is(string name) => root.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.True;
    }
}
