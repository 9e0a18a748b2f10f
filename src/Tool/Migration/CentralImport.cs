using System.Net;
using System.Runtime.CompilerServices;
using System.Text.Json.Nodes;

namespace Homeport.Tool.Migration;

/// <summary>
/// Copies an application of IoT Central, or of another Homeport: organizations, templates, groups with their keys, devices with what they prove
/// themselves with, and device groups. What is there stays as it is.
/// </summary>
/// <param name="source">The application that is read.</param>
/// <param name="target">This server.</param>
/// <param name="run">What the import notes.</param>
/// <param name="replaceKeys">Groups that are there get the keys of the source.</param>
internal sealed class CentralImport(CentralClient source, CentralClient target, MigrationRun run, bool replaceKeys)
{
    private static readonly (string Kind, string Path, string What)[] NotTaken =
    [
        ("user", "api/users", "Make the account again: passwords and sign-in by Microsoft are not taken over."),
        ("dataExport", "api/dataExport/exports?api-version=2022-10-31-preview", "Make an export or a route again."),
        ("job", "api/jobs", "Jobs are not taken over; make those again that you still need."),
    ];

    /// <summary>Copies all.</summary>
    public async Task RunAsync()
    {
        await OrganizationsAsync();
        await EachAsync("template", "api/deviceTemplates", "@id", TemplateAsync);
        await EachAsync("enrollmentGroup", "api/enrollmentGroups", "id", GroupAsync);
        await DevicesAsync();
        await EachAsync("deviceGroup", "api/deviceGroups", "id", (id, item) => CopyAsync("deviceGroup", $"api/deviceGroups/{Uri.EscapeDataString(id)}", id, Only(item, "displayName", "filter", "description", "organizations")));
        foreach (var (kind, path, what) in NotTaken)
        {
            await EachAsync(kind, path, "id", (id, _) =>
            {
                run.Report.Add(kind, id, MigrationOutcome.ByHand, what);
                return Task.CompletedTask;
            });
        }
    }

    /// <summary>Parents before children.</summary>
    private async Task OrganizationsAsync()
    {
        var waiting = new List<JsonObject>();
        await foreach (var item in ListAsync("api/organizations"))
            waiting.Add(item);
        var made = new HashSet<string>(StringComparer.Ordinal);
        while (waiting.Count > 0)
        {
            var ready = waiting.Where(o => MigrationRun.Text(o["parent"]) is not { } parent || made.Contains(parent) || waiting.TrueForAll(w => MigrationRun.Text(w["id"]) != parent)).ToList();
            // A circle, which no application has, would never end.
            foreach (var item in ready.Count > 0 ? ready : [.. waiting])
            {
                var id = MigrationRun.Text(item["id"]) ?? "";
                await run.EachAsync("organization", id, () => CopyAsync("organization", $"api/organizations/{Uri.EscapeDataString(id)}", id, Only(item, "displayName", "parent")));
                made.Add(id);
                waiting.Remove(item);
            }
        }
    }

    private Task TemplateAsync(string id, JsonObject item)
    {
        item.Remove("etag");
        return CopyAsync("template", $"api/deviceTemplates/{Uri.EscapeDataString(id)}", id, item);
    }

    private async Task GroupAsync(string id, JsonObject item)
    {
        var path = $"api/enrollmentGroups/{Uri.EscapeDataString(id)}";
        var attestation = item["attestation"] as JsonObject ?? [];
        var isKey = MigrationRun.Text(attestation["type"]) == "symmetricKey";
        if (isKey && !MigrationRun.IsKey(MigrationRun.Text(attestation["symmetricKey"]?["primaryKey"])))
        {
            run.Report.Add("enrollmentGroup", id, MigrationOutcome.LeftOut, "The token may not see its keys. Use one of an administrator.");
            return;
        }
        var there = await run.FindAsync(() => target.GetAsync(path, run.Token));
        if (there is not null)
        {
            var same = MigrationRun.Text(there["attestation"]?["type"]) == MigrationRun.Text(attestation["type"])
                && MigrationRun.Text(there["attestation"]?["symmetricKey"]?["primaryKey"]) == MigrationRun.Text(attestation["symmetricKey"]?["primaryKey"]);
            if (same || !replaceKeys || !isKey)
            {
                run.Report.Add("enrollmentGroup", id, same ? MigrationOutcome.There : MigrationOutcome.LeftOut,
                    same ? null : "A group of this name with other keys is here: devices of the source would be refused. Import again with --replace-keys, if no device uses the keys of the one here.");
                return;
            }
        }
        var body = Only(item, "displayName", "enabled", "type");
        body["attestation"] = isKey ? attestation.DeepClone() : new JsonObject { ["type"] = MigrationRun.Text(attestation["type"]) };
        if (!run.DryRun)
            await run.PatientlyAsync(() => target.SendAsync(HttpMethod.Put, path, body, run.Token));
        run.Report.Add("enrollmentGroup", id, MigrationOutcome.Made, there is null ? null : "Its keys were replaced.");
        if (MigrationRun.Text(attestation["type"]) == "x509")
            await CertificatesAsync(id, path);
    }

    /// <summary>Applications show the thumbprints of certificates: the certificates come from the folder.</summary>
    private async Task CertificatesAsync(string group, string path)
    {
        foreach (var slot in (string[])["primary", "secondary"])
        {
            if (await run.FindAsync(() => source.GetAsync($"{path}/certificates/{slot}", run.Token)) is not { } shown)
                continue;
            var thumbprint = MigrationRun.Text(shown["info"]?["sha1Thumbprint"]);
            var verified = (bool?)shown["verified"] == true;
            if ((MigrationRun.Text(shown["certificate"]) ?? run.Certificates.Find(thumbprint)) is not { } pem)
            {
                run.Report.Add("certificate", $"{group}/{slot}", MigrationOutcome.LeftOut, $"The certificate with thumbprint {thumbprint} is not shown. Put its file into a folder and name that by --certificates.");
                continue;
            }
            if (!run.DryRun)
                await run.PatientlyAsync(() => target.SendAsync(HttpMethod.Put, $"{path}/certificates/{slot}", new JsonObject { ["certificate"] = pem, ["verified"] = verified }, run.Token));
            run.Report.Add("certificate", $"{group}/{slot}", MigrationOutcome.Made, verified ? "As verified, as it was there." : null);
            if (!verified)
                run.Report.Add("certificate", $"{group}/{slot}", MigrationOutcome.ByHand, "It was not verified there. Prove under Device connection that you hold its key.");
        }
    }

    private async Task DevicesAsync()
    {
        var options = new ParallelOptions { MaxDegreeOfParallelism = MigrationRun.Concurrent, CancellationToken = run.Token };
        await Parallel.ForEachAsync(ListAsync("api/devices?$top=100"), options, async (item, _) =>
        {
            var id = MigrationRun.Text(item["id"]) ?? "";
            await run.EachAsync("device", id, () => DeviceAsync(id, item));
        });
    }

    private async Task DeviceAsync(string id, JsonObject item)
    {
        if ((bool?)item["simulated"] == true)
        {
            run.Report.Add("device", id, MigrationOutcome.ByHand, "The application simulated it. Simulate it here from its template.");
            return;
        }
        var path = $"api/devices/{Uri.EscapeDataString(id)}";
        var body = Only(item, "displayName", "template", "enabled", "organizations");
        await CopyAsync("device", path, id, body);
        // What it proves itself with is looked at each time: a run before may have ended in between.
        if (await run.FindAsync(() => source.GetAsync($"{path}/attestation", run.Token)) is not JsonObject attestation)
            return;
        if (await run.FindAsync(() => target.GetAsync($"{path}/attestation", run.Token)) is not null)
        {
            run.Report.Add("attestation", id, MigrationOutcome.There);
            return;
        }
        foreach (var (slot, value) in (attestation["x509"]?["clientCertificates"] as JsonObject ?? []).ToList())
        {
            if (value is not JsonObject certificate || MigrationRun.Text(certificate["certificate"]) is { Length: > 0 })
                continue;
            if (run.Certificates.Find(MigrationRun.Text(certificate["info"]?["sha1Thumbprint"])) is not { } pem)
            {
                run.Report.Add("attestation", id, MigrationOutcome.LeftOut, $"Its {slot} certificate with thumbprint {MigrationRun.Text(certificate["info"]?["sha1Thumbprint"])} is not shown. Put its file into a folder and name that by --certificates.");
                return;
            }
            certificate["certificate"] = pem;
            certificate.Remove("info");
        }
        if (!run.DryRun)
            await run.PatientlyAsync(() => target.SendAsync(HttpMethod.Put, $"{path}/attestation", Only(attestation, "type", "symmetricKey", "x509", "tpm"), run.Token));
        run.Report.Add("attestation", id, MigrationOutcome.Made);
    }

    /// <summary>Makes a thing, unless it is there.</summary>
    private async Task CopyAsync(string kind, string path, string id, JsonObject body)
    {
        if (await run.FindAsync(() => target.GetAsync(path, run.Token)) is not null)
        {
            run.Report.Add(kind, id, MigrationOutcome.There);
            return;
        }
        if (!run.DryRun)
            await run.PatientlyAsync(() => target.SendAsync(HttpMethod.Put, path, body, run.Token));
        run.Report.Add(kind, id, MigrationOutcome.Made);
    }

    private async Task EachAsync(string kind, string path, string idMember, Func<string, JsonObject, Task> copy)
    {
        await foreach (var item in ListAsync(path))
        {
            var id = MigrationRun.Text(item[idMember]) ?? "";
            await run.EachAsync(kind, id, () => copy(id, item));
        }
    }

    /// <summary>All pages of a list; none when the application does not have this, or the token may not see it.</summary>
    private async IAsyncEnumerable<JsonObject> ListAsync(string path, [EnumeratorCancellation] CancellationToken token = default)
    {
        for (var next = path; next is not null;)
        {
            token.ThrowIfCancellationRequested();
            JsonNode? page;
            try
            {
                page = await run.PatientlyAsync(() => source.GetAsync(next, run.Token));
            }
            catch (ToolException e) when (next == path && e.Status is HttpStatusCode.NotFound or HttpStatusCode.Forbidden or HttpStatusCode.BadRequest)
            {
                run.Report.Add(path.Split('?')[0], "all", MigrationOutcome.ByHand, $"The list cannot be read: {e.Message}");
                yield break;
            }
            foreach (var item in page?["value"] as JsonArray ?? [])
            {
                if (item is JsonObject found)
                    yield return found.DeepClone().AsObject();
            }
            next = MigrationRun.Text(page?["nextLink"]);
        }
    }

    private static JsonObject Only(JsonObject item, params string[] members)
        => new(members.Where(m => item[m] is not null).Select(m => KeyValuePair.Create(m, item[m]?.DeepClone())));
}
