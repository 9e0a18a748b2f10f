using Homeport.Contract.Errors;
using Homeport.Contract.Rest;
using Homeport.Contract.Rest.Operators;
using Homeport.Hub.Access.Certificates;
using Homeport.Hub.Registry;
using Homeport.People.Access;
using Homeport.People.Audit;
using Homeport.Provisioning.Enrollments;
using Homeport.Provisioning.Lifecycle;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Homeport.Gateway.Http.Operators;

/// <summary>Enrollment groups over REST in the form of IoT Central, with the proof of possession of their CA certificates.</summary>
public sealed class GroupEndpoints
{
    private const int PageSize = 100;
    private readonly OperatorApi _api;
    private readonly EnrollmentService _enrollments;
    private readonly ConnectionCredentials _connection;

    private GroupEndpoints(OperatorApi api, EnrollmentService enrollments, ConnectionCredentials connection) => (_api, _enrollments, _connection) = (api, enrollments, connection);

    private GroupCertificates Certificates => _connection.Certificates;

    /// <summary>Maps <c>/api/enrollmentGroups</c>, <c>/api/enrollmentGroups/{id}</c> and its <c>certificates/{entry}</c>.</summary>
    public static void Map(IEndpointRouteBuilder routes, OperatorApi api, EnrollmentService enrollments, ConnectionCredentials connection)
    {
        var groups = new GroupEndpoints(api, enrollments, connection);
        api.MapRead(routes, "/api/enrollmentGroups", new Operation("listEnrollmentGroups", Permission.ViewConnection, "Lists enrollment groups; with their keys for those who may write them."), groups.ListAsync);
        const string one = "/api/enrollmentGroups/{id}";
        api.MapRead(routes, one, new Operation("getEnrollmentGroup", Permission.ViewConnection, "Shows an enrollment group; with its keys for those who may write it."), groups.GetAsync);
        api.MapChange(routes, "PUT", one, Change("putEnrollmentGroup", "Makes an enrollment group, or replaces it."), groups.PutAsync);
        api.MapChange(routes, "PATCH", one, Change("patchEnrollmentGroup", "Changes members of an enrollment group."), groups.PatchAsync);
        api.MapChange(routes, "DELETE", one, Change("deleteEnrollmentGroup", "Deletes an enrollment group with its CA certificates."), (context, _) => groups.DeleteAsync(context));
        const string certificate = one + "/certificates/{entry}";
        api.MapRead(routes, certificate, new Operation("getGroupCertificate", Permission.ViewConnection, "Shows a CA certificate of a group: entry is primary or secondary."), groups.GetCertificateAsync);
        api.MapChange(routes, "PUT", certificate, Change("putGroupCertificate", "Uploads a CA certificate of a group."), groups.PutCertificateAsync);
        api.MapChange(routes, "DELETE", certificate, Change("deleteGroupCertificate", "Deletes a CA certificate of a group."), groups.DeleteCertificateAsync);
        api.MapChange(routes, "POST", certificate + "/generateVerificationCode", Change("generateVerificationCode", "Makes a code for the proof that somebody holds the CA's key."), groups.GenerateCodeAsync);
        api.MapChange(routes, "POST", certificate + "/verify", Change("verifyGroupCertificate", "Takes the proof: a certificate that the CA signed for the code."), groups.VerifyAsync);
    }

    private static Operation Change(string name, string summary) => new(name, Permission.ManageConnection, summary) { Audited = "enrollmentGroup" };

    private async Task<Outcome<Reply>> ListAsync(HttpContext context, Actor actor)
    {
        if (!(await _enrollments.QueryAsync(EnrollmentKind.Group, "*", PageSize, context.Request.Query["$skiptoken"], context.RequestAborted)).Succeeded(out var page, out var refusal))
            return refusal with { Error = PeopleErrors.InvalidQuery };
        var shown = new List<OperatorGroupDescription>();
        foreach (var group in page.Items)
            shown.Add(await ShowAsync(group, actor.May(Permission.ManageConnection), context.RequestAborted));
        await NoteKeysAsync(actor, page.Items, context.RequestAborted);
        var next = page.Continuation is { } continuation ? $"{context.Request.Scheme}://{context.Request.Host}{context.Request.Path}?api-version={Uri.EscapeDataString(context.Request.Query["api-version"].ToString())}&$skiptoken={continuation}" : null;
        return Reply.Of(new Collection<OperatorGroupDescription>(shown, next), DeviceJson.Default.CollectionOperatorGroupDescription);
    }

    private async Task<Outcome<Reply>> GetAsync(HttpContext context, Actor actor)
    {
        if (!(await _enrollments.GetAsync(EnrollmentKind.Group, OperatorApi.Id(context), context.RequestAborted)).Succeeded(out var group, out var refusal))
            return refusal;
        await NoteKeysAsync(actor, [group], context.RequestAborted);
        return Reply.Of(await ShowAsync(group, actor.May(Permission.ManageConnection), context.RequestAborted), DeviceJson.Default.OperatorGroupDescription);
    }

    private async Task<Outcome<Reply>> PutAsync(HttpContext context, Actor actor)
    {
        if (!(await OperatorApi.ReadAsync(context, DeviceJson.Default.OperatorGroupDescription)).Succeeded(out var body, out var refusal))
            return refusal;
        var existing = (await _enrollments.GetAsync(EnrollmentKind.Group, OperatorApi.Id(context), context.RequestAborted)).Value;
        return body.Attestation is null && existing is null
            ? new Refusal(PeopleErrors.InvalidBody, "attestation is missing", """Send for example "attestation":{"type":"symmetricKey"}.""")
            : await WriteAsync(context, body with { Enabled = body.Enabled ?? true }, existing);
    }

    private async Task<Outcome<Reply>> PatchAsync(HttpContext context, Actor actor)
    {
        if (!(await OperatorApi.ReadAsync(context, DeviceJson.Default.OperatorGroupDescription)).Succeeded(out var body, out var refusal)
            || !(await _enrollments.GetAsync(EnrollmentKind.Group, OperatorApi.Id(context), context.RequestAborted)).Succeeded(out var existing, out refusal))
        {
            return refusal;
        }
        return await WriteAsync(context, body, existing);
    }

    private async Task<Outcome<Reply>> WriteAsync(HttpContext context, OperatorGroupDescription body, Enrollment? existing)
    {
        var id = existing?.Id ?? OperatorApi.Id(context);
        if (body.Type is not (null or "iot" or "iotEdge"))
            return new Refusal(PeopleErrors.InvalidBody, "type is neither iot nor iotEdge", "Send one of them.");
        if (existing is not null && body.Etag is { } etag && !IfMatch.Parse(etag).Matches(existing.ETag))
            return new Refusal(PeopleErrors.PreconditionFailed, $"The {existing} has another etag", "Read it again, repeat your change on that, or leave etag out.");
        var inline = body.Attestation is { Type: "x509", X509.SigningCertificates: { } pair } ? pair : null;
        var before = existing is null ? new EnrollmentDescription() : EnrollmentForm.Show(existing);
        var wanted = before with
        {
            Attestation = AttestationOf(body, existing, id) ?? before.Attestation,
            DisplayName = body.DisplayName,
            ProvisioningStatus = body.Enabled is { } enabled ? enabled ? "enabled" : "disabled" : before.ProvisioningStatus,
            Capabilities = body.Type is { } type ? new CapabilitiesDescription(type == "iotEdge") : before.Capabilities,
            Approval = body.Approval,
        };
        var condition = existing is null ? IfMatch.Absent : IfMatch.Parse(existing.ETag);
        if (!(await _enrollments.PutAsync(EnrollmentKind.Group, id, wanted, condition, context.RequestAborted)).Succeeded(out var written, out var refusal))
            return refusal;
        foreach (var (slot, certificate) in new[] { (CertificateSlot.Primary, inline?.Primary), (CertificateSlot.Secondary, inline?.Secondary) })
        {
            if (certificate?.Certificate is { } text && (await Certificates.PutAsync(id, slot, text, certificate.Verified ?? false, context.RequestAborted)).Refusal is { } notUploaded)
                return notUploaded;
        }
        return Reply.Of(await ShowAsync(written, withKeys: true, context.RequestAborted), DeviceJson.Default.OperatorGroupDescription);
    }

    /// <summary>Keys that are left out stay as they are, or are made; certificates of X.509 groups are uploaded one by one.</summary>
    private static AttestationDescription? AttestationOf(OperatorGroupDescription body, Enrollment? existing, string id) => body.Attestation switch
    {
        null => null,
        { Type: "x509" } => existing?.Attestation.Type == AttestationType.X509 ? null : GroupCertificates.References(id),
        var sent => AttestationEndpoints.Read(sent),
    };

    private async Task<Outcome<Reply>> DeleteAsync(HttpContext context)
    {
        if (await _enrollments.DeleteAsync(EnrollmentKind.Group, OperatorApi.Id(context), IfMatch.Absent, context.RequestAborted) is { } refusal)
            return refusal;
        await Certificates.ForgetAsync(OperatorApi.Id(context), context.RequestAborted);
        return Reply.Empty;
    }

    private async Task<Outcome<Reply>> GetCertificateAsync(HttpContext context, Actor actor)
        => Slot(context).Succeeded(out var slot, out var refusal) ? Answer(await Certificates.GetAsync(OperatorApi.Id(context), slot.Value, context.RequestAborted)) : refusal;

    private async Task<Outcome<Reply>> PutCertificateAsync(HttpContext context, Actor actor)
    {
        if (!Slot(context).Succeeded(out var slot, out var refusal) || !(await OperatorApi.ReadAsync(context, DeviceJson.Default.OperatorCertificate)).Succeeded(out var body, out refusal))
            return refusal;
        OperatorApi.Note(context, OperatorApi.Id(context), body.Verified == true ? $"{slot.Value}, attested" : $"{slot.Value}");
        return Answer(await Certificates.PutAsync(OperatorApi.Id(context), slot.Value, body.Certificate, body.Verified ?? false, context.RequestAborted));
    }

    private async Task<Outcome<Reply>> DeleteCertificateAsync(HttpContext context, Actor actor)
    {
        if (!Slot(context).Succeeded(out var slot, out var refusal))
            return refusal;
        return await Certificates.DeleteAsync(OperatorApi.Id(context), slot.Value, context.RequestAborted) is { } notDeleted ? notDeleted : Reply.Empty;
    }

    private async Task<Outcome<Reply>> GenerateCodeAsync(HttpContext context, Actor actor)
    {
        if (!Slot(context).Succeeded(out var slot, out var refusal)
            || !(await Certificates.GenerateCodeAsync(OperatorApi.Id(context), slot.Value, context.RequestAborted)).Succeeded(out var entry, out refusal))
        {
            return refusal;
        }
        return Reply.Of(new VerificationCodeDescription(entry.VerificationCode!), DeviceJson.Default.VerificationCodeDescription);
    }

    private async Task<Outcome<Reply>> VerifyAsync(HttpContext context, Actor actor)
    {
        if (!Slot(context).Succeeded(out var slot, out var refusal) || !(await OperatorApi.ReadAsync(context, DeviceJson.Default.OperatorCertificate)).Succeeded(out var body, out refusal))
            return refusal;
        return (await Certificates.VerifyAsync(OperatorApi.Id(context), slot.Value, body.Certificate, context.RequestAborted)).Refusal is { } notProved ? notProved : Reply.Empty;
    }

    private static Outcome<SlotName> Slot(HttpContext context) => ((string)context.Request.RouteValues["entry"]!) switch
    {
        "primary" => new SlotName(CertificateSlot.Primary),
        "secondary" => new SlotName(CertificateSlot.Secondary),
        _ => new Refusal(PeopleErrors.NotFound, "A group has the certificates primary and secondary", "Use one of these in the address."),
    };

    private static Outcome<Reply> Answer(Outcome<CaCertificate> outcome) => outcome.Succeeded(out var entry, out var refusal) ? Reply.Of(Show(entry), DeviceJson.Default.OperatorCertificate) : refusal;

    private static OperatorCertificate Show(CaCertificate entry) => new() { Verified = entry.Verified, Info = new OperatorCertificateInfo(GroupCertificates.ThumbprintOf(entry)), Etag = entry.ETag };

    private async Task<OperatorGroupDescription> ShowAsync(Enrollment group, bool withKeys, CancellationToken token)
    {
        var attestation = AttestationEndpoints.Show(group.Attestation, withKeys);
        if (group.Attestation.Type == AttestationType.X509)
        {
            var primary = (await Certificates.GetAsync(group.Id, CertificateSlot.Primary, token)).Value;
            var secondary = (await Certificates.GetAsync(group.Id, CertificateSlot.Secondary, token)).Value;
            attestation = attestation with { X509 = new OperatorCertificates(SigningCertificates: new OperatorCertificatePair(primary is null ? null : Show(primary), secondary is null ? null : Show(secondary))) };
        }
        return new OperatorGroupDescription
        {
            Id = group.Id,
            DisplayName = group.Settings.DisplayName ?? group.Id,
            Enabled = group.Settings.Enabled,
            Type = group.Settings.IotEdge == true ? "iotEdge" : "iot",
            Attestation = attestation,
            Approval = EnrollmentForm.Show(group).Approval ?? "inherit",
            IdScope = _connection.IdScope,
            Etag = group.ETag,
        };
    }

    /// <summary>Each look at keys is in the audit log.</summary>
    private async Task NoteKeysAsync(Actor actor, IReadOnlyList<Enrollment> groups, CancellationToken token)
    {
        if (!actor.May(Permission.ManageConnection) || groups.All(g => g.Attestation.Type != AttestationType.SymmetricKey))
            return;
        await _api.Audit.AppendAsync(actor, new AuditAction("revealKeys", "enrollmentGroup", groups.Count == 1 ? groups[0].Id : "all"), token);
    }

    private sealed record SlotName(CertificateSlot Value);
}
