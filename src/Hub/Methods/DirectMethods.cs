using Homeport.Hub.Live;

namespace Homeport.Hub.Methods;

/// <summary>Direct methods: calls that wait for the answer of a connected device.</summary>
public sealed class DirectMethods
{
    /// <summary>Takes a device's answer.</summary>
    public void Answer(IDeviceLink link, string id, int status, ReadOnlySpan<byte> payload) => throw new NotSupportedException();
}
