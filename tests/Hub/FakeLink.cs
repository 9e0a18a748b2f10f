using Homeport.Hub.Live;
using Homeport.Hub.Methods;
using Homeport.Hub.Twins;

namespace Homeport.Tests.Hub;

/// <summary>A connection that only notes what it was told.</summary>
internal sealed class FakeLink(string key) : IDeviceLink
{
    private int _reason;
    private int _waiting;

    public string Key => key;

    public string? Authority { get; set; }

    public DateTimeOffset LastActivity { get; set; }

    public bool TakesMethods { get; set; }

    public CloseReason Reason => (CloseReason)Volatile.Read(ref _reason);

    public List<MethodRequest> Requests { get; } = [];

    public List<DesiredChange> Changes { get; } = [];

    /// <summary>How often it was told that messages wait.</summary>
    public int Waiting => Volatile.Read(ref _waiting);

    public void Close(CloseReason reason) => Interlocked.CompareExchange(ref _reason, (int)reason, (int)CloseReason.None);

    public void Invoke(MethodRequest request)
    {
        lock (Requests)
            Requests.Add(request);
    }

    public void DesiredChanged(DesiredChange change)
    {
        lock (Changes)
            Changes.Add(change);
    }

    public void MessagesWaiting() => Interlocked.Increment(ref _waiting);
}
