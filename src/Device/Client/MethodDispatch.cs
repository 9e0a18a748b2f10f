using System.Collections.Concurrent;
using System.Text.Json;
using Homeport.Device.Client.Errors;
using Homeport.Device.Hub;
using Microsoft.Extensions.Logging;

namespace Homeport.Device.Client;

/// <summary>Finds the handler of a direct method and answers, also when there is none or it fails.</summary>
internal sealed partial class MethodDispatch(Func<string, int, byte[], Task> respond, ILogger logger)
{
    private const int BadRequest = 400;
    private const int HandlerFailed = 500;
    private const int NotImplemented = 501;

    private readonly ILogger _logger = logger;
    private readonly ConcurrentDictionary<string, (MethodCallback Callback, object? Context)> _handlers = new(StringComparer.OrdinalIgnoreCase);
    private (MethodCallback Callback, object? Context)? _default;

    public bool IsWanted => _default is not null || !_handlers.IsEmpty;

    /// <summary>Sets or removes the handler of a method, or of all that have none.</summary>
    public void Set(string? name, MethodCallback? callback, object? context)
    {
        if (name is null)
            _default = callback is null ? null : (callback, context);
        else if (callback is null)
            _handlers.TryRemove(name, out _);
        else
            _handlers[name] = (callback, context);
    }

    /// <summary>Calls the handler apart from the connection, which goes on reading.</summary>
    public void Call(MethodCall call) => _ = Task.Run(() => CallAsync(call));

    private async Task CallAsync(MethodCall call)
    {
        var (result, status) = await AnswerAsync(call);
        try
        {
            await respond(call.RequestId, status, result);
        }
        catch (Exception e) when (e is IotHubException or ObjectDisposedException or OperationCanceledException)
        {
            LogNotAnswered(call.Name, e.Message);
        }
    }

    private async Task<(byte[] Result, int Status)> AnswerAsync(MethodCall call)
    {
        var handler = _handlers.TryGetValue(call.Name, out var own) ? own : _default;
        if (handler is not { } found)
            return (Say($"The device has no handler for the method '{call.Name}'."), NotImplemented);
        try
        {
            var response = await found.Callback(new MethodRequest(call.Name, call.Payload), found.Context);
            if (!IsJson(response.Result))
                return (Say("The handler's result is no JSON."), HandlerFailed);
            return (response.Result, response.Status);
        }
        catch (JsonException e)
        {
            return (Say($"The payload is not what the method takes: {e.Message}"), BadRequest);
        }
        catch (Exception e)
        {
            LogHandler(call.Name, e);
            return (Say("The handler failed; the device's log says how."), HandlerFailed);
        }
    }

    private static bool IsJson(byte[] result)
    {
        if (result.Length == 0)
            return true;
        try
        {
            var reader = new Utf8JsonReader(result);
            while (reader.Read())
            {
                // Only to the end.
            }

            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private static byte[] Say(string text)
    {
        using var body = new MemoryStream();
        using (var writer = new Utf8JsonWriter(body))
        {
            writer.WriteStartObject();
            writer.WriteString("message", text);
            writer.WriteEndObject();
        }

        return body.ToArray();
    }

    [LoggerMessage(70, LogLevel.Error, "The handler of the method {Method} failed")]
    private partial void LogHandler(string method, Exception e);

    [LoggerMessage(71, LogLevel.Warning, "The call of the method {Method} was not answered: {Reason}")]
    private partial void LogNotAnswered(string method, string reason);
}
