using Homeport.Contract.Errors;
using Homeport.Contract.Rest;
using Homeport.Hub.Twins;

namespace Homeport.Hub.Registry;

/// <summary>Reads identities from their REST form, and shows their credentials in it.</summary>
public static class IdentityForm
{
    private const int MinKey = 16;
    private const int MaxKey = 64;

    /// <summary>Reads a device of a PUT to <c>/devices/{deviceId}</c>.</summary>
    public static Outcome<Identity> Read(DeviceDescription device, string deviceId)
    {
        if (device.DeviceId is not null && !string.Equals(device.DeviceId, deviceId, StringComparison.Ordinal))
            return Invalid($"The body's deviceId '{device.DeviceId}' is not the path's '{deviceId}'", "Use the same id in both.");
        if (device.Status is not (null or "enabled" or "disabled"))
            return Invalid($"status is '{device.Status}'", "Use enabled or disabled.");
        if (device.ParentScopes is { Count: > 1 })
            return Invalid($"parentScopes has {device.ParentScopes.Count} entries", "A device has one parent at most.");
        if (!ReadAuthentication(device.Authentication).Succeeded(out var authentication, out var refusal))
            return refusal;
        return new Identity
        {
            DeviceId = deviceId,
            GenerationId = "",
            Enabled = device.Status != "disabled",
            StatusReason = device.StatusReason,
            Authentication = authentication,
            IotEdge = device.Capabilities?.IotEdge ?? false,
            DeviceScope = device.DeviceScope,
            ParentScope = device.ParentScopes is [{ Length: > 0 } parent, ..] ? parent : null,
        };
    }

    /// <summary>Reads a module of a PUT to <c>/devices/{deviceId}/modules/{moduleId}</c>.</summary>
    public static Outcome<Identity> Read(ModuleDescription module, string deviceId, string moduleId)
    {
        if (module.ModuleId is not null && !string.Equals(module.ModuleId, moduleId, StringComparison.Ordinal))
            return Invalid($"The body's moduleId '{module.ModuleId}' is not the path's '{moduleId}'", "Use the same id in both.");
        if (!ReadAuthentication(module.Authentication).Succeeded(out var authentication, out var refusal))
            return refusal;
        return new Identity { DeviceId = deviceId, ModuleId = moduleId, GenerationId = "", Authentication = authentication, ManagedBy = module.ManagedBy };
    }

    /// <summary>The credentials, with the keys or without.</summary>
    public static AuthenticationDescription ToDescription(Authentication authentication, bool withKeys = true) => new()
    {
        SymmetricKey = new SymmetricKeyDescription(withKeys ? Text(authentication.PrimaryKey) : null, withKeys ? Text(authentication.SecondaryKey) : null),
        X509Thumbprint = new ThumbprintDescription(authentication.PrimaryThumbprint, authentication.SecondaryThumbprint),
        Type = TwinDocument.TypeOf(authentication.Type),
    };

    private static Outcome<Authentication> ReadAuthentication(AuthenticationDescription? shown)
    {
        var (keys, thumbprints) = (shown?.SymmetricKey, shown?.X509Thumbprint);
        var hasKeys = !string.IsNullOrEmpty(keys?.PrimaryKey) || !string.IsNullOrEmpty(keys?.SecondaryKey);
        var hasThumbprints = !string.IsNullOrEmpty(thumbprints?.PrimaryThumbprint) || !string.IsNullOrEmpty(thumbprints?.SecondaryThumbprint);
        if (hasKeys && hasThumbprints)
            return Invalid("authentication has symmetric keys and thumbprints", "Use one of the two.");
        AuthenticationType? type = shown?.Type?.ToUpperInvariant() switch
        {
            null => hasThumbprints ? AuthenticationType.SelfSigned : AuthenticationType.Sas,
            "SAS" => AuthenticationType.Sas,
            "SELFSIGNED" => AuthenticationType.SelfSigned,
            "CERTIFICATEAUTHORITY" => AuthenticationType.CertificateAuthority,
            "NONE" => AuthenticationType.None,
            _ => null,
        };
        if (type is null)
            return Invalid($"authentication.type is '{shown!.Type}'", "Use sas, selfSigned, certificateAuthority or none.");
        if (type == AuthenticationType.SelfSigned && !hasThumbprints)
            return Invalid("authentication.type is selfSigned, but there is no thumbprint", "Add x509Thumbprint.primaryThumbprint.");
        if (type == AuthenticationType.Sas && hasThumbprints)
            return Invalid("authentication.type is sas, but there is a thumbprint", "Set the type to selfSigned, or leave the thumbprint out.");

        foreach (var (name, thumbprint) in ((string, string?)[])[("primaryThumbprint", thumbprints?.PrimaryThumbprint), ("secondaryThumbprint", thumbprints?.SecondaryThumbprint)])
        {
            if (!string.IsNullOrEmpty(thumbprint) && (thumbprint.Length is not (40 or 64) || !thumbprint.All(char.IsAsciiHexDigit)))
                return Invalid($"{name} is not a thumbprint", "Use the SHA-1 (40) or SHA-256 (64) of the certificate, in hexadecimal digits.");
        }
        if (!TryReadKey(keys?.PrimaryKey, out var primary) || !TryReadKey(keys?.SecondaryKey, out var secondary))
            return Invalid("a symmetric key is not usable", $"Use the Base64 text of {MinKey} to {MaxKey} bytes, or leave the keys out to have them made.");
        return type switch
        {
            AuthenticationType.Sas => new Authentication(AuthenticationType.Sas, primary, secondary),
            AuthenticationType.SelfSigned => new Authentication(AuthenticationType.SelfSigned, null, null, Upper(thumbprints?.PrimaryThumbprint), Upper(thumbprints?.SecondaryThumbprint)),
            _ => new Authentication(type.Value),
        };
    }

    private static bool TryReadKey(string? text, out byte[]? key)
    {
        key = null;
        if (string.IsNullOrEmpty(text))
            return true;
        var bytes = new byte[MaxKey + 3];
        if (!Convert.TryFromBase64String(text, bytes, out var length) || length is < MinKey or > MaxKey)
            return false;
        key = bytes[..length];
        return true;
    }

    private static string? Text(byte[]? key) => key is null ? null : Convert.ToBase64String(key);

    private static string? Upper(string? thumbprint) => string.IsNullOrEmpty(thumbprint) ? null : thumbprint.ToUpperInvariant();

    private static Refusal Invalid(string seen, string fix) => new(HubErrors.ArgumentInvalid, seen, fix);
}
