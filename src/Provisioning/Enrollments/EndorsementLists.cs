using System.Diagnostics;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using Homeport.Contract.Errors;
using Homeport.Contract.Naming;
using Homeport.Hub.Access.Certificates;
using Homeport.Provisioning.Attestation.Tpm;
using Homeport.Provisioning.Attestation.X509;
using Homeport.Provisioning.Certificates;
using Homeport.Tpm.Attestation;
using Homeport.Tpm.Structures;

namespace Homeport.Provisioning.Enrollments;

/// <summary>
/// The endorsement keys that an operator lists for a TPM group, as the manufacturer delivers them with the chips. A key stands in the
/// list in any form, or by its certificate, which has to fit the group then.
/// </summary>
public sealed class EndorsementLists(EnrollmentService enrollments, IEndorsementStore store, ProvisioningAuthorities authorities, TimeProvider time)
{
    /// <summary>Keys that a group may have: two forms of a key for a million chips and more.</summary>
    public const int MaxKeys = 4_000_000;

    /// <summary>Rows that are stored at once.</summary>
    private const int Batch = 2000;

    private static readonly TimeSpan ProgressInterval = TimeSpan.FromSeconds(1);

    /// <summary>How many keys a group has.</summary>
    public async Task<Outcome<EndorsementPage>> ListAsync(string groupId, string? continuation, int pageSize, CancellationToken token)
    {
        if (!(await FindGroupAsync(groupId, token)).Succeeded(out var group, out var refusal))
            return refusal;
        byte[]? after = null;
        if (!string.IsNullOrEmpty(continuation) && !TryReadHash(continuation, out after))
            return EnrollmentQuery.BadContinuation();
        var keys = await store.ListAsync(group.Id, after, pageSize, token);
        return new EndorsementPage(keys, await store.CountAsync(group.Id, token), keys.Count == pageSize ? Convert.ToHexStringLower(keys[^1].Hash) : null);
    }

    /// <summary>Takes a key off the list: its TPM registers no more. Null when it is done.</summary>
    public async Task<Refusal?> DeleteAsync(string groupId, string hash, CancellationToken token)
    {
        if ((await FindGroupAsync(groupId, token)).Refusal is { } unknown)
            return unknown;
        return TryReadHash(hash, out var bytes) && await store.DeleteAsync(groupId, bytes!, token)
            ? null
            : new Refusal(ProvisioningErrors.NotFound, $"The list of the group '{Shown.Text(groupId)}' has no key with the hash '{Shown.Text(hash)}'", "Send the SHA-256 of the key's modulus as 64 hex digits, as the list shows it.");
    }

    /// <summary>The TPM group to which a list belongs.</summary>
    public async Task<Outcome<Enrollment>> FindGroupAsync(string groupId, CancellationToken token)
    {
        if (!(await enrollments.GetAsync(EnrollmentKind.Group, groupId, token)).Succeeded(out var group, out var refusal))
            return refusal;
        return group.Attestation.Type == AttestationType.Tpm
            ? group
            : EnrollmentForm.Invalid("enrollmentGroupId", $"the {group} has the attestation {group.Attestation}", "Lists belong to groups with tpm attestation.");
    }

    /// <summary>
    /// Adds the keys of a CSV text. Its first line names the columns: <c>endorsementKey</c>, <c>endorsementCertificate</c>, <c>registrationId</c>;
    /// without such a line the first column is the key. What was stored stays when a later row is wrong. Gives the progress about once a
    /// second, and in the end.
    /// </summary>
    /// <param name="group">From <see cref="FindGroupAsync"/>.</param>
    /// <param name="input">UTF-8 text; read as fast as it can be stored.</param>
    /// <param name="token">Ends the call.</param>
    public async IAsyncEnumerable<EndorsementProgress> ImportAsync(Enrollment group, PipeReader input, [EnumeratorCancellation] CancellationToken token)
    {
        var import = new Import(group, CertificateTrust.Read(null, [group], await authorities.ReadAsync(token)), time);
        var batch = new List<ListedEndorsement>(Batch);
        var shown = time.GetTimestamp();
        await foreach (var (line, values) in CsvRows.ReadAsync(input, token))
        {
            if (import.Read(line, values) is { } key)
                batch.Add(key);
            if (batch.Count < Batch)
                continue;
            import.Note(await store.AddAsync(group.Id, batch, MaxKeys, token));
            batch.Clear();
            if (time.GetElapsedTime(shown) < ProgressInterval)
                continue;
            shown = time.GetTimestamp();
            yield return import.Progress;
        }
        if (batch.Count > 0)
            import.Note(await store.AddAsync(group.Id, batch, MaxKeys, token));
        yield return import.Progress with { Done = true };
    }

    private static bool TryReadHash(string text, out byte[]? hash)
    {
        hash = null;
        if (text.Length != 64 || !text.All(char.IsAsciiHexDigit))
            return false;
        hash = Convert.FromHexString(text);
        return true;
    }

    /// <summary>Reads rows and counts.</summary>
    private sealed class Import(Enrollment group, CertificateTrust trust, TimeProvider time)
    {
        private const int MaxErrors = 20;
        private readonly EndorsementTrust _check = new(time);
        private readonly List<string> _errors = [];
        private int _key;
        private int _certificate = -1;
        private int _registration = -1;
        private bool _started;

        public EndorsementProgress Progress { get; private set; } = new() { Errors = [] };

        public void Note(EndorsementsAdded added) => Progress = Progress with
        {
            Added = Progress.Added + added.Added,
            Known = Progress.Known + added.Known,
            InOtherGroup = Progress.InOtherGroup + added.InOtherGroup,
            OverLimit = Progress.OverLimit + added.OverLimit,
        };

        public ListedEndorsement? Read(int line, string[] values)
        {
            if (!_started)
            {
                _started = true;
                if (ReadHeader(values))
                    return null;
            }
            Progress = Progress with { Rows = Progress.Rows + 1 };
            if (HashOf(values, out var reason) is { } hash && CheckId(Value(values, _registration), ref reason))
                return new ListedEndorsement(hash, group.Id, Value(values, _registration));
            Progress = Progress with { Invalid = Progress.Invalid + 1 };
            if (_errors.Count < MaxErrors)
            {
                _errors.Add($"line {line}: {reason}");
                Progress = Progress with { Errors = [.. _errors] };
            }
            return null;
        }

        private bool ReadHeader(string[] values)
        {
            int Column(string name) => Array.FindIndex(values, v => v.Equals(name, StringComparison.OrdinalIgnoreCase));
            var (key, certificate, registration) = (Column("endorsementKey"), Column("endorsementCertificate"), Column("registrationId"));
            if (key < 0 && certificate < 0)
                return false;
            (_key, _certificate, _registration) = (key, certificate, registration);
            return true;
        }

        private byte[]? HashOf(string[] values, out string reason)
        {
            if (Value(values, _certificate) is { } certificate)
                return HashOfCertificate(certificate, out reason);
            if (Value(values, _key) is not { } text)
            {
                reason = "there is neither a key nor a certificate in it";
                return null;
            }
            if (!TpmForm.ReadKey("endorsementKey", text).Succeeded(out var key, out var refusal))
            {
                reason = refusal.Seen;
                return null;
            }
            reason = "";
            return TpmPublic.TryParse(key, out var read, out _) ? EndorsementKeyForm.HashOf(read) : throw new UnreachableException();
        }

        private byte[]? HashOfCertificate(string text, out string reason)
        {
            if (!CertificateText.Read(text).Succeeded(out var certificate, out var refusal))
            {
                reason = refusal.Seen;
                return null;
            }
            using (certificate)
            {
                if (!EndorsementKeyForm.TryRead(certificate, out var key, out var error))
                {
                    reason = error.TrimEnd('.');
                    return null;
                }
                var hash = EndorsementKeyForm.HashOf(key);
                if (trust.Anchors.Count > 0)
                    return _check.Find(trust, hash, certificate.RawData, [], out reason) is null ? null : hash;
                reason = EndorsementTrust.FilterFailure(group.Attestation.Tpm?.Filter, EndorsementCertificate.Read(certificate)) ?? "";
                return reason.Length == 0 ? hash : null;
            }
        }

        private static bool CheckId(string? registrationId, ref string reason)
        {
            if (registrationId is null || RegistrationIdRules.Check(registrationId) is not { } bad)
                return true;
            reason = bad;
            return false;
        }

        private static string? Value(string[] values, int column) => column >= 0 && column < values.Length && values[column].Length > 0 ? values[column] : null;
    }
}

/// <summary>How far an import is, and what it met.</summary>
public sealed record EndorsementProgress
{
    /// <summary>Rows that were read.</summary>
    public long Rows { get; init; }

    /// <summary>Keys that are new.</summary>
    public long Added { get; init; }

    /// <summary>Keys that the group had.</summary>
    public long Known { get; init; }

    /// <summary>Keys that another group has.</summary>
    public long InOtherGroup { get; init; }

    /// <summary>Keys for which there was no room.</summary>
    public long OverLimit { get; init; }

    /// <summary>Rows that have no usable key.</summary>
    public long Invalid { get; init; }

    /// <summary>The first of them, and why.</summary>
    public required IReadOnlyList<string> Errors { get; init; }

    /// <summary>True for the last one.</summary>
    public bool Done { get; init; }
}

/// <summary>A page of a group's list.</summary>
/// <param name="Keys">In the order of their hashes.</param>
/// <param name="Count">How many there are in all.</param>
/// <param name="Continuation">Where the next page begins; null on the last one.</param>
public sealed record EndorsementPage(IReadOnlyList<ListedEndorsement> Keys, long Count, string? Continuation);
