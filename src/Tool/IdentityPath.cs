using System.CommandLine;
using Homeport.Contract.Naming;

namespace Homeport.Tool;

/// <summary>A device, or a module of one, as people write it: <c>device</c> or <c>device/module</c>.</summary>
/// <param name="DeviceId">The device.</param>
/// <param name="ModuleId">The module, or null.</param>
internal sealed record IdentityPath(string DeviceId, string? ModuleId)
{
    /// <summary>Path below a collection of the REST API.</summary>
    public string Under(string collection)
    {
        var path = $"{collection}/{Uri.EscapeDataString(DeviceId)}";
        return ModuleId is null ? path : $"{path}/modules/{Uri.EscapeDataString(ModuleId)}";
    }

    public override string ToString() => ModuleId is null ? DeviceId : $"{DeviceId}/{ModuleId}";

    /// <summary>An argument that takes a device only.</summary>
    public static Argument<string> DeviceArgument() => new("device") { Description = "Id of the device" };

    /// <summary>An argument that takes a device or a module.</summary>
    public static Argument<string> Argument() => new("device[/module]") { Description = "Id of the device, or of a module as device/module" };

    /// <summary>An argument that takes a module.</summary>
    public static Argument<string> ModuleArgument() => new("device/module") { Description = "Id of the module as device/module" };

    /// <summary>Reads what was written.</summary>
    /// <exception cref="ToolException">It is no id.</exception>
    public static IdentityPath Parse(string text)
    {
        var slash = text.IndexOf('/', StringComparison.Ordinal);
        var path = slash < 0 ? new IdentityPath(text, null) : new IdentityPath(text[..slash], text[(slash + 1)..]);
        if ((DeviceIdRules.Check(path.DeviceId) ?? (path.ModuleId is null ? null : DeviceIdRules.Check(path.ModuleId))) is { } problem)
            throw ToolException.BadUsage($"'{text}' is no id: {problem}.");
        return path;
    }

    /// <summary>Reads the id of a device.</summary>
    public static IdentityPath ParseDevice(string text)
        => Parse(text) is { ModuleId: null } path ? path : throw ToolException.BadUsage($"'{text}' is a module; the command takes a device.");

    /// <summary>Reads the id of a module.</summary>
    public static IdentityPath ParseModule(string text)
        => Parse(text) is { ModuleId: not null } path ? path : throw ToolException.BadUsage($"'{text}' is a device; write the module as {text}/module.");
}
