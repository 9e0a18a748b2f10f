using System.Text.Json;
using Homeport.Contract.Errors;
using Homeport.Hub.CloudToDevice;
using Homeport.Hub.Methods;
using Homeport.Models;
using Homeport.Models.Elements;

namespace Homeport.Templates.Devices;

/// <summary>A command as an operator gives it.</summary>
/// <param name="DeviceId">The device.</param>
/// <param name="Component">A component, or null for the device itself.</param>
/// <param name="Name">Name of the command.</param>
/// <param name="Request">JSON in UTF-8; empty for none.</param>
public sealed record CommandCall(string DeviceId, string? Component, string Name, ReadOnlyMemory<byte> Request)
{
    /// <summary>How long to wait for a device that is not connected; 0 to 30 seconds.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.Zero;

    /// <summary>How long the device may take; 5 to 30 seconds.</summary>
    public TimeSpan ResponseTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>The direct method that it is.</summary>
    public string Method => Component is null ? Name : $"{Component}*{Name}";
}

/// <summary>A command that was run.</summary>
/// <param name="DeviceId">The device.</param>
/// <param name="Command">The command, its component in front with <c>*</c>.</param>
/// <param name="Id">Its id.</param>
/// <param name="Request">JSON, or null.</param>
/// <param name="Response">JSON, or null.</param>
/// <param name="ResponseCode">The device's status; 202 for one that waits in the device's queue.</param>
/// <param name="Time">When it was over.</param>
public sealed record CommandRecord(string DeviceId, string Command, string Id, string? Request, string? Response, int ResponseCode, DateTimeOffset Time)
{
    /// <summary>The module that ran it; null for the device itself.</summary>
    public string? ModuleId { get; init; }
}

/// <summary>Keeps the last commands of devices.</summary>
public interface ICommandStore
{
    /// <summary>Adds one; the oldest of the same device or module and command go.</summary>
    Task AddAsync(CommandRecord record, int keep, CancellationToken token);

    /// <summary>Those of a device, or of one of its modules, and a command, the newest first; of all commands when none is named.</summary>
    Task<IReadOnlyList<CommandRecord>> ListAsync(string deviceId, string? moduleId, string? command, int max, CancellationToken token);
}

/// <summary>Commands of a template: direct methods, or for durable ones messages that wait for the device.</summary>
public sealed class DeviceCommands(DeviceModels models, DirectMethods methods, CloudToDeviceMessages messages, ICommandStore store, TimeProvider time)
{
    /// <summary>Runs of the same command that are kept.</summary>
    public const int Kept = 20;

    private const int Queued = 202;
    private static readonly TimeSpan MaxWait = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan MinResponse = TimeSpan.FromSeconds(5);

    /// <summary>Runs a command and keeps what came of it.</summary>
    public async Task<Outcome<CommandRecord>> RunAsync(CommandCall call, CancellationToken token)
    {
        if (call.ConnectTimeout < TimeSpan.Zero || call.ConnectTimeout > MaxWait || call.ResponseTimeout < MinResponse || call.ResponseTimeout > MaxWait)
            return new Refusal(PeopleErrors.InvalidBody, "A time-out is out of bounds", "Use connectionTimeout 0 to 30 and responseTimeout 5 to 30 seconds.");
        Command? command = null;
        if (await models.FindAsync(call.DeviceId, token) is { } model)
        {
            command = model.Find<Command>(call.Component, call.Name);
            if (command is null)
                return DeviceModels.Unknown(model, call.Component, "command", call.Name);
            if (Mismatch(command, call.Request) is { } wrong)
                return wrong;
        }
        return command?.Durable == true ? await QueueAsync(call, token) : await InvokeAsync(call, token);
    }

    /// <summary>Runs of a command, the newest first.</summary>
    public async Task<Outcome<IReadOnlyList<CommandRecord>>> ListAsync(string deviceId, string? component, string name, CancellationToken token)
    {
        if (await models.FindAsync(deviceId, token) is { } model && model.Find<Command>(component, name) is null)
            return DeviceModels.Unknown(model, component, "command", name);
        return new Outcome<IReadOnlyList<CommandRecord>>(await store.ListAsync(deviceId, null, component is null ? name : $"{component}*{name}", Kept, token));
    }

    /// <summary>Runs of all commands of a device, the newest first.</summary>
    public Task<IReadOnlyList<CommandRecord>> ListAsync(string deviceId, CancellationToken token) => store.ListAsync(deviceId, null, null, Kept, token);

    private static Refusal? Mismatch(Command command, ReadOnlyMemory<byte> request)
    {
        if (command.Request is not { } wanted)
            return request.IsEmpty || request.Span.SequenceEqual("null"u8) ? null : new Refusal(TemplateErrors.ValueNotAllowed, $"'{command.Name}' takes no request", "Leave request out.");
        if (request.IsEmpty)
            return null;
        using var document = JsonDocument.Parse(request);
        return SchemaCheck.Mismatch(wanted.Schema, document.RootElement) is { } wrong
            ? new Refusal(TemplateErrors.ValueNotAllowed, $"The request of '{command.Name}': {wrong}", "Send a value of the form that the template says.")
            : null;
    }

    private async Task<Outcome<CommandRecord>> InvokeAsync(CommandCall call, CancellationToken token)
    {
        var payload = call.Request.IsEmpty ? "null"u8.ToArray() : call.Request;
        if (!(await methods.InvokeAsync(call.DeviceId, null, new MethodCall(call.Method, payload, call.ResponseTimeout, call.ConnectTimeout), token)).Succeeded(out var result, out var refusal))
            return refusal;
        return await KeepAsync(call, result.Payload.IsEmpty ? null : System.Text.Encoding.UTF8.GetString(result.Payload.Span), result.Status);
    }

    /// <summary>Source: "Offline commands" of IoT Central: the name in a property, the request as the body, <c>@</c> when there is none.</summary>
    private async Task<Outcome<CommandRecord>> QueueAsync(CommandCall call, CancellationToken token)
    {
        var message = new CloudToDeviceMessage([new("method-name", call.Method)], call.Request.IsEmpty ? "@"u8.ToArray() : call.Request);
        return (await messages.SendAsync(call.DeviceId, null, message, token)).Succeeded(out _, out var refusal) ? await KeepAsync(call, null, Queued) : refusal;
    }

    private async Task<Outcome<CommandRecord>> KeepAsync(CommandCall call, string? response, int code)
    {
        var record = new CommandRecord(call.DeviceId, call.Method, Guid.NewGuid().ToString("D"), call.Request.IsEmpty ? null : System.Text.Encoding.UTF8.GetString(call.Request.Span), response, code, time.GetUtcNow());
        await store.AddAsync(record, Kept, CancellationToken.None);
        return record;
    }
}
