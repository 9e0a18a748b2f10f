using Homeport.Contract.Errors;
using Homeport.Contract.Naming;
using Homeport.Contract.Rest;
using Homeport.Hub.Registry;
using Homeport.Provisioning.Allocation;

namespace Homeport.Provisioning.Enrollments;

/// <summary>The enrollments of one application: who may register, and with which proof.</summary>
public sealed class EnrollmentService(IEnrollmentStore store, IEndorsementStore endorsements, HubAllocator allocator, TimeProvider time)
{
    /// <summary>Individual enrollments an application may have.</summary>
    public const int MaxIndividual = 1_000_000;

    /// <summary>Groups an application may have. It bounds the search for the group of a device.</summary>
    public const int MaxGroups = 200;

    /// <summary>Null when there is a CA of this name that issues certificates to devices, else what is wrong; null in itself: there is none.</summary>
    public Func<string, string?>? CheckIssuer { get; init; }

    private readonly Lock _lock = new();
    private IReadOnlyList<Enrollment>? _groups;
    private long _groupWrites;

    /// <summary>Finds one for a service client.</summary>
    public async Task<Outcome<Enrollment>> GetAsync(EnrollmentKind kind, string id, CancellationToken token)
    {
        if (CheckId(id) is { } bad)
            return bad;
        return await store.FindAsync(kind, id, token) is { } found ? found : NotFound(kind, id);
    }

    /// <summary>
    /// Creates or replaces, as PUT does: without If-Match it creates and an existing entry is a conflict; with a matching one
    /// it replaces; <c>*</c> does either.
    /// </summary>
    public async Task<Outcome<Enrollment>> PutAsync(EnrollmentKind kind, string id, EnrollmentDescription sent, IfMatch condition, CancellationToken token)
    {
        if (CheckId(id) is { } badId)
            return badId;
        var sentId = kind == EnrollmentKind.Individual ? sent.RegistrationId : sent.EnrollmentGroupId;
        if (!string.IsNullOrEmpty(sentId) && !sentId.Equals(id, StringComparison.OrdinalIgnoreCase))
            return EnrollmentForm.Invalid(IdMember(kind), $"the body has '{Shown.Text(sentId)}', the address '{id}'", "Send the same id in both.");
        var existing = await store.FindAsync(kind, id, token);
        if (existing is null && condition.IsConditional)
            return NotFound(kind, id);
        if (existing is not null && condition.IsAbsent)
            return Exists(existing);
        if (existing is not null && !condition.Matches(existing.ETag))
            return Changed(existing);
        if (!Read(kind, id, sent, existing).Succeeded(out var wanted, out var refusal))
            return refusal;
        return existing is null ? await InsertAsync(wanted, token) : await ReplaceAsync(wanted, existing, token);
    }

    /// <summary>Deletes one. The device in the hub and its registration record stay. Null when it is done.</summary>
    public async Task<Refusal?> DeleteAsync(EnrollmentKind kind, string id, IfMatch condition, CancellationToken token)
    {
        if (CheckId(id) is { } bad)
            return bad;
        while (await store.FindAsync(kind, id, token) is { } existing)
        {
            if (!condition.IsAbsent && !condition.Matches(existing.ETag))
                return Changed(existing);
            await ForgetListAsync(existing, token);
            var deleted = await store.DeleteAsync(kind, id, existing.ETag, token);
            ForgetGroups(kind);
            if (deleted)
                return null;
            // Another writer was faster: look again.
        }
        return NotFound(kind, id);
    }

    /// <summary>One page of a query.</summary>
    /// <param name="kind">Which enrollments.</param>
    /// <param name="query">Text of the query, see <see cref="EnrollmentQuery"/>.</param>
    /// <param name="pageSize">Items of a page.</param>
    /// <param name="continuation">From the previous page.</param>
    /// <param name="token">Ends the call.</param>
    public async Task<Outcome<QueryPage<Enrollment>>> QueryAsync(EnrollmentKind kind, string? query, int pageSize, string? continuation, CancellationToken token)
    {
        if (EnrollmentQuery.Check(query) is { } bad)
            return bad;
        if (!EnrollmentQuery.TryReadContinuation(continuation, out var after))
            return EnrollmentQuery.BadContinuation();
        return EnrollmentQuery.Page(await store.ListAsync(kind, after, pageSize + 1, token), pageSize, e => e.Id);
    }

    /// <summary>The individual enrollment of a device, if there is one.</summary>
    internal Task<Enrollment?> FindIndividualAsync(string registrationId, CancellationToken token) => store.FindAsync(EnrollmentKind.Individual, registrationId, token);

    /// <summary>An endorsement key that the list of a group has, if one does.</summary>
    internal Task<ListedEndorsement?> FindListedAsync(byte[] hash, CancellationToken token) => endorsements.FindAsync(hash, token);

    /// <summary>All groups, from memory once they were read.</summary>
    internal async Task<IReadOnlyList<Enrollment>> GroupsAsync(CancellationToken token)
    {
        long writes;
        lock (_lock)
        {
            if (_groups is not null)
                return _groups;
            writes = _groupWrites;
        }
        var groups = await store.ListAsync(EnrollmentKind.Group, null, MaxGroups, token);
        lock (_lock)
        {
            // A write in between may be missing in what was read.
            if (writes == _groupWrites)
                _groups = groups;
        }
        return groups;
    }

    private async Task<Outcome<Enrollment>> InsertAsync(Enrollment wanted, CancellationToken token)
    {
        var limit = wanted.Kind == EnrollmentKind.Individual ? MaxIndividual : MaxGroups;
        var result = await store.InsertAsync(wanted, limit, token);
        ForgetGroups(wanted.Kind);
        return result switch
        {
            InsertResult.Added => wanted,
            InsertResult.Exists => Exists(wanted),
            _ => new Refusal(ProvisioningErrors.LimitReached, $"There are {limit} {(wanted.Kind == EnrollmentKind.Individual ? "individual enrollments" : "enrollment groups")}", "Delete one that is not used any more."),
        };
    }

    private async Task<Outcome<Enrollment>> ReplaceAsync(Enrollment wanted, Enrollment existing, CancellationToken token)
    {
        var replaced = await store.ReplaceAsync(wanted, existing.ETag, token);
        ForgetGroups(wanted.Kind);
        return replaced ? wanted : Changed(existing);
    }

    private Outcome<Enrollment> Read(EnrollmentKind kind, string id, EnrollmentDescription sent, Enrollment? existing)
    {
        if (!AttestationForm.Read(kind, sent.Attestation, existing?.Attestation).Succeeded(out var attestation, out var refusal))
            return refusal;
        if (!EnrollmentForm.ReadSettings(kind, sent).Succeeded(out var settings, out refusal))
            return refusal;
        if (allocator.Check(settings) is { } badHub)
            return badHub;
        if (settings.IssuingAuthority is { } issuer && (CheckIssuer is null ? "no certificates are issued here" : CheckIssuer(issuer)) is { } noIssuer)
            return EnrollmentForm.Invalid("clientCertificateIssuancePolicy.certificateAuthorityName", noIssuer, "Name a CA of the server, or leave the policy out.");
        var now = StoredTime.Now(time);
        return new Enrollment
        {
            Kind = kind,
            Id = existing?.Id ?? id,
            ETag = Guid.NewGuid().ToString("D"),
            Created = existing?.Created ?? now,
            Updated = now,
            Attestation = attestation,
            Settings = kind == EnrollmentKind.Group ? EnrollmentForm.Keep(settings, sent, existing?.Settings) : settings,
        };
    }

    /// <summary>In pieces, so that other writers get their turn in between.</summary>
    private async Task ForgetListAsync(Enrollment deleted, CancellationToken token)
    {
        const int Piece = 5000;
        if (deleted.Attestation.Type != AttestationType.Tpm || deleted.Kind != EnrollmentKind.Group)
            return;
        while (await endorsements.DeleteSomeAsync(deleted.Id, Piece, token) == Piece)
            token.ThrowIfCancellationRequested();
    }

    private void ForgetGroups(EnrollmentKind kind)
    {
        if (kind != EnrollmentKind.Group)
            return;
        lock (_lock)
        {
            _groups = null;
            _groupWrites++;
        }
    }

    private static Refusal? CheckId(string id) => RegistrationIdRules.Check(id) is { } reason
        ? EnrollmentForm.Invalid("id", reason.Replace("registration id", "id", StringComparison.Ordinal), $"Allowed are 1 to {RegistrationIdRules.MaxLength} letters, digits and - . _ :, the last a letter, digit or dash.")
        : null;

    private static string IdMember(EnrollmentKind kind) => kind == EnrollmentKind.Individual ? "registrationId" : "enrollmentGroupId";

    private static Refusal NotFound(EnrollmentKind kind, string id)
        => new(ProvisioningErrors.EnrollmentNotFound, kind == EnrollmentKind.Individual ? $"There is no individual enrollment '{id}'" : $"There is no enrollment group '{id}'", "Create it, or correct its id.");

    private static Refusal Exists(Enrollment enrollment)
        => new(ProvisioningErrors.AlreadyExists, $"There is an {enrollment}", "To change it, send the header If-Match with its ETag or *.");

    private static Refusal Changed(Enrollment enrollment)
        => new(ProvisioningErrors.PreconditionFailed, $"The {enrollment} has another ETag than If-Match asks for", "Read it again, repeat your change on that, or send If-Match: *.");
}
