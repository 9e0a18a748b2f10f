namespace Homeport.Contract.Messages;

/// <summary>
/// System properties of a message by their MQTT names, which start with <c>$.</c> and so never meet an application's own.
/// Records keep them under these names; other protocols map theirs.
/// </summary>
public static class SystemProperty
{
    public const string MessageId = "$.mid";
    public const string CorrelationId = "$.cid";
    public const string UserId = "$.uid";
    public const string To = "$.to";
    public const string AbsoluteExpiryTime = "$.exp";
    public const string ContentType = "$.ct";
    public const string ContentEncoding = "$.ce";
    public const string OutputName = "$.on";
    public const string CreationTime = "$.ctime";
    public const string MessageSchema = "$.schema";
    public const string InterfaceId = "$.ifid";
    public const string Subject = "$.sub";
    public const string DiagnosticId = "$.diagid";
    public const string DiagnosticContext = "$.diagctx";

    /// <summary>The sender's model, as consumers of messages see it; no protocol has it in a message.</summary>
    public const string DataSchema = "dt-dataschema";

    /// <summary>The name that consumers of messages know (AMQP and the Event Hubs endpoint), or null for an application property.</summary>
    public static string? LongName(string name) => name switch
    {
        MessageId => "message-id",
        CorrelationId => "correlation-id",
        UserId => "user-id",
        To => "to",
        AbsoluteExpiryTime => "absolute-expiry-time",
        ContentType => "content-type",
        ContentEncoding => "content-encoding",
        OutputName => "iothub-outputname",
        CreationTime => "iothub-creation-time-utc",
        MessageSchema => "iothub-message-schema",
        InterfaceId => "iothub-interface-id",
        Subject => "dt-subject",
        DiagnosticId => "Diagnostic-Id",
        DiagnosticContext => "Correlation-Context",
        _ => null,
    };
}
