using Homeport.Hub.Live;

namespace Homeport.Hub.Access.Certificates;

/// <summary>The live connections of devices that came by a CA.</summary>
public sealed class IssuedConnections(LiveConnections live)
{
    /// <summary>Ends the live connections that this CA let in.</summary>
    public Task CloseAsync(CaCertificate gone, CancellationToken token)
    {
        var thumbprint = CertificateCheck.ThumbprintOf(gone.Certificate);
        // First, so that a door that enters a connection behind this pass asks whether it still holds.
        live.NoteChange();
        foreach (var link in live.All)
        {
            if (link.Authority == thumbprint)
                link.Close(CloseReason.IdentityChanged);
        }
        return Task.CompletedTask;
    }
}
