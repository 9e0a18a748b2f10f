using Homeport.Hub.Live;

namespace Homeport.Tests.Hub;

/// <summary>A connection that only notes why it was closed.</summary>
internal sealed class FakeLink(string key) : IDeviceLink
{
    private int _reason;

    public string Key => key;

    public CloseReason Reason => (CloseReason)Volatile.Read(ref _reason);

    public void Close(CloseReason reason) => Interlocked.CompareExchange(ref _reason, (int)reason, (int)CloseReason.None);
}
