using System.Text.Json.Nodes;
using Homeport.Contract.Errors;
using Homeport.Hub.Registry;
using Homeport.Hub.Twins;

namespace Homeport.Hub.Configurations;

/// <summary>Brings the content for a module to a device: makes the module when it is not there, and writes its desired properties when they differ.</summary>
public sealed class ModuleContent(IdentityRegistry registry, DeviceTwins twins)
{
    /// <summary>Applies the content. Null when the module has it.</summary>
    public async Task<Refusal?> ApplyAsync(string deviceId, string moduleId, JsonObject desired, CancellationToken token)
    {
        var found = await registry.GetAsync(deviceId, moduleId, token);
        if (found.Refusal is { } missing)
        {
            if (missing.Error != HubErrors.ModuleNotFound)
                return missing;
            var module = new Identity { DeviceId = deviceId, ModuleId = moduleId, GenerationId = "", Authentication = new Authentication(AuthenticationType.Sas) };
            var created = await registry.PutAsync(module, IfMatch.Absent, token);
            // Somebody else may have been faster.
            if (created.Refusal is { } refusal && refusal.Error != HubErrors.ModuleAlreadyExistsOnDevice)
                return refusal;
        }
        if (!(await twins.GetAsync(deviceId, moduleId, token)).Succeeded(out var twin, out var gone))
            return gone;
        return TargetedConfiguration.Missing(desired, twin.Desired.Properties) is { } patch
            ? (await twins.PatchAsync(deviceId, moduleId, patch, IfMatch.Absent, token)).Refusal
            : null;
    }
}
