using System.Text;
using Homeport.Device.Client.Errors;
using Homeport.Device.Hub;

namespace Homeport.Device.Provisioning;

/// <summary>
/// The device's side of the SASL mechanism TPM, up to the challenge: shows the storage root key when the service asks, and collects the segments of what the
/// TPM has to open. Source: the provisioning SDKs for C, C# and Node.
/// </summary>
internal sealed class TpmSasl(byte[] storageRootKey)
{
    public const string Mechanism = "TPM";

    private const int MaxChallenge = 4096;
    private const byte Segmented = 0x80;
    private const byte Last = 0x40;
    private const byte Number = 0x03;

    private readonly List<byte> _challenge = [];
    private int _segments;
    private bool _hasShownKey;

    /// <summary>The first message: who wants to register.</summary>
    public static byte[] Begin(string idScope, string registrationId, byte[] endorsementKey)
        => [0, .. Encoding.UTF8.GetBytes(idScope), 0, .. Encoding.UTF8.GetBytes(registrationId), 0, .. endorsementKey];

    /// <summary>The last message.</summary>
    public static byte[] Token(string token) => [0, .. Encoding.UTF8.GetBytes(token)];

    /// <summary>Takes a challenge of the mechanism: gives the response to it, or what the TPM has to open when that is complete.</summary>
    /// <exception cref="IotHubException">The service does not keep to the mechanism.</exception>
    public (byte[]? Response, byte[]? Challenge) Take(ReadOnlySpan<byte> message)
    {
        if (message is [0] && !_hasShownKey)
        {
            _hasShownKey = true;
            return ([0, .. storageRootKey], null);
        }

        if (!_hasShownKey || message.IsEmpty || (message[0] & Segmented) == 0 || (message[0] & Number) != (_segments++ & Number) || _challenge.Count + message.Length > MaxChallenge)
            throw IotHubException.Of(HubLinkEnd.ProtocolError, "The service does not speak the SASL mechanism TPM. Is it a provisioning service?");
        _challenge.AddRange(message[1..]);
        return (message[0] & Last) == 0 ? ([0], null) : (null, [.. _challenge]);
    }
}
