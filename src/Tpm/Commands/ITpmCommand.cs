using Homeport.Tpm.Structures;

namespace Homeport.Tpm.Commands;

/// <summary>One command with its parameters; the same type decodes the response. Executed by <see cref="Tpm2"/>.</summary>
internal interface ITpmCommand<out TResponse>
{
    TpmCommandCode Code { get; }

    /// <summary>The handles in front of the parameters, in the order of Part 3.</summary>
    IReadOnlyList<uint> Handles => [];

    /// <summary>One authorization for each handle that needs one, in the same order.</summary>
    IReadOnlyList<TpmAuthorization> Authorizations => [];

    /// <summary>True when the response carries a handle in front of its parameters.</summary>
    bool ReturnsHandle => false;

    void WriteParameters(TpmWriter writer)
    {
    }

    /// <summary>Decodes the parameters. The caller checks that the reader came out complete.</summary>
    TResponse ReadResponse(uint handle, ref TpmReader reader);
}

/// <summary>The response of a command that returns nothing but success.</summary>
internal readonly record struct NoParameters;

/// <summary>A password, or a policy session that ends with the command.</summary>
internal readonly record struct TpmAuthorization(uint Session, ReadOnlyMemory<byte> Secret)
{
    public static TpmAuthorization Empty { get; } = new(TpmHandle.Password, default);

    public static TpmAuthorization Password(ReadOnlyMemory<byte> secret) => new(TpmHandle.Password, secret);

    public static TpmAuthorization Policy(uint session) => new(session, default);

    /// <summary>Handle, no nonce, no attributes (continueSession clear), and the password in the place of the HMAC.</summary>
    public void Write(TpmWriter writer) => writer.U32(Session).U16(0).U8(0).Sized(Secret.Span);
}
