using Homeport.Hub.Live;
using Homeport.Hub.Registry;
using Homeport.Hub.Twins;

namespace Homeport.Tests.Compliance;

/// <summary>Stores of one hub that know of each other: twins, sessions and histories come and go with their identities.</summary>
internal sealed record DeviceStores(IIdentityStore Identities, ITwinStore Twins, ISubscriptionStore Subscriptions, IConnectionStore Connections)
{
    public async Task CreateAsync(string deviceId, string? moduleId = null)
        => (await Identities.InsertAsync(Identity(deviceId, moduleId), null, default)).ShouldBeTrue();

    public async Task DeleteAsync(string deviceId, string? moduleId = null) => (await Identities.DeleteAsync(deviceId, moduleId, null, null, default)).ShouldBeTrue();

    public static Identity Identity(string deviceId, string? moduleId = null) => new()
    {
        DeviceId = deviceId,
        ModuleId = moduleId,
        GenerationId = "1",
        Authentication = new Authentication(AuthenticationType.Sas, [1, 2, 3], [4, 5, 6]),
    };
}
