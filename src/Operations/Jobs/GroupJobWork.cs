using System.Globalization;
using System.Text;
using Homeport.Contract.Errors;
using Homeport.Hub.Limits;
using Homeport.Models.Elements;
using Homeport.Provisioning;
using Homeport.Provisioning.Lifecycle;
using Homeport.Templates.Devices;

namespace Homeport.Operations.Jobs;

/// <summary>Does on one device what a job asks for, no faster than the limits of the hub allow.</summary>
public sealed class GroupJobWork(DeviceLifecycle devices, DeviceModels models, DeviceProperties properties, DeviceCommands commands, Throttles? throttles, TimeProvider time)
{
    private const int FirstFailure = 400;

    /// <summary>What a command was answered, or an empty text; a refusal is the device's result.</summary>
    public async Task<Outcome<string>> RunAsync(string deviceId, GroupJob job, CancellationToken token)
    {
        while (throttles?.TryTake(HubOperation.JobDevice) is { } throttled)
            await Task.Delay(throttled.RetryAfter, time, token);
        var first = job.Data[0];
        if (first.Type == JobDataType.DeviceTemplateMigration)
            return (await devices.MigrateAsync(deviceId, first.Target, job.CreatedBy ?? job.Id, token)).Refusal is { } notMigrated ? notMigrated : "";
        if (!(await devices.GetAsync(deviceId, token)).Succeeded(out var facts, out var refusal))
            return refusal;
        if (facts.Template != first.Target || await models.FindAsync(deviceId, token) is not { } model)
            return JobTarget.Missing($"The device follows {(facts.Template is { } other ? $"'{Shown.Text(other)}'" : "no template")}", "Migrate it, or narrow the group to the template of the job.");
        if (first.Type != JobDataType.Command)
            return (await properties.WriteAsync(deviceId, null, JobTarget.Values(job.Data, model), replace: false, token)).Refusal is { } notWritten ? notWritten : "";
        var (component, name) = JobTarget.Split(first.Path!, c => model.Root.Contents.Any(x => x is Component && x.Name == c));
        if (!(await commands.RunAsync(new CommandCall(deviceId, component, name, first.Value is null ? default : Encoding.UTF8.GetBytes(first.Value)), token)).Succeeded(out var run, out refusal))
            return refusal;
        return run.ResponseCode >= FirstFailure
            ? new Refusal(FleetErrors.CommandFailed, string.Create(CultureInfo.InvariantCulture, $"It answered {run.ResponseCode} {Shown.Text(run.Response, 500)}"), "Look at the device.")
            : run.Response ?? "";
    }
}
