using Homeport.Log;

namespace Homeport.Gateway.Amqp.Events;

/// <summary>The system properties of a record, found in one pass; of a name that comes twice, the last counts.</summary>
internal readonly ref struct KnownProperties
{
    public readonly ReadOnlySpan<byte> MessageId;
    public readonly ReadOnlySpan<byte> UserId;
    public readonly ReadOnlySpan<byte> To;
    public readonly ReadOnlySpan<byte> CorrelationId;
    public readonly ReadOnlySpan<byte> ContentType;
    public readonly ReadOnlySpan<byte> ContentEncoding;
    public readonly ReadOnlySpan<byte> Expiry;
    public readonly ReadOnlySpan<byte> Subject;
    public readonly ReadOnlySpan<byte> InterfaceId;
    public readonly ReadOnlySpan<byte> DiagnosticId;
    public readonly ReadOnlySpan<byte> DiagnosticContext;
    private readonly Found _found;

    public KnownProperties(ReadOnlySpan<byte> block)
    {
        var properties = new RecordProperties.Reader(block);
        while (properties.Read())
        {
            var found = Of(properties.Name);
            if (found == Found.None)
            {
                ApplicationCount++;
                continue;
            }
            if (!properties.HasValue)
                continue;
            _found |= found;
            switch (found)
            {
                case Found.MessageId: MessageId = properties.Value; break;
                case Found.UserId: UserId = properties.Value; break;
                case Found.To: To = properties.Value; break;
                case Found.CorrelationId: CorrelationId = properties.Value; break;
                case Found.ContentType: ContentType = properties.Value; break;
                case Found.ContentEncoding: ContentEncoding = properties.Value; break;
                case Found.Expiry: Expiry = properties.Value; break;
                case Found.Subject: Subject = properties.Value; break;
                case Found.InterfaceId: InterfaceId = properties.Value; break;
                case Found.DiagnosticId: DiagnosticId = properties.Value; break;
                default: DiagnosticContext = properties.Value; break;
            }
        }
    }

    [Flags]
    private enum Found
    {
        None = 0,
        MessageId = 1,
        UserId = 2,
        To = 4,
        CorrelationId = 8,
        ContentType = 16,
        ContentEncoding = 32,
        Expiry = 64,
        Subject = 128,
        InterfaceId = 256,
        DiagnosticId = 512,
        DiagnosticContext = 1024,
        Properties = MessageId | UserId | To | CorrelationId | ContentType | ContentEncoding | Expiry,
    }

    /// <summary>Properties that go among the application's own.</summary>
    public int ApplicationCount { get; }

    /// <summary>True when there is anything for the section of properties.</summary>
    public bool HasProperties => (_found & Found.Properties) != Found.None;

    public bool HasMessageId => Has(Found.MessageId);

    public bool HasUserId => Has(Found.UserId);

    public bool HasTo => Has(Found.To);

    public bool HasCorrelationId => Has(Found.CorrelationId);

    public bool HasContentType => Has(Found.ContentType);

    public bool HasContentEncoding => Has(Found.ContentEncoding);

    public bool HasExpiry => Has(Found.Expiry);

    public bool HasSubject => Has(Found.Subject);

    public bool HasInterfaceId => Has(Found.InterfaceId);

    public bool HasDiagnosticId => Has(Found.DiagnosticId);

    public bool HasDiagnosticContext => Has(Found.DiagnosticContext);

    /// <summary>The name under which a property stands among the application's own; empty when it stands elsewhere.</summary>
    public static ReadOnlySpan<byte> ApplicationName(ReadOnlySpan<byte> name)
    {
        if (!name.StartsWith("$."u8))
            return name;
        if (name.SequenceEqual("$.on"u8))
            return "iothub-outputname"u8;
        if (name.SequenceEqual("$.ctime"u8))
            return "iothub-creation-time-utc"u8;
        if (name.SequenceEqual("$.schema"u8))
            return "iothub-message-schema"u8;
        return Of(name) == Found.None ? name : default;
    }

    private bool Has(Found found) => (_found & found) != Found.None;

    private static Found Of(ReadOnlySpan<byte> name)
    {
        if (!name.StartsWith("$."u8))
            return Found.None;
        var rest = name[2..];
        if (rest.SequenceEqual("mid"u8))
            return Found.MessageId;
        if (rest.SequenceEqual("ct"u8))
            return Found.ContentType;
        if (rest.SequenceEqual("ce"u8))
            return Found.ContentEncoding;
        if (rest.SequenceEqual("cid"u8))
            return Found.CorrelationId;
        if (rest.SequenceEqual("uid"u8))
            return Found.UserId;
        if (rest.SequenceEqual("to"u8))
            return Found.To;
        if (rest.SequenceEqual("exp"u8))
            return Found.Expiry;
        if (rest.SequenceEqual("sub"u8))
            return Found.Subject;
        if (rest.SequenceEqual("ifid"u8))
            return Found.InterfaceId;
        if (rest.SequenceEqual("diagid"u8))
            return Found.DiagnosticId;
        return rest.SequenceEqual("diagctx"u8) ? Found.DiagnosticContext : Found.None;
    }
}
