using Homeport.Hub.Live;
using Homeport.Hub.Registry;

namespace Homeport.Hub.Access.Certificates;

/// <summary>The live connections of devices that came by a CA.</summary>
public sealed class IssuedConnections(IIdentityStore identities, LiveConnections live)
{
    /// <summary>
    /// Ends the live connections of identities that are registered for a CA. Those of other CAs connect again at once; which CA let
    /// whom in is not kept for each connection.
    /// </summary>
    public async Task CloseAsync(CancellationToken token)
    {
        // First, so that a door that enters a connection behind this pass asks whether it still holds.
        live.NoteChange();
        foreach (var link in live.All)
        {
            var slash = link.Key.IndexOf('/', StringComparison.Ordinal);
            var identity = slash < 0
                ? await identities.FindAsync(link.Key, null, token)
                : await identities.FindAsync(link.Key[..slash], link.Key[(slash + 1)..], token);
            if (identity is null || identity.Authentication.Type == AuthenticationType.CertificateAuthority)
                link.Close(CloseReason.IdentityChanged);
        }
    }
}
