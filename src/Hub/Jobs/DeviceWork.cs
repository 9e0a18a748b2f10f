using Homeport.Hub.Limits;
using Homeport.Hub.Methods;
using Homeport.Hub.Twins;

namespace Homeport.Hub.Jobs;

/// <summary>Does on one device what a job asks for, no faster than the limits of the hub allow.</summary>
public sealed class DeviceWork(DeviceTwins twins, DirectMethods methods, TimeProvider time, Throttles? throttles = null)
{
    /// <summary>Writes the twin or calls the method; a refusal is the device's result.</summary>
    public async Task<DeviceJobResult> RunAsync(string deviceId, JobAction action, CancellationToken token)
    {
        while (throttles?.TryTake(HubOperation.JobDevice) is { } throttled)
            await Task.Delay(throttled.RetryAfter, time, token);
        if (action is MethodAction { Call: var call })
        {
            var called = await methods.InvokeAsync(deviceId, null, call, token);
            return called.Succeeded(out var answer, out var failed) ? new DeviceJobResult(answer) : DeviceJobResult.Of(failed);
        }
        var twin = (TwinAction)action;
        var written = await twins.PatchAsync(deviceId, null, twin.Patch, twin.Condition, token);
        return written.Refusal is { } refusal ? DeviceJobResult.Of(refusal) : new DeviceJobResult();
    }
}
