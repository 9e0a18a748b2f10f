using Homeport.Hub.Events;
using Homeport.Hub.Twins;

namespace Homeport.Hub.Registry;

/// <summary>What is stored together with a new identity.</summary>
/// <param name="Twin">Its twin; an empty one when it is left out.</param>
/// <param name="Event">What consumers are told, or null.</param>
public sealed record FirstState(Twin? Twin, HubEvent? Event);
