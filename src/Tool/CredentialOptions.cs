using System.CommandLine;
using Homeport.Contract.Rest;

namespace Homeport.Tool;

/// <summary>How a new identity proves who it is.</summary>
internal sealed class CredentialOptions
{
    private readonly Option<string> _type = new("--auth") { Description = "sas (keys are made), selfSigned (with --thumbprint), certificateAuthority or none" };
    private readonly Option<string> _primary = new("--thumbprint") { Description = "SHA-1 or SHA-256 of the certificate, in hexadecimal digits" };
    private readonly Option<string> _secondary = new("--secondary-thumbprint") { Description = "Of a second certificate" };

    public CredentialOptions() => _type.AcceptOnlyFromAmong("sas", "selfSigned", "certificateAuthority", "none");

    public void AddTo(Command command)
    {
        foreach (var option in (Option[])[_type, _primary, _secondary])
            command.Options.Add(option);
    }

    public AuthenticationDescription? Read(Call call)
    {
        var (type, primary, secondary) = (call.Get(_type), call.Get(_primary), call.Get(_secondary));
        return type is null && primary is null && secondary is null
            ? null
            : new AuthenticationDescription { Type = type, X509Thumbprint = primary is null && secondary is null ? null : new ThumbprintDescription(primary, secondary) };
    }
}
