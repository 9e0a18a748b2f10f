using Homeport.Contract.Rest;
using Homeport.Hub.Registry;

namespace Homeport.Gateway.Http;

/// <summary>Shows the registry's identities in their REST form.</summary>
internal static class DeviceMapping
{
    public static DeviceDescription ToDescription(Identity identity, LiveState state) => new()
    {
        DeviceId = identity.DeviceId,
        GenerationId = identity.GenerationId,
        Etag = identity.ETag,
        ConnectionState = State(state.Connected),
        Status = identity.Enabled ? "enabled" : "disabled",
        StatusReason = identity.StatusReason,
        ConnectionStateUpdatedTime = identity.ConnectionTime,
        StatusUpdatedTime = identity.StatusTime,
        LastActivityTime = state.LastActivity,
        CloudToDeviceMessageCount = state.MessageCount,
        Authentication = IdentityForm.ToDescription(identity.Authentication),
        Capabilities = new CapabilitiesDescription(identity.IotEdge),
        DeviceScope = identity.DeviceScope,
        ParentScopes = identity.ParentScope is null ? [] : [identity.ParentScope],
    };

    public static ModuleDescription ToModule(Identity identity, LiveState state) => new()
    {
        ModuleId = identity.ModuleId,
        ManagedBy = identity.ManagedBy,
        DeviceId = identity.DeviceId,
        GenerationId = identity.GenerationId,
        Etag = identity.ETag,
        ConnectionState = State(state.Connected),
        ConnectionStateUpdatedTime = identity.ConnectionTime,
        LastActivityTime = state.LastActivity,
        CloudToDeviceMessageCount = state.MessageCount,
        Authentication = IdentityForm.ToDescription(identity.Authentication),
    };

    private static string State(bool connected) => connected ? "Connected" : "Disconnected";
}
