using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Homeport.Device.Client;
using Homeport.Models;
using Homeport.Models.Elements;

namespace Homeport.Simulation;

/// <summary>
/// A device that does what its model says, through the real protocol: it sends telemetry of itself and of its components, reports its
/// properties, takes those that are wanted and acknowledges them, and answers commands.
/// </summary>
/// <param name="model">What it is.</param>
/// <param name="client">Its connection, made with the model's id.</param>
/// <param name="interval">From one round of messages to the next.</param>
/// <param name="time">The clock.</param>
public sealed class SimulatedDevice(Model model, DeviceClient client, TimeSpan interval, TimeProvider time)
{
    private const int Succeeded = 200;
    private const int Unknown = 404;
    private const string ComponentMark = "__t";

    private readonly SampleValues _values = new(Random.Shared, time);
    private readonly Lock _lock = new();
    private long _sent;
    private long _commands;
    private long _changes;

    /// <summary>Messages that the hub has.</summary>
    public long Sent => Interlocked.Read(ref _sent);

    /// <summary>Commands that it answered.</summary>
    public long Commands => Interlocked.Read(ref _commands);

    /// <summary>Changes of wanted properties that it took.</summary>
    public long Changes => Interlocked.Read(ref _changes);

    /// <summary>Works until it is stopped.</summary>
    /// <exception cref="Device.Client.Errors.IotHubException">The hub refuses the device.</exception>
    public async Task RunAsync(CancellationToken token)
    {
        await client.OpenAsync(token);
        await client.SetMethodDefaultHandlerAsync(RunCommandAsync, null, token);
        await client.SetDesiredPropertyUpdateCallbackAsync((desired, _) => TakeAsync(desired, token), null, token);
        await ReportAsync(token);
        await TakeAsync((await client.GetTwinAsync(token)).Properties.Desired, token);
        using var timer = new PeriodicTimer(interval, time);
        do
        {
            foreach (var (component, contents) in Parts())
                await SendAsync(component, contents, token);
        }
        while (await timer.WaitForNextTickAsync(token));
    }

    private IEnumerable<(string? Component, IReadOnlyList<Content> Contents)> Parts()
        => model.Components.Select(c => ((string?)c.Component.Name, c.Interface.Contents)).Prepend((null, model.Root.Contents));

    private async Task SendAsync(string? component, IReadOnlyList<Content> contents, CancellationToken token)
    {
        var body = new JsonObject();
        foreach (var telemetry in contents.OfType<Telemetry>())
            body[telemetry.Name] = Next(component, telemetry.Name, telemetry.Schema, telemetry.Display);
        if (body.Count == 0)
            return;
        using var message = new Message(Encoding.UTF8.GetBytes(body.ToJsonString())) { ContentType = "application/json", ContentEncoding = "utf-8", ComponentName = component };
        await client.SendEventAsync(message, token);
        Interlocked.Increment(ref _sent);
    }

    private async Task ReportAsync(CancellationToken token)
    {
        var reported = new JsonObject();
        foreach (var (component, contents) in Parts())
        {
            foreach (var property in contents.OfType<Property>().Where(p => p is { Writable: false, IsCloud: false }))
                Target(reported, component)[property.Name] = Next(component, property.Name, property.Schema, property.Display);
        }
        if (reported.Count > 0)
            await client.UpdateReportedPropertiesAsync(new TwinCollection(reported.ToJsonString()), token);
    }

    /// <summary>Acknowledges what is wanted. Source: Azure "IoT Plug and Play conventions", writable properties.</summary>
    private async Task TakeAsync(TwinCollection desired, CancellationToken token)
    {
        var reported = new JsonObject();
        foreach (var (component, contents) in Parts())
        {
            var wanted = component is null ? JsonNode.Parse(desired.ToJson())!.AsObject() : desired[component] as JsonObject;
            foreach (var property in contents.OfType<Property>().Where(p => p is { Writable: true, IsCloud: false }))
            {
                if (wanted?[property.Name] is not { } value)
                    continue;
                using var document = JsonDocument.Parse(value.ToJsonString());
                var wrong = SchemaCheck.Mismatch(property.Schema, document.RootElement);
                var answer = new JsonObject { ["value"] = value.DeepClone(), ["ac"] = wrong is null ? Succeeded : 400, ["av"] = desired.Version };
                if (wrong is not null)
                    answer["ad"] = wrong;
                Target(reported, component)[property.Name] = answer;
            }
        }
        if (reported.Count == 0)
            return;
        await client.UpdateReportedPropertiesAsync(new TwinCollection(reported.ToJsonString()), token);
        Interlocked.Increment(ref _changes);
    }

    private Task<MethodResponse> RunCommandAsync(MethodRequest request, object? context)
    {
        var star = request.Name.IndexOf('*', StringComparison.Ordinal);
        var (component, name) = star < 0 ? (null, request.Name) : (request.Name[..star], request.Name[(star + 1)..]);
        if (model.Find<Command>(component, name) is not { } command)
            return Task.FromResult(new MethodResponse(Encoding.UTF8.GetBytes(new JsonObject { ["message"] = $"The model has no command '{request.Name}'." }.ToJsonString()), Unknown));
        Interlocked.Increment(ref _commands);
        var answer = command.Response is { } response ? Next(component, $"{name}.{response.Name}", response.Schema, null) : null;
        return Task.FromResult(new MethodResponse(Encoding.UTF8.GetBytes(answer?.ToJsonString() ?? "null"), Succeeded));
    }

    private JsonNode Next(string? component, string name, Schema schema, Display? display)
    {
        lock (_lock)
            return _values.Next($"{component}/{name}", schema, display);
    }

    private static JsonObject Target(JsonObject reported, string? component)
    {
        if (component is null)
            return reported;
        if (reported[component] is not JsonObject inside)
            reported[component] = inside = new JsonObject { [ComponentMark] = "c" };
        return inside;
    }
}
