using System.Text.Json.Nodes;

namespace Homeport.Tool;

/// <summary>A row of a CSV file of enrollments.</summary>
/// <param name="Line">Its number in the file, from 1.</param>
/// <param name="RegistrationId">The registration id.</param>
/// <param name="DeviceId">Name in the hub, or null.</param>
/// <param name="EndorsementKey">Of a TPM, Base64; or null.</param>
/// <param name="PrimaryKey">Symmetric key, Base64; or null.</param>
/// <param name="SecondaryKey">Symmetric key, Base64; or null.</param>
internal sealed record EnrollmentCsv(int Line, string RegistrationId, string? DeviceId, string? EndorsementKey, string? PrimaryKey, string? SecondaryKey)
{
    private static readonly string[] Known = ["registrationId", "deviceId", "endorsementKey", "primaryKey", "secondaryKey"];

    /// <summary>Reads a file row by row, so that its length costs no memory. No value of it has commas or quotes in it.</summary>
    /// <exception cref="ToolException">The file cannot be read, or its heading is not understood.</exception>
    public static IEnumerable<EnrollmentCsv> Read(FileInfo file)
    {
        using var lines = Lines(file).GetEnumerator();
        if (!lines.MoveNext())
            throw ToolException.BadUsage("The file is empty.");
        var separator = lines.Current.Contains(';', StringComparison.Ordinal) ? ';' : ',';
        var heading = Split(lines.Current, separator);
        var places = Known.Select(name => Array.FindIndex(heading, h => h.Equals(name, StringComparison.OrdinalIgnoreCase))).ToArray();
        if (places[0] < 0)
            throw ToolException.BadUsage($"The first line has no column registrationId. Known columns are {string.Join(", ", Known)}.");
        if (heading.FirstOrDefault(h => !Known.Contains(h, StringComparer.OrdinalIgnoreCase)) is { } strange)
            throw ToolException.BadUsage($"The column '{strange}' is not known. Known columns are {string.Join(", ", Known)}.");
        for (var number = 2; lines.MoveNext(); number++)
        {
            if (string.IsNullOrWhiteSpace(lines.Current))
                continue;
            var fields = Split(lines.Current, separator);
            string? Field(int place) => place >= 0 && place < fields.Length && fields[place].Length > 0 ? fields[place] : null;
            yield return new EnrollmentCsv(number, Field(places[0]) ?? throw ToolException.BadUsage($"Line {number} has no registrationId."),
                Field(places[1]), Field(places[2]), Field(places[3]), Field(places[4]));
        }
    }

    public JsonNode ToJson()
    {
        var enrollment = new JsonObject
        {
            ["registrationId"] = RegistrationId,
            ["attestation"] = EndorsementKey is not null
                ? new JsonObject { ["type"] = "tpm", ["tpm"] = new JsonObject { ["endorsementKey"] = EndorsementKey } }
                : new JsonObject { ["type"] = "symmetricKey", ["symmetricKey"] = new JsonObject { ["primaryKey"] = PrimaryKey, ["secondaryKey"] = SecondaryKey } },
        };
        if (DeviceId is not null)
            enrollment["deviceId"] = DeviceId;
        return enrollment;
    }

    private static IEnumerable<string> Lines(FileInfo file)
    {
        StreamReader reader;
        try
        {
            reader = new StreamReader(file.FullName);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw ToolException.BadUsage($"The file cannot be read: {e.Message}", e);
        }
        using (reader)
        {
            while (reader.ReadLine() is { } line)
                yield return line;
        }
    }

    private static string[] Split(string line, char separator) => [.. line.Split(separator).Select(f => f.Trim().Trim('"'))];
}
