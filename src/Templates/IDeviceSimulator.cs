using Homeport.Contract.Errors;

namespace Homeport.Templates;

/// <summary>A simulated device of this server.</summary>
/// <param name="DeviceId">Its id.</param>
/// <param name="TemplateId">What it is.</param>
/// <param name="Sent">Messages that the hub took.</param>
/// <param name="Commands">Commands that it answered.</param>
/// <param name="Problem">Why it does not work, or null.</param>
public sealed record SimulatedState(string DeviceId, string TemplateId, long Sent, long Commands, string? Problem);

/// <summary>Devices that the server plays itself, through the real protocol. They end with the server.</summary>
public interface IDeviceSimulator
{
    /// <summary>Those of a template, in the order of their ids.</summary>
    IReadOnlyList<SimulatedState> List(string templateId);

    /// <summary>Registers a device that follows a published template, and lets it work.</summary>
    Task<Outcome<SimulatedState>> StartAsync(string templateId, CancellationToken token);

    /// <summary>Ends a device; it stays registered. False when there is none.</summary>
    Task<bool> StopAsync(string deviceId);
}
