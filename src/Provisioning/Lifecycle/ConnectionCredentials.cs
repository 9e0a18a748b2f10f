using Homeport.Contract.Access;
using Homeport.Contract.Errors;
using Homeport.Contract.Rest;
using Homeport.Hub.Registry;
using Homeport.Provisioning.Certificates;
using Homeport.Provisioning.Enrollments;

namespace Homeport.Provisioning.Lifecycle;

/// <summary>What a device needs to come: the ID scope, and its keys or what else proves who it is.</summary>
/// <param name="idScope">Of the application.</param>
/// <param name="enrollments">Groups and individual enrollments.</param>
/// <param name="authorities">The CA certificates of groups.</param>
public sealed class ConnectionCredentials(string idScope, EnrollmentService enrollments, ProvisioningAuthorities authorities)
{
    /// <summary>The group whose keys devices get when nobody says which; its name is IoT Central's.</summary>
    public const string DefaultGroup = "SAS-IoT-Devices";

    /// <summary>The application's ID scope.</summary>
    public string IdScope => idScope;

    /// <summary>The certificates of X.509 groups.</summary>
    public GroupCertificates Certificates { get; } = new(enrollments, authorities);

    /// <summary>The default group; it is made when it is asked for the first time.</summary>
    public async Task<Outcome<Enrollment>> DefaultGroupAsync(CancellationToken token)
    {
        if ((await enrollments.GetAsync(EnrollmentKind.Group, DefaultGroup, token)).Value is { } there)
            return there;
        var made = await enrollments.PutAsync(EnrollmentKind.Group, DefaultGroup, new EnrollmentDescription { Attestation = new AttestationDescription { Type = "symmetricKey" } }, IfMatch.Absent, token);
        return made.Refusal?.Error == ProvisioningErrors.AlreadyExists ? await enrollments.GetAsync(EnrollmentKind.Group, DefaultGroup, token) : made;
    }

    /// <summary>
    /// What a device proves itself with: an individual enrollment decides alone; else the keys derived for it from the group through which it
    /// came, or from the default group.
    /// </summary>
    public async Task<Outcome<DeviceCredentials>> OfAsync(DeviceFacts facts, CancellationToken token)
    {
        var enrollment = await EnrollmentAsync(facts, token);
        if (enrollment is null && !(await DefaultGroupAsync(token)).Succeeded(out enrollment, out var refusal))
            return refusal;
        return Of(enrollment, facts);
    }

    /// <summary>The enrollment that decides of a device: its own one, else the group through which it came; null when there is neither.</summary>
    public async Task<Enrollment?> EnrollmentAsync(DeviceFacts facts, CancellationToken token)
    {
        if (await IndividualAsync(facts, token) is { } individual)
            return individual;
        return facts.GroupId is { } id ? (await enrollments.GroupsAsync(token)).FirstOrDefault(g => g.Id.Equals(id, StringComparison.OrdinalIgnoreCase)) : null;
    }

    /// <summary>The keys that an enrollment has for a device.</summary>
    public static DeviceCredentials Of(Enrollment enrollment, DeviceFacts facts)
    {
        if (enrollment.Attestation is not { Type: AttestationType.SymmetricKey, PrimaryKey: { } primary, SecondaryKey: { } secondary })
            return new DeviceCredentials(enrollment, null, null);
        if (enrollment.Kind == EnrollmentKind.Individual)
            return new DeviceCredentials(enrollment, primary, secondary);
        var name = facts.RegistrationId ?? facts.DeviceId;
        return new DeviceCredentials(enrollment, DerivedKey.FromGroupKey(primary, name), DerivedKey.FromGroupKey(secondary, name));
    }

    /// <summary>The individual enrollment of a device, or null.</summary>
    public async Task<Enrollment?> IndividualAsync(DeviceFacts facts, CancellationToken token)
    {
        foreach (var id in ((string[])[facts.DeviceId, facts.RegistrationId ?? facts.DeviceId]).Distinct(StringComparer.OrdinalIgnoreCase))
        {
            if (await enrollments.FindIndividualAsync(id, token) is { } found && (found.Settings.DeviceId ?? found.Id).Equals(facts.DeviceId, StringComparison.OrdinalIgnoreCase))
                return found;
        }
        return null;
    }
}

/// <summary>With what a device proves itself.</summary>
/// <param name="Enrollment">The individual enrollment, or the group, that decides.</param>
/// <param name="PrimaryKey">The device's own key; null when it has another proof.</param>
/// <param name="SecondaryKey">The other one.</param>
public sealed record DeviceCredentials(Enrollment Enrollment, byte[]? PrimaryKey, byte[]? SecondaryKey)
{
    /// <summary>Names only: the keys stay out of logs.</summary>
    public override string ToString() => Enrollment.ToString();
}
