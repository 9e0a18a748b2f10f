namespace Homeport.Hub.CloudToDevice;

/// <summary>Which feedback a sender wants; the property <c>iothub-ack</c>.</summary>
public enum AckMode
{
    /// <summary>None.</summary>
    None = 0,
    /// <summary>When the device completed the message.</summary>
    Positive = 1,
    /// <summary>When it did not.</summary>
    Negative = 2,
    /// <summary>In both cases.</summary>
    Full = 3,
}

/// <summary>How a message left its queue. The names are the feedback's status codes.</summary>
public enum MessageOutcome
{
    /// <summary>The device completed it.</summary>
    Success,
    /// <summary>Nobody took it in time.</summary>
    Expired,
    /// <summary>It came back too often.</summary>
    DeliveryCountExceeded,
    /// <summary>The device rejected it.</summary>
    Rejected,
    /// <summary>An operator emptied the queue.</summary>
    Purged,
}

/// <summary>Joins the two.</summary>
public static class AckModes
{
    /// <summary>Name of the property on every protocol.</summary>
    public const string Property = "iothub-ack";

    /// <summary>True when the sender wants to hear of the outcome.</summary>
    public static bool Wants(this AckMode mode, MessageOutcome outcome)
        => mode == AckMode.Full || mode == (outcome == MessageOutcome.Success ? AckMode.Positive : AckMode.Negative);

    /// <summary>Reads the property's value; absent is none. Null when it is no mode.</summary>
    public static AckMode? Parse(string? text) => text?.ToUpperInvariant() switch
    {
        null or "" or "NONE" => AckMode.None,
        "POSITIVE" => AckMode.Positive,
        "NEGATIVE" => AckMode.Negative,
        "FULL" => AckMode.Full,
        _ => null,
    };

    /// <summary>The property's value.</summary>
    public static string Text(this AckMode mode) => mode switch
    {
        AckMode.Positive => "positive",
        AckMode.Negative => "negative",
        AckMode.Full => "full",
        _ => "none",
    };
}
