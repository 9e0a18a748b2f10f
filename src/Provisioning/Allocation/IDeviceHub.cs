using System.Text.Json.Nodes;
using Homeport.Contract.Errors;
using Homeport.Hub.Registry;
using Homeport.Hub.Twins;

namespace Homeport.Provisioning.Allocation;

/// <summary>
/// A hub as provisioning sees it: the hub of this server, or another one over its REST API. Refusals have errors of the provisioning
/// service; those with a time to wait are worth another try.
/// </summary>
public interface IDeviceHub
{
    /// <summary>Looks for a device. No device is an answer, not a refusal.</summary>
    Task<Outcome<HubDevice>> FindAsync(string deviceId, CancellationToken token);

    /// <summary>Creates a device, or gives an existing one these credentials. Null when it is durable there.</summary>
    Task<Refusal?> AssignAsync(HubAssignment assignment, CancellationToken token);

    /// <summary>Reads the twin of a device, to take it along. No device is an answer.</summary>
    Task<Outcome<HubDevice>> ReadTwinAsync(string deviceId, CancellationToken token);

    /// <summary>
    /// Keeps a device from connecting, for a reason that its hub keeps; one that is disabled already keeps its own. Null when that is
    /// durable, or there is no such device.
    /// </summary>
    Task<Refusal?> DisableAsync(string deviceId, string reason, CancellationToken token);

    /// <summary>Lets a device connect again. Null when that is durable, or there is no such device.</summary>
    Task<Refusal?> EnableAsync(string deviceId, CancellationToken token);

    /// <summary>Removes a device with all that the hub has of it. Null when it is gone.</summary>
    Task<Refusal?> RemoveAsync(string deviceId, CancellationToken token);
}

/// <summary>What a hub has of a device.</summary>
/// <param name="Exists">False: nothing.</param>
/// <param name="Authentication">Its credentials, where they were asked for.</param>
/// <param name="Twin">Its twin, where it was asked for.</param>
public sealed record HubDevice(bool Exists, Authentication? Authentication = null, TwinContent? Twin = null)
{
    /// <summary>The device is not there.</summary>
    public static HubDevice None { get; } = new(false);
}

/// <summary>A device that is to be in a hub.</summary>
/// <param name="DeviceId">Its name there.</param>
/// <param name="Authentication">Its credentials.</param>
/// <param name="IotEdge">It may act as an IoT Edge gateway.</param>
/// <param name="Twin">Tags and properties for a new device.</param>
/// <param name="ReplaceTwin">The twin replaces that of a device which is there already.</param>
public sealed record HubAssignment(string DeviceId, Authentication Authentication, bool IotEdge, TwinContent Twin, bool ReplaceTwin)
{
    /// <summary>Only the credentials of a device that is there change.</summary>
    public bool KeepsCapabilities { get; init; }

    /// <summary>A device that is disabled for this reason is enabled again; null: none is.</summary>
    public string? ReleasedFrom { get; init; }
}

/// <summary>The parts of a twin that go with a device.</summary>
/// <param name="Tags">Of the service, or null.</param>
/// <param name="Desired">What the service wants, or null.</param>
/// <param name="Reported">What the device said, or null.</param>
public sealed record TwinContent(JsonObject? Tags, JsonObject? Desired, JsonObject? Reported = null)
{
    /// <summary>Nothing.</summary>
    public static TwinContent Empty { get; } = new(null, null);

    /// <summary>Nothing is in it.</summary>
    public bool IsEmpty => Tags is null && Desired is null && Reported is null;

    /// <summary>Reads the JSON of an initial twin, or of a twin as REST shows it.</summary>
    public static Outcome<TwinContent> Read(string json)
    {
        if (!TwinJson.ReadObject(System.Text.Encoding.UTF8.GetBytes(json)).Succeeded(out var twin, out var refusal)
            || !TwinPatch.Read(twin).Succeeded(out var patch, out refusal))
        {
            return refusal;
        }
        if (twin["properties"]?["reported"] is not JsonObject reported)
            return new TwinContent(patch.Tags, patch.Desired);
        foreach (var own in (string[])["$version", "$metadata"])
            reported.Remove(own);
        return new TwinContent(patch.Tags, patch.Desired, reported);
    }

    /// <summary>The same members, to be put somewhere else: a JSON node has one parent.</summary>
    public TwinContent Copy() => new(Copy(Tags), Copy(Desired), Copy(Reported));

    private static JsonObject? Copy(JsonObject? node) => (JsonObject?)node?.DeepClone();
}
