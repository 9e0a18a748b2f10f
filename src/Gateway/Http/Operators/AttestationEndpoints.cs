using Homeport.Contract.Errors;
using Homeport.Contract.Rest;
using Homeport.Contract.Rest.Operators;
using Homeport.Hub.Registry;
using Homeport.People.Access;
using Homeport.Provisioning.Enrollments;
using Homeport.Provisioning.Lifecycle;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Homeport.Gateway.Http.Operators;

/// <summary>What a single device proves itself with, over REST in the form of IoT Central.</summary>
public static class AttestationEndpoints
{
    /// <summary>Maps <c>/api/devices/{id}/credentials</c> and <c>/api/devices/{id}/attestation</c>.</summary>
    public static void MapAttestation(this IEndpointRouteBuilder routes, OperatorApi api, DeviceLifecycle devices, ConnectionCredentials connection, EnrollmentService enrollments)
    {
        api.MapRead(routes, "/api/devices/{id}/credentials", new Operation("getDeviceCredentials", Permission.RevealDeviceKeys, "Shows the keys of a device, and the ID scope.") { Audited = "device" },
            (context, _) => CredentialsAsync(context, devices, connection));
        const string path = "/api/devices/{id}/attestation";
        api.MapRead(routes, path, new Operation("getAttestation", Permission.RevealDeviceKeys, "Shows the individual enrollment of a device, with its keys.") { Audited = "device" }, async (context, _)
            => (await FindAsync(context, devices, connection)).Succeeded(out var found, out var refusal) ? Answer(found) : refusal);
        api.MapChange(routes, "PUT", path, Change("putAttestation", "Gives a device an individual enrollment: from then on that decides alone."), (context, _) => PutAsync(context, devices, connection, enrollments));
        api.MapChange(routes, "PATCH", path, Change("patchAttestation", "Changes the individual enrollment of a device."), (context, _) => PutAsync(context, devices, connection, enrollments));
        api.MapChange(routes, "DELETE", path, Change("deleteAttestation", "Takes the individual enrollment of a device away."), async (context, _) =>
        {
            if (!(await FindAsync(context, devices, connection)).Succeeded(out var found, out var refusal))
                return refusal;
            return await enrollments.DeleteAsync(EnrollmentKind.Individual, found.Id, IfMatch.Absent, context.RequestAborted) is { } notDeleted ? notDeleted : Reply.Empty;
        });
    }

    /// <summary>An attestation as REST shows it.</summary>
    internal static OperatorAttestation Show(AttestationMechanism attestation, bool withKeys)
    {
        var shown = EnrollmentForm.ShowAttestation(attestation);
        return new OperatorAttestation
        {
            Type = shown.Type,
            SymmetricKey = withKeys && shown.SymmetricKey is { } keys ? new KeyPairDescription(keys.PrimaryKey, keys.SecondaryKey) : null,
            Tpm = shown.Tpm is { } tpm ? new EndorsementBody(tpm.EndorsementKey) : null,
            X509 = shown.X509 is { } x509 ? new OperatorCertificates(Show(x509.ClientCertificates), Show(x509.SigningCertificates)) : null,
        };
    }

    /// <summary>An attestation as provisioning takes it.</summary>
    internal static AttestationDescription Read(OperatorAttestation sent) => new()
    {
        Type = sent.Type,
        SymmetricKey = sent.SymmetricKey is { } keys ? new SymmetricKeyDescription(keys.PrimaryKey, keys.SecondaryKey) : null,
        Tpm = sent.Tpm is { } tpm ? new TpmAttestationDescription(tpm.EndorsementKey) : null,
        X509 = sent.X509 is { } x509 ? new X509AttestationDescription { ClientCertificates = Read(x509.ClientCertificates), SigningCertificates = Read(x509.SigningCertificates) } : null,
    };

    private static Operation Change(string name, string summary) => new(name, Permission.ManageDevices, summary) { Audited = "device" };

    private static async Task<Outcome<Reply>> CredentialsAsync(HttpContext context, DeviceLifecycle devices, ConnectionCredentials connection)
    {
        if (!(await devices.GetAsync(OperatorApi.Id(context), context.RequestAborted)).Succeeded(out var device, out var refusal)
            || !(await connection.OfAsync(device, context.RequestAborted)).Succeeded(out var credentials, out refusal))
        {
            return refusal;
        }
        var shown = Show(credentials.Enrollment.Attestation, withKeys: false);
        return Reply.Of(
            new DeviceCredentialsDescription
            {
                IdScope = connection.IdScope,
                SymmetricKey = credentials.PrimaryKey is { } primary ? new KeyPairDescription(Convert.ToBase64String(primary), Convert.ToBase64String(credentials.SecondaryKey!)) : null,
                X509 = credentials.Enrollment.Kind == EnrollmentKind.Individual ? shown.X509 : null,
                Tpm = shown.Tpm,
            },
            DeviceJson.Default.DeviceCredentialsDescription);
    }

    private static async Task<Outcome<Enrollment>> FindAsync(HttpContext context, DeviceLifecycle devices, ConnectionCredentials connection)
    {
        if (!(await devices.GetAsync(OperatorApi.Id(context), context.RequestAborted)).Succeeded(out var device, out var refusal))
            return refusal;
        return await connection.IndividualAsync(device, context.RequestAborted) is { } found
            ? found
            : new Refusal(PeopleErrors.NotFound, $"Device '{device.DeviceId}' has no individual enrollment", "It comes by a group; PUT an attestation to give it one of its own.");
    }

    private static async Task<Outcome<Reply>> PutAsync(HttpContext context, DeviceLifecycle devices, ConnectionCredentials connection, EnrollmentService enrollments)
    {
        if (!(await OperatorApi.ReadAsync(context, DeviceJson.Default.OperatorAttestation)).Succeeded(out var body, out var refusal)
            || !(await devices.GetAsync(OperatorApi.Id(context), context.RequestAborted)).Succeeded(out var device, out refusal))
        {
            return refusal;
        }
        OperatorApi.Note(context, device.DeviceId, body.Type);
        var existing = await connection.IndividualAsync(device, context.RequestAborted);
        var wanted = existing is null
            ? new EnrollmentDescription { DeviceId = device.DeviceId, Attestation = Read(body) }
            : EnrollmentForm.Show(existing) with { Attestation = Read(body with { Type = body.Type ?? Show(existing.Attestation, withKeys: false).Type }) };
        var put = await enrollments.PutAsync(EnrollmentKind.Individual, existing?.Id ?? device.RegistrationId ?? device.DeviceId, wanted, existing is null ? IfMatch.Absent : IfMatch.Parse(existing.ETag), context.RequestAborted);
        return put.Succeeded(out var enrolled, out refusal) ? Answer(enrolled) : refusal;
    }

    private static Outcome<Reply> Answer(Enrollment enrollment) => Reply.Of(Show(enrollment.Attestation, withKeys: true), DeviceJson.Default.OperatorAttestation);

    private static OperatorCertificatePair? Show(CertificatePairDescription? pair) => pair is null ? null : new OperatorCertificatePair(Show(pair.Primary), Show(pair.Secondary));

    private static OperatorCertificate? Show(CertificateWithInfo? certificate)
        => certificate is null ? null : new OperatorCertificate { Certificate = certificate.Certificate, Info = certificate.Info?.Sha1Thumbprint is { } thumbprint ? new OperatorCertificateInfo(thumbprint) : null };

    private static CertificatePairDescription? Read(OperatorCertificatePair? pair) => pair is null ? null : new CertificatePairDescription(Read(pair.Primary), Read(pair.Secondary));

    private static CertificateWithInfo? Read(OperatorCertificate? certificate) => certificate is null ? null : new CertificateWithInfo(certificate.Certificate);
}
