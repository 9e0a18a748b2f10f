using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Homeport.Contract.Rest;

namespace Homeport.Hub.Query;

/// <summary>
/// A twin as a row. Its sections are JSON in UTF-8 and are only read where a query asks. A section that the query does not
/// ask for may stay empty.
/// </summary>
public sealed class TwinRow : IQueryRow
{
    private static readonly ReadOnlyMemory<byte> EmptyObject = "{}"u8.ToArray();
    private static readonly QueryPath CloudTag = new([new PathStep("cloud")]);
    private static readonly QueryPath AcknowledgedCode = new([new PathStep("ac")]);
    private static readonly QueryPath AcknowledgedValue = new([new PathStep("value")]);

    public required string DeviceId { get; init; }

    public string? ModuleId { get; init; }

    /// <summary>Of the twin.</summary>
    public string? ETag { get; init; }

    /// <summary>Of the identity.</summary>
    public string? DeviceETag { get; init; }

    public long Version { get; init; }

    /// <summary><c>enabled</c> or <c>disabled</c>.</summary>
    public string? Status { get; init; }

    public string? StatusReason { get; init; }

    /// <summary>Null for never, which reads as year 1.</summary>
    public DateTimeOffset? StatusUpdateTime { get; init; }

    /// <summary><c>Connected</c> or <c>Disconnected</c>.</summary>
    public string? ConnectionState { get; init; }

    /// <summary>Null for never, which reads as year 1.</summary>
    public DateTimeOffset? ConnectionStateUpdatedTime { get; init; }

    /// <summary>Null for never, which reads as year 1.</summary>
    public DateTimeOffset? LastActivityTime { get; init; }

    public int CloudToDeviceMessageCount { get; init; }

    /// <summary><c>sas</c>, <c>selfSigned</c>, <c>certificateAuthority</c> or <c>none</c>.</summary>
    public string? AuthenticationType { get; init; }

    public string? PrimaryThumbprint { get; init; }

    public string? SecondaryThumbprint { get; init; }

    /// <summary>Empty for a device without a model.</summary>
    public string? ModelId { get; init; } = "";

    public string? DeviceScope { get; init; }

    public IReadOnlyList<string>? ParentScopes { get; init; }

    /// <summary>The capability <c>iotEdge</c>.</summary>
    public bool IotEdge { get; init; }

    /// <summary>JSON object: what each configuration did here.</summary>
    public ReadOnlyMemory<byte> Configurations { get; init; }

    /// <summary>JSON object.</summary>
    public ReadOnlyMemory<byte> Tags { get; init; }

    /// <summary>JSON object, with or without <c>$metadata</c> and <c>$version</c>.</summary>
    public ReadOnlyMemory<byte> Desired { get; init; }

    /// <summary>JSON object, or empty when <see cref="Desired"/> has it.</summary>
    public ReadOnlyMemory<byte> DesiredMetadata { get; init; }

    /// <summary>Null when <see cref="Desired"/> has it.</summary>
    public long? DesiredVersion { get; init; }

    /// <summary>JSON object, with or without <c>$metadata</c> and <c>$version</c>.</summary>
    public ReadOnlyMemory<byte> Reported { get; init; }

    /// <summary>JSON object, or empty when <see cref="Reported"/> has it.</summary>
    public ReadOnlyMemory<byte> ReportedMetadata { get; init; }

    /// <summary>Null when <see cref="Reported"/> has it.</summary>
    public long? ReportedVersion { get; init; }

    public QueryKey Key => new(DeviceId, ModuleId);

    public int Size => 512 + Configurations.Length + Tags.Length + Desired.Length + DesiredMetadata.Length + Reported.Length + ReportedMetadata.Length;

    public QueryValue Get(QueryPath path)
    {
        ArgumentNullException.ThrowIfNull(path);
        return path.Section switch
        {
            QuerySection.Tags => JsonCursor.Find(path.Steps.Count == 1 && Tags.IsEmpty ? EmptyObject : Tags, path, path.Start),
            QuerySection.Desired => Section(path, Desired, DesiredMetadata, DesiredVersion),
            QuerySection.Reported => Section(path, Reported, ReportedMetadata, ReportedVersion),
            QuerySection.Properties => QueryValue.FromJson(Properties()),
            _ => path.Steps.Count == 1 ? Field(path.Field) : Inside(path),
        };
    }

    /// <summary>
    /// A property by its name alone, as device templates have them: a cloud property (a tag below <c>cloud</c>), else what the device
    /// reports, without its acknowledgement, else what is wanted of it.
    /// </summary>
    public QueryValue Property(QueryPath path)
    {
        ArgumentNullException.ThrowIfNull(path);
        if (JsonCursor.Find(Tags, CloudTag, 0) is { Kind: QueryValueKind.Object } cloud && JsonCursor.Find(cloud.Json, path, 0) is { IsDefined: true } property)
            return property;
        var reported = JsonCursor.Find(Reported, path, 0);
        if (reported.Kind == QueryValueKind.Object && JsonCursor.Find(reported.Json, AcknowledgedCode, 0).IsDefined && JsonCursor.Find(reported.Json, AcknowledgedValue, 0) is { IsDefined: true } value)
            return value;
        return reported.IsDefined ? reported : JsonCursor.Find(Desired, path, 0);
    }

    private QueryValue Field(QueryField field) => field switch
    {
        QueryField.DeviceId => QueryValue.From(DeviceId),
        QueryField.ModuleId => QueryValue.From(ModuleId),
        QueryField.ETag => QueryValue.From(ETag),
        QueryField.DeviceETag => QueryValue.From(DeviceETag),
        QueryField.Version => QueryValue.From((double)Version),
        QueryField.Status => QueryValue.From(Status),
        QueryField.StatusReason => QueryValue.From(StatusReason),
        QueryField.StatusUpdateTime => Time(StatusUpdateTime),
        QueryField.ConnectionState => QueryValue.From(ConnectionState),
        QueryField.ConnectionStateUpdatedTime => Time(ConnectionStateUpdatedTime),
        QueryField.LastActivityTime => Time(LastActivityTime),
        QueryField.CloudToDeviceMessageCount => QueryValue.From((double)CloudToDeviceMessageCount),
        QueryField.AuthenticationType => QueryValue.From(AuthenticationType),
        QueryField.ModelId => QueryValue.From(ModelId),
        QueryField.DeviceScope => QueryValue.From(DeviceScope),
        QueryField.ParentScopes or QueryField.Capabilities or QueryField.X509Thumbprint or QueryField.Configurations => QueryValue.FromJson(Json(field)),
        _ => default,
    };

    private QueryValue Inside(QueryPath path) => path.Field switch
    {
        QueryField.Capabilities when path is { Steps: [_, { Name: "iotEdge" }] } => QueryValue.From(IotEdge),
        QueryField.ParentScopes or QueryField.Capabilities or QueryField.X509Thumbprint or QueryField.Configurations
            => JsonCursor.Find(Json(path.Field), path, path.Start),
        _ => default,
    };

    private static QueryValue Time(DateTimeOffset? time) => QueryValue.From(new ServiceTime(time).ToString());

    private ReadOnlyMemory<byte> Json(QueryField field)
    {
        if (field == QueryField.Configurations)
            return Configurations;
        if (field == QueryField.ParentScopes && ParentScopes is null)
            return default;
        return Written(writer =>
        {
            switch (field)
            {
                case QueryField.Capabilities:
                    writer.WriteStartObject();
                    writer.WriteBoolean("iotEdge", IotEdge);
                    writer.WriteEndObject();
                    break;
                case QueryField.ParentScopes:
                    writer.WriteStartArray();
                    foreach (var scope in ParentScopes!)
                        writer.WriteStringValue(scope);
                    writer.WriteEndArray();
                    break;
                default:
                    writer.WriteStartObject();
                    writer.WriteString("primaryThumbprint", PrimaryThumbprint);
                    writer.WriteString("secondaryThumbprint", SecondaryThumbprint);
                    writer.WriteEndObject();
                    break;
            }
        });
    }

    private static QueryValue Section(QueryPath path, ReadOnlyMemory<byte> section, ReadOnlyMemory<byte> metadata, long? version)
    {
        if (path.Steps.Count == path.Start)
            return QueryValue.FromJson(Whole(section, metadata, version));
        var name = path.Steps[path.Start].Name;
        if (name == "$version" && version is { } number)
            return path.Steps.Count == path.Start + 1 ? QueryValue.From((double)number) : default;
        return name == "$metadata" && !metadata.IsEmpty ? JsonCursor.Find(metadata, path, path.Start + 1) : JsonCursor.Find(section, path, path.Start);
    }

    private ReadOnlyMemory<byte> Properties() => Written(writer =>
    {
        writer.WriteStartObject();
        writer.WritePropertyName("desired");
        writer.WriteRawValue(Whole(Desired, DesiredMetadata, DesiredVersion).Span, skipInputValidation: true);
        writer.WritePropertyName("reported");
        writer.WriteRawValue(Whole(Reported, ReportedMetadata, ReportedVersion).Span, skipInputValidation: true);
        writer.WriteEndObject();
    });

    /// <summary>The section with its metadata and version, as a twin shows it.</summary>
    private static ReadOnlyMemory<byte> Whole(ReadOnlyMemory<byte> section, ReadOnlyMemory<byte> metadata, long? version)
    {
        if (section.IsEmpty)
            section = EmptyObject;
        if (metadata.IsEmpty && version is null)
            return section;
        // Put together as text, since names with odd escapes must come out as they came in.
        var buffer = new ArrayBufferWriter<byte>(section.Length + metadata.Length + 64);
        var members = section.Span.TrimEnd(" \t\r\n"u8)[..^1].TrimEnd(" \t\r\n"u8);
        buffer.Write(members);
        var first = members[^1] == '{';
        if (!metadata.IsEmpty)
        {
            buffer.Write(first ? "\"$metadata\":"u8 : ",\"$metadata\":"u8);
            buffer.Write(metadata.Span);
            first = false;
        }
        if (version is { } number)
        {
            buffer.Write(first ? "\"$version\":"u8 : ",\"$version\":"u8);
            buffer.Write(Encoding.ASCII.GetBytes(number.ToString(CultureInfo.InvariantCulture)));
        }
        buffer.Write("}"u8);
        return buffer.WrittenMemory;
    }

    private static ReadOnlyMemory<byte> Written(Action<Utf8JsonWriter> write)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer))
            write(writer);
        return buffer.WrittenMemory;
    }
}
