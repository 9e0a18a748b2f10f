using Homeport.Hub.Live;
using Homeport.Hub.Registry;

namespace Homeport.Hub.Access.Certificates;

/// <summary>The live connections of devices that came by a CA.</summary>
public sealed class IssuedConnections(IIdentityStore identities, LiveConnections live)
{
    /// <summary>
    /// Ends the live connections that this CA let in. Where a door does not say which one it was, those of all identities that are
    /// registered for a CA: those of other CAs connect again at once.
    /// </summary>
    public async Task CloseAsync(CaCertificate gone, CancellationToken token)
    {
        var thumbprint = CertificateCheck.ThumbprintOf(gone.Certificate);
        // First, so that a door that enters a connection behind this pass asks whether it still holds.
        live.NoteChange();
        foreach (var link in live.All)
        {
            if (link.Authority is { } authority)
            {
                if (authority == thumbprint)
                    link.Close(CloseReason.IdentityChanged);
                continue;
            }
            var slash = link.Key.IndexOf('/', StringComparison.Ordinal);
            var identity = slash < 0
                ? await identities.FindAsync(link.Key, null, token)
                : await identities.FindAsync(link.Key[..slash], link.Key[(slash + 1)..], token);
            if (identity is null || identity.Authentication.Type == AuthenticationType.CertificateAuthority)
                link.Close(CloseReason.IdentityChanged);
        }
    }
}
