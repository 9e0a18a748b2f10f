using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Homeport.Contract.Errors;
using Homeport.Contract.Rest;
using Homeport.Gateway.Provisioning;
using Homeport.Provisioning.Attestation.Tpm;
using Homeport.Provisioning.Registrations;

namespace Homeport.Gateway.Amqp.Provisioning;

/// <summary>
/// The SASL mechanism TPM of the provisioning service. Source: the provisioning SDKs for C, C# and Node.
/// </summary>
/// <remarks><code>
///   init: 00 scope 00 registration 00 EK ──► Keys ──challenge: 00──► response: 00 SRK ──► Segments
///   Segments ──challenge: control, segment──► response: 00 (while segments are left)
///            ──last challenge──► response: 00 token ──► Done (outcome ok)
/// </code>
/// The control byte of a segment is 80, with 40 when it is the last, and the number in the lowest two bits. Whether there is an
/// enrollment for the device is not said here: a stranger's TPM gets a challenge as well, and hears the rest when it registers.
/// </remarks>
internal sealed class TpmExchange(RegistrationDoor door, RegistrationCall start)
{
    /// <summary>Bytes of a segment: SASL frames have at most 512.</summary>
    private const int SegmentSize = 470;

    /// <summary>The numbers of segments are 0 to 3.</summary>
    private const int MaxSegments = 4;

    private const int MaxMessage = 4096;
    private const byte Segmented = 0x80;
    private const byte Last = 0x40;

    private readonly List<byte[]> _segments = [];
    private readonly MemoryStream _received = new();
    private byte[]? _endorsementKey;
    private int _sent;

    /// <summary>The call with keys and token, when the exchange is done.</summary>
    public RegistrationCall Call { get; private set; } = start;

    /// <summary>True when the device has sent its token.</summary>
    public bool IsDone { get; private set; }

    /// <summary>Who, before anything else is known; replaced by the initial response.</summary>
    /// <param name="client">Its address.</param>
    public static RegistrationCall CallOf(AmqpClient client) => new() { IdScope = "", RegistrationId = "", ApiVersion = "", Address = client.Remote, Door = "dps amqp" };

    /// <summary>Takes a message of the device. The answer is the next challenge; empty when the exchange is done; a refusal ends it.</summary>
    public async Task<Outcome<byte[]>> TakeAsync(byte[] message, CancellationToken token)
    {
        if (message.Length == 0 || _received.Length + message.Length > MaxMessage)
            return Bad("a message is empty or too long");
        if ((message[0] & Segmented) != 0)
        {
            _received.Write(message.AsSpan(1));
            if ((message[0] & Last) == 0)
                return new byte[] { 0 };
            message = _received.ToArray();
            _received.SetLength(0);
            // A message in segments has the zero byte of a whole one in its first segment, or not at all.
            if (message.Length == 0 || message[0] != 0)
                message = [0, .. message];
        }
        if (message[0] != 0)
            return Bad("a message starts with neither a control byte nor a zero byte");
        var body = message.AsMemory(1);
        if (_endorsementKey is null)
            return TakeKey(body.Span);
        if (_segments.Count == 0)
            return await ChallengeAsync(body, token);
        if (_sent < _segments.Count)
            return Next();
        Call = Call with { Authorization = Encoding.ASCII.GetString(body.Span) };
        IsDone = true;
        return Array.Empty<byte>();
    }

    private Outcome<byte[]> TakeKey(ReadOnlySpan<byte> body)
    {
        var first = body.IndexOf((byte)0);
        var second = first < 0 ? -1 : body[(first + 1)..].IndexOf((byte)0);
        if (second < 0)
            return Bad("the first message has not scope, registration id and key with zero bytes between them");
        Call = Call with { IdScope = Encoding.UTF8.GetString(body[..first]), RegistrationId = Encoding.UTF8.GetString(body.Slice(first + 1, second)) };
        _endorsementKey = body[(first + second + 2)..].ToArray();
        return new byte[] { 0 };
    }

    private async Task<Outcome<byte[]>> ChallengeAsync(ReadOnlyMemory<byte> storageRootKey, CancellationToken token)
    {
        if (!TpmEvidence.Read(_endorsementKey, storageRootKey.Span).Succeeded(out var evidence, out var refusal))
            return refusal;
        Call = Call with { Tpm = evidence, ApiVersion = AnyVersion };
        var answer = await door.RegisterAsync(Call, default, token);
        // What is wrong is said when the device registers, by an error that its SDK can read.
        var blob = answer.Refusal is null ? Convert.FromBase64String(KeyOf(answer.Body)) : evidence.Wrap(RandomNumberGenerator.GetBytes(32));
        foreach (var segment in blob.Chunk(SegmentSize))
            _segments.Add(segment);
        return _segments.Count > MaxSegments ? Bad($"the challenge has {blob.Length} bytes") : Next();
    }

    private const string AnyVersion = "2019-03-31";

    private static string KeyOf(byte[] body) => JsonSerializer.Deserialize(body, ProvisioningJson.Wire.TpmChallengeBody)!.AuthenticationKey;

    private byte[] Next()
    {
        var control = Segmented | (_sent == _segments.Count - 1 ? Last : 0) | _sent;
        return [(byte)control, .. _segments[_sent++]];
    }

    private static Refusal Bad(string what) => new(ProvisioningErrors.BadRequest, $"SASL TPM: {what}", "Use an Azure provisioning SDK.");
}
