using System.Text.Json.Nodes;
using Homeport.Contract.Errors;
using Homeport.Contract.Naming;
using Homeport.Hub.Registry;
using Homeport.Provisioning.Lifecycle;

namespace Homeport.Provisioning.Bulk;

/// <summary>The columns of a file of devices: IoT Central's, and <c>TAG:name</c> for tags. Any case and any order.</summary>
internal sealed class ImportColumns
{
    public const string DeviceId = "IOTC_DEVICEID";
    public const string DeviceName = "IOTC_DEVICENAME";
    public const string PrimaryKey = "IOTC_SASKEY_PRIMARY";
    public const string SecondaryKey = "IOTC_SASKEY_SECONDARY";
    public const string PrimaryThumbprint = "IOTC_X509THUMBPRINT_PRIMARY";
    public const string SecondaryThumbprint = "IOTC_X509THUMBPRINT_SECONDARY";
    public const string Template = "IOTC_TEMPLATE";
    public const string Organization = "IOTC_ORGANIZATION";
    public const string TagPrefix = "TAG:";

    /// <summary>The tag that holds the display name.</summary>
    public const string NameTag = "displayName";

    private const int MaxName = DeviceFacts.MaxName;
    private static readonly string[] Known = [DeviceId, DeviceName, PrimaryKey, SecondaryKey, PrimaryThumbprint, SecondaryThumbprint, Template, Organization];
    private readonly Dictionary<string, int> _places = new(StringComparer.OrdinalIgnoreCase);
    private readonly List<(string Tag, int Place)> _tags = [];

    private ImportColumns(IReadOnlyList<string> header)
    {
        Header = header;
        for (var i = 0; i < header.Count; i++)
        {
            var name = header[i].Trim();
            if (name.StartsWith(TagPrefix, StringComparison.OrdinalIgnoreCase))
                _tags.Add((name[TagPrefix.Length..].Trim(), i));
            else if (Known.Contains(name, StringComparer.OrdinalIgnoreCase) && _places.TryAdd(name, i))
                continue;
            else
                Ignored.Add(name);
        }
    }

    public IReadOnlyList<string> Header { get; }

    /// <summary>Whether a column holds keys.</summary>
    public static bool IsSecret(string name) => name.Trim() is var plain && (plain.Equals(PrimaryKey, StringComparison.OrdinalIgnoreCase) || plain.Equals(SecondaryKey, StringComparison.OrdinalIgnoreCase));

    /// <summary>Columns that mean nothing here.</summary>
    public List<string> Ignored { get; } = [];

    public static Outcome<ImportColumns> Read(IReadOnlyList<string>? header)
    {
        if (header is null)
            return new Refusal(HubErrors.ArgumentInvalid, "The file is empty", $"Begin it with a line that has {DeviceId}.");
        var columns = new ImportColumns(header);
        return columns._places.ContainsKey(DeviceId) ? columns : new Refusal(HubErrors.ArgumentInvalid,
            $"The first line has no column {DeviceId}; it has {string.Join(", ", header.Take(10).Select(h => h.Length > 40 ? h[..40] : h))}", $"Name the column of the device ids {DeviceId}.");
    }

    /// <summary>Reads a row.</summary>
    public (ImportRow? Row, RowError? Error) Parse(IReadOnlyList<string> fields)
    {
        var id = Field(fields, DeviceId);
        if (id is null)
            return (null, new RowError("MissingDeviceId", $"The row has no {DeviceId}."));
        if (id.Length > DeviceIdRules.MaxLength)
            return (null, new RowError("DeviceIdTooLong", $"The id has {id.Length} characters, {DeviceIdRules.MaxLength} are allowed."));
        if (DeviceIdRules.Check(id) is { } reason)
            return (null, new RowError("InvalidDeviceId", reason + "."));
        var name = Field(fields, DeviceName);
        if (name?.Length > MaxName)
            return (null, new RowError("DeviceNameTooLong", $"The name has {name.Length} characters, {MaxName} are allowed."));
        name = name is null ? null : new string([.. name.Where(c => !char.IsControl(c))]);
        var (authentication, error) = Credentials(fields);
        return error is null
            ? (new ImportRow(id, authentication!, Tags(fields, name)) { Name = name, Template = Field(fields, Template), Organization = Field(fields, Organization) }, null)
            : (null, error);
    }

    private (Authentication? Authentication, RowError? Error) Credentials(IReadOnlyList<string> fields)
    {
        var keys = new byte[]?[2];
        var thumbprints = new string?[2];
        for (var i = 0; i < 2; i++)
        {
            if (Field(fields, i == 0 ? PrimaryKey : SecondaryKey) is { } key && (keys[i] = KeyOf(key)) is null)
                return (null, new RowError("InvalidKey", "A key is not the Base64 text of 16 to 64 bytes."));
            if (Field(fields, i == 0 ? PrimaryThumbprint : SecondaryThumbprint) is { } thumbprint && (thumbprints[i] = ThumbprintOf(thumbprint)) is null)
                return (null, new RowError("InvalidThumbprint", "A thumbprint does not have 40 or 64 hexadecimal digits."));
        }
        var (hasKeys, hasThumbprints) = (keys.Any(k => k is not null), thumbprints.Any(t => t is not null));
        if (hasKeys && hasThumbprints)
            return (null, new RowError("ConflictingCredentials", "The row has both keys and thumbprints."));
        return (hasThumbprints
            ? new Authentication(AuthenticationType.SelfSigned, PrimaryThumbprint: thumbprints[0], SecondaryThumbprint: thumbprints[1])
            : new Authentication(AuthenticationType.Sas, keys[0], keys[1]), null);
    }

    private JsonObject Tags(IReadOnlyList<string> fields, string? name)
    {
        var tags = new JsonObject();
        foreach (var (tag, place) in _tags)
        {
            if (place < fields.Count && fields[place].Trim() is { Length: > 0 } value)
                tags[tag] = value;
        }
        if (name is not null)
            tags[NameTag] = name;
        return tags;
    }

    private string? Field(IReadOnlyList<string> fields, string column)
        => _places.TryGetValue(column, out var place) && place < fields.Count && fields[place].Trim() is { Length: > 0 } text ? text : null;

    private static byte[]? KeyOf(string text)
    {
        var bytes = new byte[64];
        return Convert.TryFromBase64String(text, bytes, out var length) && length >= 16 ? bytes[..length] : null;
    }

    private static string? ThumbprintOf(string text)
    {
        var hex = text.Replace(":", "", StringComparison.Ordinal).ToUpperInvariant();
        return hex.Length is 40 or 64 && hex.All(char.IsAsciiHexDigit) ? hex : null;
    }
}

/// <summary>A device of a file.</summary>
internal sealed record ImportRow(string DeviceId, Authentication Authentication, JsonObject Tags)
{
    public string? Name { get; init; }

    public string? Template { get; init; }

    public string? Organization { get; init; }

    /// <summary>The row says with what the device proves itself.</summary>
    public bool HasCredentials => Authentication is not { Type: AuthenticationType.Sas, PrimaryKey: null, SecondaryKey: null };

    /// <summary>Id only: the keys stay out of logs.</summary>
    public override string ToString() => DeviceId;
}

/// <summary>Why a row was refused.</summary>
internal sealed record RowError(string Code, string Message);
