using System.Text.Json;
using System.Text.Json.Nodes;
using Homeport.Contract.Naming;

namespace Homeport.Tool.Migration;

/// <summary>
/// Puts enrollments and groups of a provisioning service into this one, with their keys, certificates and endorsement keys: devices need no new
/// credentials. Those that are there stay as they are.
/// </summary>
internal sealed class ProvisioningImport(HubClient target, MigrationRun run)
{
    private const string Version = "api-version=2021-10-01";
    private const int PageSize = 100;

    /// <summary>What a service writes itself.</summary>
    private static readonly string[] Shown = ["etag", "createdDateTimeUtc", "lastUpdatedDateTimeUtc", "registrationState"];

    /// <summary>Reads a running service page by page.</summary>
    public async Task FromServiceAsync(HubClient source)
    {
        await AuthoritiesAsync(source);
        foreach (var kind in (string[])["enrollmentGroups", "enrollments"])
        {
            string? continuation = null;
            do
            {
                var body = """{"query":"SELECT * FROM enrollments"}"""u8.ToArray();
                var request = new HubRequest(HttpMethod.Post, $"{kind}/query?{Version}", body)
                {
                    Headers = [new("x-ms-max-item-count", $"{PageSize}"), .. continuation is null ? [] : (KeyValuePair<string, string>[])[new("x-ms-continuation", continuation)]],
                };
                var answer = await run.PatientlyAsync(() => source.SendAsync(request, run.Token));
                continuation = answer.Header("x-ms-continuation") is { Length: > 0 } next ? next : null;
                foreach (var entry in answer.Node() as JsonArray ?? [])
                    await AddAsync(await WithKeysAsync(source, kind, entry as JsonObject ?? []));
            }
            while (continuation is not null);
        }
    }

    /// <summary>Reads files as <c>az iot dps enrollment</c> and <c>enrollment-group</c> print them: a list, or a single one.</summary>
    public async Task FromFileAsync(FileInfo file)
    {
        await using var stream = LargeJson.Open(file);
        try
        {
            if (await FirstAsync(file) != '[')
            {
                await AddAsync((await JsonNode.ParseAsync(stream, cancellationToken: run.Token)) as JsonObject ?? []);
                return;
            }
            await foreach (var entry in JsonSerializer.DeserializeAsyncEnumerable<JsonNode>(stream, cancellationToken: run.Token))
                await AddAsync(entry as JsonObject ?? []);
        }
        catch (JsonException e)
        {
            throw ToolException.BadUsage($"'{file.Name}' is not the JSON that 'az iot dps enrollment list' prints: {e.Message}", e);
        }
    }

    private async Task<char> FirstAsync(FileInfo file)
    {
        using var reader = new StreamReader(LargeJson.Open(file));
        var start = new char[1024];
        return new string(start, 0, await reader.ReadBlockAsync(start, run.Token)).TrimStart().FirstOrDefault();
    }

    /// <summary>Lists show a symmetric key only by its type.</summary>
    private async Task<JsonObject> WithKeysAsync(HubClient source, string kind, JsonObject entry)
    {
        if (entry["attestation"] is not JsonObject { } shown || MigrationRun.Text(shown["type"]) != "symmetricKey" || (shown["symmetricKey"] as JsonObject)?["primaryKey"] is not null)
            return entry;
        var path = $"{kind}/{Uri.EscapeDataString(IdOf(entry))}/attestationmechanism?{Version}";
        if (await run.FindAsync(async () => (await source.SendAsync(new HubRequest(HttpMethod.Post, path), run.Token)).Node()) is { } attestation)
            entry["attestation"] = attestation;
        return entry;
    }

    private Task AddAsync(JsonObject entry)
    {
        var (kind, id) = (KindOf(entry), IdOf(entry));
        return run.EachAsync(kind, id, async () =>
        {
            var notes = new List<string>();
            if (RegistrationIdRules.Check(id) is { } badId)
            {
                run.Report.Add(kind, id, MigrationOutcome.LeftOut, $"{badId}.");
                return;
            }
            if (await PrepareAsync(entry, notes) is { } wrong)
            {
                run.Report.Add(kind, id, MigrationOutcome.LeftOut, wrong);
                return;
            }
            var path = $"{(kind == "enrollmentGroup" ? "enrollmentGroups" : "enrollments")}/{Uri.EscapeDataString(id)}";
            if (await run.FindAsync(async () => (await target.SendAsync(new HubRequest(HttpMethod.Post, $"{path}/attestationmechanism?{Version}"), run.Token)).Node()) is { } there)
            {
                run.Report.Add(kind, id, IsSame(there, entry["attestation"]!) ? MigrationOutcome.There : MigrationOutcome.LeftOut,
                    IsSame(there, entry["attestation"]!) ? null : "There is another one with this id and other credentials. Delete that one, if its devices are not in use, and import again.");
                return;
            }
            if (!run.DryRun)
                await run.PatientlyAsync(() => target.SendAsync(new HubRequest(HttpMethod.Put, $"{path}?{Version}", JsonSerializer.SerializeToUtf8Bytes(entry)), run.Token));
            run.Report.Add(kind, id, MigrationOutcome.Made);
            foreach (var note in notes)
                run.Report.Add(kind, id, MigrationOutcome.ByHand, note);
        });
    }

    /// <summary>Makes of an entry one that this service takes. Gives what is wrong with it, or null.</summary>
    private async Task<string?> PrepareAsync(JsonObject entry, List<string> notes)
    {
        foreach (var member in Shown)
            entry.Remove(member);
        // Nulls of a printed entry say nothing.
        foreach (var (name, _) in entry.Where(m => m.Value is null).ToList())
            entry.Remove(name);
        Localize(entry, notes);
        if (entry["attestation"] is not JsonObject attestation)
            return "It has no attestation.";
        if ((string?)attestation["type"] == "symmetricKey" && !MigrationRun.IsKey((string?)attestation["symmetricKey"]?["primaryKey"]))
            return "Its keys are not in the file. Print it with 'show --show-keys', or name the service by its connection string.";
        if ((string?)attestation["type"] == "tpm" && KindOf(entry) == "enrollmentGroup")
            notes.Add("The list of endorsement keys of the group is not taken over: import it from the manufacturer's file.");
        if ((string?)attestation["type"] == "tpm" && (string?)attestation["tpm"]?["endorsementKey"] is not { Length: > 0 } && KindOf(entry) == "enrollment")
            return "Its endorsement key is not in the file.";
        return (string?)attestation["type"] == "x509" && attestation["x509"] is JsonObject x509 ? await CertificatesAsync(x509, notes) : null;
    }

    /// <summary>Hubs, webhooks and CAs of the source mean nothing here.</summary>
    private static void Localize(JsonObject entry, List<string> notes)
    {
        if ((string?)entry["iotHubHostName"] is { Length: > 0 } hub)
            notes.Add($"It was assigned to '{hub}' alone; here its devices go to the linked hubs. Name one in the enrollment if that is not meant.");
        if ((string?)entry["allocationPolicy"] == "custom")
            notes.Add($"The webhook {(string?)entry["customAllocationDefinition"]?["webhookUrl"]} chose its hub. Allow it in the settings of the server and name it in the enrollment again.");
        if (entry["clientCertificateIssuancePolicy"] is JsonObject)
            notes.Add("Its devices were issued certificates. Name a CA of this server in the enrollment.");
        if ((string?)entry["allocationPolicy"] is "custom" or "static")
            entry.Remove("allocationPolicy");
        foreach (var member in (string[])["iotHubHostName", "iotHubs", "customAllocationDefinition", "clientCertificateIssuancePolicy"])
            entry.Remove(member);
    }

    /// <summary>Services show what certificates say and not the certificates: those come from the folder.</summary>
    private async Task<string?> CertificatesAsync(JsonObject x509, List<string> notes)
    {
        foreach (var member in (string[])["clientCertificates", "signingCertificates"])
        {
            foreach (var (slot, value) in (x509[member] as JsonObject ?? []).ToList())
            {
                if (value is not JsonObject certificate || (string?)certificate["certificate"] is { Length: > 0 })
                    continue;
                var thumbprint = (string?)certificate["info"]?["sha1Thumbprint"];
                if ((run.Certificates.Find(thumbprint) ?? run.Certificates.Find((string?)certificate["info"]?["sha256Thumbprint"])) is not { } pem)
                    return $"Its {slot} certificate {(string?)certificate["info"]?["subjectName"]} with thumbprint {thumbprint} is not shown by the service. Put its file into a folder and name that by --certificates.";
                certificate["certificate"] = pem;
                certificate.Remove("info");
            }
        }
        foreach (var (_, value) in (x509["caReferences"] as JsonObject ?? []).ToList())
        {
            if ((string?)value is { Length: > 0 } name && await AuthorityAsync(name, run.Certificates.Named(name), notes) is { } missing)
                return missing;
        }
        return null;
    }

    /// <summary>CA certificates that enrollments name. Azure has them in its resource manager only; another Homeport gives them.</summary>
    private async Task AuthoritiesAsync(HubClient source)
    {
        if (await run.FindAsync(async () => (await source.SendAsync(new HubRequest(HttpMethod.Get, "certificates?api-version=2022-02-05"), run.Token)).Node()) is not { } list)
            return;
        foreach (var certificate in list["value"] as JsonArray ?? [])
        {
            var name = MigrationRun.Text(certificate?["name"]) ?? "";
            await run.EachAsync("certificate", name, async () =>
            {
                if ((bool?)certificate?["properties"]?["isVerified"] == true && await AuthorityAsync(name, (string?)certificate["properties"]?["certificate"], null) is { } wrong)
                    run.Report.Add("certificate", name, MigrationOutcome.LeftOut, wrong);
            });
        }
    }

    private async Task<string?> AuthorityAsync(string name, string? text, List<string>? notes)
    {
        var path = $"certificates/{Uri.EscapeDataString(name)}?api-version=2022-02-05";
        if (await run.FindAsync(async () => (await target.SendAsync(new HubRequest(HttpMethod.Get, path), run.Token)).Node()) is not null)
        {
            if (notes is null)
                run.Report.Add("certificate", name, MigrationOutcome.There);
            return null;
        }
        if (text is null)
            return $"It names the CA certificate '{name}', which is not here. Put its file, {name}.pem, into a folder and name that by --certificates.";
        var body = new JsonObject { ["properties"] = new JsonObject { ["certificate"] = text, ["isVerified"] = true } };
        if (!run.DryRun)
            await run.PatientlyAsync(() => target.SendAsync(new HubRequest(HttpMethod.Put, path, JsonSerializer.SerializeToUtf8Bytes(body)), run.Token));
        run.Report.Add("certificate", name, MigrationOutcome.Made, "As verified: whoever imports it answers for it that its key is yours.");
        return null;
    }

    /// <summary>The same credentials: of certificates it is enough that there are some, since services do not show them.</summary>
    private static bool IsSame(JsonNode there, JsonNode wanted)
    {
        if ((string?)there["type"] != (string?)wanted["type"])
            return false;
        return (string?)there["type"] switch
        {
            "symmetricKey" => (string?)there["symmetricKey"]?["primaryKey"] == (string?)wanted["symmetricKey"]?["primaryKey"],
            "tpm" => (string?)there["tpm"]?["endorsementKey"] == (string?)wanted["tpm"]?["endorsementKey"],
            _ => true,
        };
    }

    private static string KindOf(JsonObject entry) => entry["enrollmentGroupId"] is not null ? "enrollmentGroup" : "enrollment";

    private static string IdOf(JsonObject entry) => MigrationRun.Text(entry["enrollmentGroupId"]) ?? MigrationRun.Text(entry["registrationId"]) ?? "";
}
