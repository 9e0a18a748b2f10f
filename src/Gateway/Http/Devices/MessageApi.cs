using Homeport.Hub.CloudToDevice;

namespace Homeport.Gateway.Http.Devices;

/// <summary>What services' calls about messages to devices stand on.</summary>
/// <param name="Hub">Rights, refusals, the registry.</param>
/// <param name="Messages">The devices' queues.</param>
/// <param name="Feedback">What became of the messages.</param>
public sealed record MessageApi(HubApi Hub, CloudToDeviceMessages Messages, ServiceBoundQueue Feedback);
