using System.Text.Json;
using Homeport.Contract.Rest;
using Homeport.Hub.Registry;

namespace Homeport.Hub.Twins;

/// <summary>A twin with its identity, as services see it. Source: IoT Hub data plane, <c>Twin</c>.</summary>
/// <param name="Twin">The twin.</param>
/// <param name="Identity">Its identity.</param>
/// <param name="Connected">The identity is connected now.</param>
/// <param name="MessageCount">Cloud-to-device messages in its queue.</param>
public sealed record TwinDocument(Twin Twin, Identity Identity, bool Connected, int MessageCount)
{
    /// <summary>The JSON, in UTF-8.</summary>
    public byte[] ToBytes()
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream, TwinJson.Compact))
            Write(writer);
        return stream.ToArray();
    }

    /// <summary>Writes the JSON object.</summary>
    public void Write(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        WriteState(writer);
        writer.WritePropertyName("tags");
        writer.WriteRawValue(Twin.Tags.Span, skipInputValidation: true);
        writer.WriteStartObject("properties");
        writer.WritePropertyName("desired");
        writer.WriteRawValue(Twin.Desired.ForService(), skipInputValidation: true);
        writer.WritePropertyName("reported");
        writer.WriteRawValue(Twin.Reported.ForService(), skipInputValidation: true);
        writer.WriteEndObject();
        writer.WriteEndObject();
    }

    private void WriteState(Utf8JsonWriter writer)
    {
        writer.WriteString("deviceId", Twin.DeviceId);
        if (Twin.ModuleId is not null)
            writer.WriteString("moduleId", Twin.ModuleId);
        writer.WriteString("etag", Twin.ETag);
        writer.WriteString("deviceEtag", Identity.ETag);
        writer.WriteNumber("version", Twin.Version);
        writer.WriteString("status", Identity.Enabled ? "enabled" : "disabled");
        if (Identity.StatusReason is not null)
            writer.WriteString("statusReason", Identity.StatusReason);
        writer.WriteString("statusUpdateTime", new ServiceTime(Identity.StatusTime).ToString());
        writer.WriteString("connectionState", Connected ? "Connected" : "Disconnected");
        writer.WriteString("lastActivityTime", new ServiceTime(Identity.LastActivity).ToString());
        writer.WriteNumber("cloudToDeviceMessageCount", MessageCount);
        writer.WriteString("authenticationType", TypeOf(Identity.Authentication.Type));
        writer.WriteStartObject("x509Thumbprint");
        WriteTextOrNull(writer, "primaryThumbprint", Identity.Authentication.PrimaryThumbprint);
        WriteTextOrNull(writer, "secondaryThumbprint", Identity.Authentication.SecondaryThumbprint);
        writer.WriteEndObject();
        writer.WriteString("modelId", Twin.ModelId);
        if (Identity.DeviceScope is not null)
            writer.WriteString("deviceScope", Identity.DeviceScope);
        writer.WriteStartArray("parentScopes");
        if (Identity.ParentScope is not null)
            writer.WriteStringValue(Identity.ParentScope);
        writer.WriteEndArray();
        writer.WriteStartObject("capabilities");
        writer.WriteBoolean("iotEdge", Identity.IotEdge);
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

    private static void WriteTextOrNull(Utf8JsonWriter writer, string name, string? text)
    {
        if (text is null)
            writer.WriteNull(name);
        else
            writer.WriteString(name, text);
    }
}
