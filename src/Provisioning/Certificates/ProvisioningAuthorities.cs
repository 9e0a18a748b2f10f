using System.Security.Cryptography.X509Certificates;
using Homeport.Contract.Errors;
using Homeport.Hub.Access.Certificates;
using Homeport.Hub.Registry;

namespace Homeport.Provisioning.Certificates;

/// <summary>
/// The CA certificates of the provisioning service, to which enrollments refer by name. They are kept and verified as those of a hub; only
/// the numbers of the errors are the service's own.
/// </summary>
public sealed class ProvisioningAuthorities(ICertificateStore store, IRevocationStore revocations, TimeProvider time)
{
    private readonly CertificateAuthorities _authorities = new(store, time);
    private readonly Lock _lock = new();
    private UploadedAuthorities? _uploaded;
    private long _writes;

    /// <summary>All CA certificates in the order of their names.</summary>
    public Task<IReadOnlyList<CaCertificate>> ListAsync(CancellationToken token) => _authorities.ListAsync(token);

    /// <summary>Finds one.</summary>
    public async Task<Outcome<CaCertificate>> GetAsync(string name, CancellationToken token) => Own(await _authorities.GetAsync(name, token));

    /// <summary>Adds or replaces one, see <see cref="CertificateAuthorities.PutAsync"/>.</summary>
    public Task<Outcome<CaCertificate>> PutAsync(string name, string? text, bool attested, IfMatch condition, CancellationToken token)
        => WriteAsync(_authorities.PutAsync(name, text, attested, condition, token));

    /// <summary>Makes a code for the proof of possession.</summary>
    public Task<Outcome<CaCertificate>> GenerateCodeAsync(string name, IfMatch condition, CancellationToken token)
        => WriteAsync(_authorities.GenerateCodeAsync(name, condition, token));

    /// <summary>Takes the proof of possession.</summary>
    public Task<Outcome<CaCertificate>> VerifyAsync(string name, string? proof, IfMatch condition, CancellationToken token)
        => WriteAsync(_authorities.VerifyAsync(name, proof, condition, token));

    /// <summary>Deletes one with its revocation list. Devices that came by it register no more. Null when it is done.</summary>
    public async Task<Refusal?> DeleteAsync(string name, IfMatch condition, CancellationToken token)
    {
        var refusal = await _authorities.DeleteAsync(name, condition, token);
        if (refusal is null)
            await revocations.DeleteAsync(name, token);
        Forget();
        return refusal is null ? null : Own(refusal);
    }

    /// <summary>The revocation list of a CA.</summary>
    public async Task<Outcome<RevocationList>> GetListAsync(string name, CancellationToken token)
    {
        if ((await GetAsync(name, token)).Refusal is { } unknown)
            return unknown;
        return (await ReadAsync(token)).Lists.TryGetValue(name, out var list)
            ? list
            : new Refusal(ProvisioningErrors.NotFound, $"The CA certificate '{Shown.Text(name)}' has no revocation list", "Upload one.");
    }

    /// <summary>Sets the revocation list of a CA. An older one than the present is refused: it would bring back what was taken back.</summary>
    /// <param name="name">Name of the CA.</param>
    /// <param name="bytes">DER or PEM.</param>
    /// <param name="token">Ends the call.</param>
    public async Task<Outcome<RevocationList>> PutListAsync(string name, byte[] bytes, CancellationToken token)
    {
        if (!(await GetAsync(name, token)).Succeeded(out var entry, out var refusal))
            return refusal;
        if (!RevocationList.TryParse(bytes, out var list))
            return Invalid("The body is no certificate revocation list", "Send the list as the CA made it, DER or PEM.");
        using var authority = X509CertificateLoader.LoadCertificate(entry.Certificate);
        if (!list.IsSignedBy(authority))
            return Invalid($"The list was not signed by the CA '{Shown.Text(authority.Subject, 200)}' with RSA or ECDSA and SHA-2", "Upload the list to the CA that made it.");
        if ((await ReadAsync(token)).Lists.TryGetValue(name, out var present) && list.ThisUpdate < present.ThisUpdate)
            return Invalid($"The list is of {list.ThisUpdate.UtcDateTime:u}, older than the present one of {present.ThisUpdate.UtcDateTime:u}", "Upload the newest list.");
        await revocations.PutAsync(entry.Name, bytes, token);
        Forget();
        return list;
    }

    /// <summary>Removes the revocation list of a CA. Null when it is done.</summary>
    public async Task<Refusal?> DeleteListAsync(string name, CancellationToken token)
    {
        var deleted = await revocations.DeleteAsync(name, token);
        Forget();
        return deleted ? null : new Refusal(ProvisioningErrors.NotFound, $"The CA certificate '{Shown.Text(name)}' has no revocation list", "Correct the name.");
    }

    /// <summary>What there is now, from memory once it was read; the same object until something changes.</summary>
    internal async Task<UploadedAuthorities> ReadAsync(CancellationToken token)
    {
        long writes;
        lock (_lock)
        {
            if (_uploaded is not null)
                return _uploaded;
            writes = _writes;
        }
        var read = new UploadedAuthorities(await store.ListAsync(token), await revocations.ListAsync(token));
        lock (_lock)
        {
            // A write in between may be missing in what was read.
            if (writes == _writes)
                _uploaded ??= read;
            return _uploaded ?? read;
        }
    }

    private async Task<Outcome<CaCertificate>> WriteAsync(Task<Outcome<CaCertificate>> write)
    {
        try
        {
            return Own(await write);
        }
        finally
        {
            Forget();
        }
    }

    private void Forget()
    {
        lock (_lock)
        {
            _uploaded = null;
            _writes++;
        }
    }

    private static Outcome<CaCertificate> Own(Outcome<CaCertificate> outcome) => outcome.Succeeded(out var value, out var refusal) ? value : Own(refusal);

    private static Refusal Own(Refusal refusal) => refusal with
    {
        Error = refusal.Error.HttpStatus switch
        {
            404 => ProvisioningErrors.NotFound,
            409 => ProvisioningErrors.AlreadyExists,
            412 => ProvisioningErrors.PreconditionFailed,
            403 or 429 => ProvisioningErrors.LimitReached,
            _ => ProvisioningErrors.InvalidArgument,
        },
    };

    private static Refusal Invalid(string seen, string fix) => new(ProvisioningErrors.InvalidArgument, seen, fix);
}
