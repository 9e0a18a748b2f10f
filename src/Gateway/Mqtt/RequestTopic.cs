using System.Globalization;
using System.Text;

namespace Homeport.Gateway.Mqtt;

/// <summary>What a client asks for by a publish to <c>$iothub/...</c>.</summary>
internal enum RequestKind
{
    /// <summary>The whole twin.</summary>
    GetTwin,
    /// <summary>A patch of reported properties.</summary>
    PatchReported,
    /// <summary>The answer to a direct method.</summary>
    MethodResponse,
}

/// <summary>A request topic: <c>$iothub/twin/GET/?$rid=7</c>, <c>$iothub/methods/res/200/?$rid=7</c>.</summary>
/// <param name="Kind">What is asked for.</param>
/// <param name="RequestId">The client's id as it stands in the topic; it goes back unchanged.</param>
/// <param name="Status">Status of a method response.</param>
internal readonly record struct RequestTopic(RequestKind Kind, string RequestId, int Status)
{
    private const string IdName = "$rid=";

    /// <summary>Longest request id, in characters.</summary>
    private const int MaxId = 128;

    /// <summary>Reads a topic; false when it is none of these.</summary>
    public static bool TryParse(ReadOnlySpan<byte> topic, out RequestTopic request)
    {
        request = default;
        var question = topic.IndexOf((byte)'?');
        var path = question < 0 ? default : topic[..question];
        var status = 0;
        RequestKind kind;
        if (path.SequenceEqual("$iothub/twin/GET/"u8))
            kind = RequestKind.GetTwin;
        else if (path.SequenceEqual("$iothub/twin/PATCH/properties/reported/"u8))
            kind = RequestKind.PatchReported;
        else if (IsMethodResponse(path, out status))
            kind = RequestKind.MethodResponse;
        else
            return false;
        foreach (var pair in Encoding.UTF8.GetString(topic[(question + 1)..]).Split('&'))
        {
            if (!pair.StartsWith(IdName, StringComparison.Ordinal) || pair.Length > IdName.Length + MaxId)
                continue;
            request = new RequestTopic(kind, pair[IdName.Length..], status);
            return true;
        }
        return false;
    }

    private static bool IsMethodResponse(ReadOnlySpan<byte> path, out int status)
    {
        status = 0;
        var prefix = "$iothub/methods/res/"u8;
        return path.StartsWith(prefix) && path.EndsWith("/"u8)
            && int.TryParse(path[prefix.Length..^1], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out status);
    }
}
