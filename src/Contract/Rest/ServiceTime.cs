using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Homeport.Contract.Rest;

/// <summary>
/// A time in a REST body: UTC with seven digits of a second and Z. "Never" is <c>0001-01-01T00:00:00Z</c>, since the C# models
/// have no null there.
/// </summary>
[JsonConverter(typeof(ServiceTimeConverter))]
public readonly record struct ServiceTime(DateTimeOffset? Time)
{
    private const string Never = "0001-01-01T00:00:00Z";

    /// <inheritdoc/>
    public override string ToString()
        => Time is { } time ? time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fffffff'Z'", CultureInfo.InvariantCulture) : Never;

    public static implicit operator ServiceTime(DateTimeOffset? time) => new(time);
}

internal sealed class ServiceTimeConverter : JsonConverter<ServiceTime>
{
    public override bool HandleNull => true;

    public override ServiceTime Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType == JsonTokenType.Null)
            return default;
        if (reader.TokenType == JsonTokenType.String
            && DateTimeOffset.TryParse(reader.GetString(), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time))
        {
            return time.Year == 1 ? default : new ServiceTime(time);
        }
        throw new JsonException("This is not a time such as 2026-01-31T12:00:00Z.");
    }

    public override void Write(Utf8JsonWriter writer, ServiceTime value, JsonSerializerOptions options) => writer.WriteStringValue(value.ToString());
}
