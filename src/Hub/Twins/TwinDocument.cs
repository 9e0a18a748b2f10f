using System.Text.Json;
using Homeport.Contract.Rest;
using Homeport.Hub.Query;
using Homeport.Hub.Registry;

namespace Homeport.Hub.Twins;

/// <summary>A twin with its identity, as services see it. Source: IoT Hub data plane, <c>Twin</c>.</summary>
public static class TwinDocument
{
    /// <summary>Puts a twin and its identity together.</summary>
    /// <param name="twin">The twin.</param>
    /// <param name="identity">Its identity.</param>
    /// <param name="connected">The identity is connected now.</param>
    /// <param name="messageCount">Cloud-to-device messages in its queue.</param>
    public static TwinRow Of(Twin twin, Identity identity, bool connected, int messageCount) => new()
    {
        DeviceId = twin.DeviceId,
        ModuleId = twin.ModuleId,
        ETag = twin.ETag,
        DeviceETag = identity.ETag,
        Version = twin.Version,
        Status = identity.Enabled ? "enabled" : "disabled",
        StatusReason = identity.StatusReason,
        StatusUpdateTime = identity.StatusTime,
        ConnectionState = connected ? "Connected" : "Disconnected",
        ConnectionStateUpdatedTime = identity.ConnectionTime,
        LastActivityTime = identity.LastActivity,
        CloudToDeviceMessageCount = messageCount,
        AuthenticationType = TypeOf(identity.Authentication.Type),
        PrimaryThumbprint = identity.Authentication.PrimaryThumbprint,
        SecondaryThumbprint = identity.Authentication.SecondaryThumbprint,
        ModelId = twin.ModelId,
        DeviceScope = identity.DeviceScope,
        ParentScopes = identity.ParentScope is null ? [] : [identity.ParentScope],
        IotEdge = identity.IotEdge,
        Configurations = twin.Configurations,
        Tags = twin.Tags,
        Desired = twin.Desired.Properties,
        DesiredMetadata = twin.Desired.Metadata,
        DesiredVersion = twin.Desired.Version,
        Reported = twin.Reported.Properties,
        ReportedMetadata = twin.Reported.Metadata,
        ReportedVersion = twin.Reported.Version,
    };

    /// <summary>The JSON of a row with all its parts, in UTF-8.</summary>
    public static byte[] ToBytes(TwinRow row)
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream, TwinJson.Compact))
            Write(writer, row);
        return stream.ToArray();
    }

    /// <summary>Writes the JSON object of a row with all its parts.</summary>
    public static void Write(Utf8JsonWriter writer, TwinRow row)
    {
        writer.WriteStartObject();
        WriteState(writer, row);
        writer.WritePropertyName("tags");
        writer.WriteRawValue(row.Tags.Span, skipInputValidation: true);
        writer.WriteStartObject("properties");
        writer.WritePropertyName("desired");
        writer.WriteRawValue(new TwinSection(row.Desired, row.DesiredMetadata, row.DesiredVersion!.Value).ForService(), skipInputValidation: true);
        writer.WritePropertyName("reported");
        writer.WriteRawValue(new TwinSection(row.Reported, row.ReportedMetadata, row.ReportedVersion!.Value).ForService(), skipInputValidation: true);
        writer.WriteEndObject();
        writer.WriteEndObject();
    }

    /// <summary>The service's word for an authentication type.</summary>
    public static string TypeOf(AuthenticationType type) => type switch
    {
        AuthenticationType.Sas => "sas",
        AuthenticationType.SelfSigned => "selfSigned",
        AuthenticationType.CertificateAuthority => "certificateAuthority",
        _ => "none",
    };

    private static void WriteState(Utf8JsonWriter writer, TwinRow row)
    {
        writer.WriteString("deviceId", row.DeviceId);
        if (row.ModuleId is not null)
            writer.WriteString("moduleId", row.ModuleId);
        writer.WriteString("etag", row.ETag);
        writer.WriteString("deviceEtag", row.DeviceETag);
        writer.WriteNumber("version", row.Version);
        writer.WriteString("status", row.Status);
        if (row.StatusReason is not null)
            writer.WriteString("statusReason", row.StatusReason);
        writer.WriteString("statusUpdateTime", new ServiceTime(row.StatusUpdateTime).ToString());
        writer.WriteString("connectionState", row.ConnectionState);
        writer.WriteString("connectionStateUpdatedTime", new ServiceTime(row.ConnectionStateUpdatedTime).ToString());
        writer.WriteString("lastActivityTime", new ServiceTime(row.LastActivityTime).ToString());
        writer.WriteNumber("cloudToDeviceMessageCount", row.CloudToDeviceMessageCount);
        writer.WriteString("authenticationType", row.AuthenticationType);
        writer.WriteStartObject("x509Thumbprint");
        writer.WriteString("primaryThumbprint", row.PrimaryThumbprint);
        writer.WriteString("secondaryThumbprint", row.SecondaryThumbprint);
        writer.WriteEndObject();
        writer.WriteString("modelId", row.ModelId);
        if (row.DeviceScope is not null)
            writer.WriteString("deviceScope", row.DeviceScope);
        writer.WriteStartArray("parentScopes");
        foreach (var scope in row.ParentScopes ?? [])
            writer.WriteStringValue(scope);
        writer.WriteEndArray();
        writer.WriteStartObject("capabilities");
        writer.WriteBoolean("iotEdge", row.IotEdge);
        writer.WriteEndObject();
        if (!row.Configurations.IsEmpty)
        {
            writer.WritePropertyName("configurations");
            writer.WriteRawValue(row.Configurations.Span, skipInputValidation: true);
        }
    }
}
