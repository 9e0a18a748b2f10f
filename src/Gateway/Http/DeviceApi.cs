using Homeport.Hub.Methods;
using Homeport.Hub.Twins;

namespace Homeport.Gateway.Http;

/// <summary>What services do with devices over REST: twins and direct methods.</summary>
/// <param name="Hub">Rights, explanations, clock.</param>
/// <param name="Twins">Twins.</param>
/// <param name="Methods">Direct methods.</param>
public sealed record DeviceApi(HubApi Hub, DeviceTwins Twins, DirectMethods Methods);
