using Homeport.Hub.Methods;
using Homeport.Hub.Twins;

namespace Homeport.Hub.Live;

/// <summary>
/// A connected device or module, as the hub sees it: the one way up from the domain to a door. All members post and return at once;
/// they may be called by any thread, and after the end.
/// </summary>
public interface IDeviceLink
{
    /// <summary>The identity's key.</summary>
    string Key { get; }

    /// <summary>SHA-256 (hex) of the CA certificate by which it came in; null when it came by something else.</summary>
    string? Authority { get; }

    /// <summary>When the client last sent something.</summary>
    DateTimeOffset LastActivity { get; }

    /// <summary>True while the client takes direct methods.</summary>
    bool TakesMethods { get; }

    /// <summary>Ends the connection soon. The first reason counts.</summary>
    void Close(CloseReason reason);

    /// <summary>Hands a direct method to the client. Its answer goes to <see cref="DirectMethods.Answer"/>.</summary>
    void Invoke(MethodRequest request);

    /// <summary>Tells the client that its desired properties changed, if it wants to know. Called in the order of the changes.</summary>
    void DesiredChanged(DesiredChange change);

    /// <summary>Says that there are messages in the identity's queue.</summary>
    void MessagesWaiting();
}
