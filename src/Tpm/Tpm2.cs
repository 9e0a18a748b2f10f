using Homeport.Tpm.Channels;
using Homeport.Tpm.Commands;
using Homeport.Tpm.Structures;

namespace Homeport.Tpm;

/// <summary>The passwords of the hierarchies; all empty on a fresh TPM.</summary>
public sealed record TpmPasswords
{
    public static TpmPasswords Empty { get; } = new();

    public ReadOnlyMemory<byte> Owner { get; init; }

    public ReadOnlyMemory<byte> Endorsement { get; init; }

    public ReadOnlyMemory<byte> Lockout { get; init; }
}

/// <summary>
/// Executes commands on a channel: frames them, checks the response, and repeats a command for which the TPM had no time
/// (TPM_RC_RETRY, YIELDED, TESTING, NV_RATE). <see cref="TpmKeys"/>, <see cref="TpmStorage"/> and <see cref="TpmStatus"/> build on it.
/// </summary>
public sealed class Tpm2(ITpmChannel channel, TpmPasswords? passwords = null) : IDisposable
{
    private const ushort NoSessions = 0x8001;
    private const ushort WithSessions = 0x8002;

    /// <summary>Together about 12 seconds.</summary>
    private const int MaxRetries = 16;

    private static readonly TimeSpan FirstDelay = TimeSpan.FromMilliseconds(5);
    private static readonly TimeSpan LongestDelay = TimeSpan.FromSeconds(1);

    public string Name => channel.Name;

    /// <summary>For commands that this library does not know.</summary>
    public ITpmChannel Channel => channel;

    internal TpmPasswords Passwords { get; } = passwords ?? TpmPasswords.Empty;

    internal TpmAuthorization OwnerAuthorization => TpmAuthorization.Password(Passwords.Owner);

    internal TpmAuthorization EndorsementAuthorization => TpmAuthorization.Password(Passwords.Endorsement);

    internal TpmAuthorization LockoutAuthorization => TpmAuthorization.Password(Passwords.Lockout);

    public void Dispose() => channel.Dispose();

    /// <summary>Removes a transient object or session. Fails silently on purpose: it runs on error paths, where the first error counts.</summary>
    internal void FlushQuietly(uint handle)
    {
        try
        {
            Execute(new FlushContextCommand(handle));
        }
        catch (TpmException e) when (e.Failure is TpmFailure.Refused or TpmFailure.Unreachable or TpmFailure.TimedOut)
        {
            // A session that its command consumed is gone already, and a broken channel cleans up itself where a resource manager is.
        }
    }

    internal TResponse Execute<TResponse>(ITpmCommand<TResponse> command)
    {
        var request = Encode(command);
        var response = SubmitWithRetry(request, out var code);
        if (code == (uint)TpmResponseCode.Initialize && command is not StartupCommand)
        {
            // It was reset since its start. Persistent keys and NV are as they were; what was transient makes its own command fail.
            SubmitWithRetry(Encode(new StartupCommand()), out _);
            response = SubmitWithRetry(request, out code);
        }

        if (code != 0)
            throw new TpmException(command.Code, code);
        return Decode(command, response);
    }

    internal static byte[] Encode<TResponse>(ITpmCommand<TResponse> command)
    {
        var body = new TpmWriter();
        foreach (var handle in command.Handles)
            body.U32(handle);
        var authorizations = command.Authorizations;
        if (authorizations.Count > 0)
        {
            var area = new TpmWriter();
            foreach (var authorization in authorizations)
                authorization.Write(area);
            body.U32((uint)area.Length).Bytes(area.Written);
        }

        command.WriteParameters(body);
        return new TpmWriter()
            .U16(authorizations.Count > 0 ? WithSessions : NoSessions)
            .U32((uint)(TpmFrame.HeaderBytes + body.Length))
            .U32((uint)command.Code)
            .Bytes(body.Written)
            .ToArray();
    }

    internal static TResponse Decode<TResponse>(ITpmCommand<TResponse> command, ReadOnlySpan<byte> response)
    {
        var reader = new TpmReader(response);
        var tag = reader.U16();
        _ = reader.U32();
        _ = reader.U32();
        var handle = command.ReturnsHandle ? reader.U32() : 0;
        var parameters = tag == WithSessions ? new TpmReader(reader.Bytes(ToLength(reader.U32()))) : reader;
        var result = command.ReadResponse(handle, ref parameters);
        if (reader.Failed || !parameters.Complete || tag != (command.Authorizations.Count > 0 ? WithSessions : NoSessions))
            throw new TpmException(TpmFailure.Malformed, $"TPM2_{command.Code}: the response does not have the form of the specification.");
        return result;
    }

    private static int ToLength(uint value) => value > TpmFrame.MaxBytes ? -1 : (int)value;

    private byte[] SubmitWithRetry(byte[] request, out uint code)
    {
        var delay = FirstDelay;
        for (var retries = 0; ; retries++)
        {
            var response = channel.Submit(request);
            var header = new TpmReader(response);
            _ = header.U16();
            var size = header.U32();
            code = header.U32();
            if (header.Failed || size != response.Length)
                throw new TpmException(TpmFailure.Malformed, $"{channel.Name}: a response of {response.Length} bytes announces {size}.");
            if (!TpmErrors.IsRetry(code) || retries == MaxRetries)
                return response;
            Thread.Sleep(delay);
            delay = TimeSpan.FromTicks(Math.Min(delay.Ticks * 2, LongestDelay.Ticks));
        }
    }
}
