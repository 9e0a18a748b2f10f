using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Homeport.Hub.Registry;
using Homeport.Hub.Twins;
using Homeport.Provisioning.Enrollments;
using Homeport.Provisioning.Lifecycle;

namespace Homeport.Provisioning.Bulk;

/// <summary>Columns that a file has when somebody asks for them.</summary>
[Flags]
public enum ExportColumns
{
    None = 0,
    /// <summary><c>IOTC_CONNECTIONSTRING_PRIMARY</c>, for devices that are in the hub with a key.</summary>
    ConnectionString = 1,
    /// <summary><c>IOTC_IDSCOPE</c></summary>
    IdScope = 2,
    /// <summary><c>IOTC_STATUS</c></summary>
    Status = 4,
    /// <summary><c>IOTC_TEMPLATE</c></summary>
    Template = 8,
    /// <summary><c>IOTC_ORGANIZATION</c></summary>
    Organization = 16,
}

/// <summary>What to export.</summary>
public sealed record ExportOptions
{
    /// <summary>Devices that a person may and wants to see.</summary>
    public DeviceFilter Filter { get; init; } = new();

    /// <summary>Only these of them; null: all. At most <see cref="DeviceExport.MaxSelected"/>.</summary>
    public IReadOnlyCollection<string>? DeviceIds { get; init; }

    /// <summary>Further columns.</summary>
    public ExportColumns Columns { get; init; }

    /// <summary>Writes keys; the caller has the right to see them.</summary>
    public bool WithKeys { get; init; }

    /// <summary>Puts an apostrophe before texts that a spreadsheet would take for a formula; such a file does not come back the same.</summary>
    public bool SpreadsheetSafe { get; init; }
}

/// <summary>Writes devices as a CSV file that <see cref="DeviceImport"/> reads again; those too that are in no hub yet.</summary>
/// <param name="devices">The devices of the application.</param>
/// <param name="registry">Credentials of those in the hub.</param>
/// <param name="twins">Their tags.</param>
/// <param name="connection">Keys of those that come by an enrollment.</param>
/// <param name="host">Host name of the hub.</param>
public sealed class DeviceExport(DeviceLifecycle devices, IdentityRegistry registry, DeviceTwins twins, ConnectionCredentials connection, string host)
{
    /// <summary>Different tags that become columns.</summary>
    public const int MaxTags = 200;

    /// <summary>Devices that a call may name one by one.</summary>
    public const int MaxSelected = 500;

    private const int Page = 500;

    private static readonly (ExportColumns Column, string Name)[] More =
    [
        (ExportColumns.ConnectionString, "IOTC_CONNECTIONSTRING_PRIMARY"), (ExportColumns.IdScope, "IOTC_IDSCOPE"), (ExportColumns.Status, "IOTC_STATUS"),
        (ExportColumns.Template, ImportColumns.Template), (ExportColumns.Organization, ImportColumns.Organization),
    ];

    /// <summary>Writes them. Memory does not grow with their number.</summary>
    /// <param name="target">Gets UTF-8 with CRLF.</param>
    /// <param name="options">What.</param>
    /// <param name="token">Ends it.</param>
    /// <returns>Devices that were written.</returns>
    public async Task<long> RunAsync(Stream target, ExportOptions options, CancellationToken token)
    {
        var tags = await TagsAsync(options, token);
        await using var text = new StreamWriter(target, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false), leaveOpen: true) { NewLine = "\r\n" };
        await text.WriteLineAsync(string.Join(',', ((string[])
        [
            ImportColumns.DeviceId, ImportColumns.DeviceName, ImportColumns.PrimaryKey, ImportColumns.SecondaryKey, ImportColumns.PrimaryThumbprint, ImportColumns.SecondaryThumbprint,
            .. More.Where(m => options.Columns.HasFlag(m.Column)).Select(m => m.Name), .. tags.Select(t => ImportColumns.TagPrefix + t),
        ]).Select(CsvReader.Quote)));
        long count = 0;
        await foreach (var facts in DevicesAsync(options, token))
        {
            var fields = await FieldsAsync(facts, options, tags, token);
            await text.WriteLineAsync(string.Join(',', fields.Select(f => CsvReader.Quote(options.SpreadsheetSafe ? Safe(f) : f))).AsMemory(), token);
            count++;
        }
        return count;
    }

    private async Task<List<string>> FieldsAsync(DeviceFacts facts, ExportOptions options, IReadOnlyList<string> tags, CancellationToken token)
    {
        var identity = (await registry.GetAsync(facts.DeviceId, null, token)).Value;
        var proof = await ProofAsync(facts, identity, token);
        var fields = new List<string>
        {
            facts.DeviceId, facts.DisplayName ?? "", options.WithKeys ? Base64(proof.PrimaryKey) : "", options.WithKeys ? Base64(proof.SecondaryKey) : "",
            proof.PrimaryThumbprint ?? "", proof.SecondaryThumbprint ?? "",
        };
        foreach (var (column, _) in More.Where(m => options.Columns.HasFlag(m.Column)))
        {
            fields.Add(column switch
            {
                ExportColumns.ConnectionString => options.WithKeys && identity?.Authentication is { Type: AuthenticationType.Sas, PrimaryKey: { } key } && proof.PrimaryKey is not null
                    ? $"HostName={host};DeviceId={facts.DeviceId};SharedAccessKey={Convert.ToBase64String(key)}" : "",
                ExportColumns.IdScope => connection.IdScope,
                ExportColumns.Status => JsonNamingPolicy.CamelCase.ConvertName(facts.Status.ToString()),
                ExportColumns.Template => facts.Template ?? "",
                _ => facts.Organization ?? "",
            });
        }
        if (tags.Count > 0)
        {
            var own = await TagsOfAsync(facts.DeviceId, token);
            fields.AddRange(tags.Select(t => Text(own?[t])));
        }
        return fields;
    }

    /// <summary>
    /// What the device proves itself with: that of its enrollment, else that of its identity, else keys of the default group, as IoT Central gives
    /// them to devices that have not come yet. The hub's key of a device with a TPM is the TPM's own.
    /// </summary>
    private async Task<Authentication> ProofAsync(DeviceFacts facts, Identity? identity, CancellationToken token)
    {
        if (await connection.EnrollmentAsync(facts, token) is not { } enrollment)
        {
            if (identity is not null)
                return identity.Authentication;
            if (!(await connection.DefaultGroupAsync(token)).Succeeded(out enrollment, out _))
                return new Authentication(AuthenticationType.None);
        }
        if (enrollment.Attestation.Type == AttestationType.SymmetricKey)
        {
            var credentials = ConnectionCredentials.Of(enrollment, facts);
            return new Authentication(AuthenticationType.Sas, credentials.PrimaryKey, credentials.SecondaryKey);
        }
        if (enrollment.Attestation.Type == AttestationType.Tpm)
            return new Authentication(AuthenticationType.None);
        return identity?.Authentication is { Type: AuthenticationType.SelfSigned } known ? known : new Authentication(AuthenticationType.SelfSigned,
            PrimaryThumbprint: ThumbprintOf(enrollment, c => c.Primary), SecondaryThumbprint: ThumbprintOf(enrollment, c => c.Secondary));
    }

    private async Task<IReadOnlyList<string>> TagsAsync(ExportOptions options, CancellationToken token)
    {
        var tags = new SortedSet<string>(StringComparer.Ordinal);
        await foreach (var facts in DevicesAsync(options, token))
        {
            foreach (var (name, value) in await TagsOfAsync(facts.DeviceId, token) ?? [])
            {
                if (tags.Count < MaxTags && name != ImportColumns.NameTag && value is JsonValue)
                    tags.Add(name);
            }
        }
        return [.. tags];
    }

    private async Task<JsonObject?> TagsOfAsync(string deviceId, CancellationToken token)
        => (await twins.GetAsync(deviceId, null, token)).Value is { Tags.IsEmpty: false } twin ? JsonNode.Parse(twin.Tags.Span) as JsonObject : null;

    private async IAsyncEnumerable<DeviceFacts> DevicesAsync(ExportOptions options, [EnumeratorCancellation] CancellationToken token)
    {
        if (options.DeviceIds is { } ids)
        {
            foreach (var id in ids.Distinct(StringComparer.Ordinal))
            {
                if ((await devices.GetAsync(id, token)).Value is { } named && options.Filter.Organizations?.Contains(named.Organization ?? "") != false)
                    yield return named;
            }
            yield break;
        }
        DeviceFacts? after = null;
        while (await devices.ListAsync(options.Filter, after, Page, token) is { Count: > 0 } page)
        {
            foreach (var facts in page)
                yield return facts;
            after = page[^1];
        }
    }

    private static string? ThumbprintOf(Enrollment enrollment, Func<EnrolledCertificates, byte[]?> certificate)
        => enrollment.Attestation.Certificates is { Use: CertificateUse.Client } own && certificate(own) is { } der ? Convert.ToHexString(SHA256.HashData(der)) : null;

    // Tags that are lists or objects have no place in a column.
    private static string Text(JsonNode? value) => value is JsonValue scalar ? scalar.ToString() : "";

    private static string Base64(byte[]? bytes) => bytes is null ? "" : Convert.ToBase64String(bytes);

    private static string Safe(string field) => field.Length > 0 && field[0] is '=' or '+' or '-' or '@' or '\t' or '\r' ? "'" + field : field;
}
