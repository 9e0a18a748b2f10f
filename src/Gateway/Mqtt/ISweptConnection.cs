using Homeport.Hub.Live;

namespace Homeport.Gateway.Mqtt;

/// <summary>A connection whose time the <see cref="ConnectionSweeper"/> watches.</summary>
internal interface ISweptConnection
{
    /// <summary>Ends it when its time is over. Called once a second.</summary>
    void CheckDeadlines();

    /// <summary>Ends it.</summary>
    void Close(CloseReason reason);
}
