using System.Runtime.InteropServices;
using System.Runtime.Versioning;

namespace Homeport.Tpm.Channels;

/// <summary>
/// The TPM Base Services of Windows (tbs.dll). Windows shares the TPM among programs as the resource manager of Linux does, and blocks some commands.
/// Needs administrator rights for what uses the owner hierarchy.
/// </summary>
[SupportedOSPlatform("windows")]
public sealed partial class TbsChannel : ITpmChannel
{
    private const uint NormalPriority = 200;
    private nint _context;

    /// <summary>Opens a context of TPM 2.0.</summary>
    /// <exception cref="TpmException">This Windows has no TPM 2.0 or refuses access.</exception>
    public TbsChannel()
    {
        // TBS_CONTEXT_PARAMS2: version 2, includeTpm20 is bit 2.
        Span<uint> parameters = [2, 1 << 2];
        Check(Tbsi_Context_Create(parameters, out _context), "Tbsi_Context_Create");
    }

    public string Name => "tbs";

    public byte[] Submit(ReadOnlySpan<byte> command)
    {
        TpmFrame.CheckCommand(command);
        ObjectDisposedException.ThrowIf(_context == 0, this);
        var response = new byte[TpmFrame.MaxBytes];
        var length = (uint)response.Length;
        Check(Tbsip_Submit_Command(_context, 0, NormalPriority, command, (uint)command.Length, response, ref length), "Tbsip_Submit_Command");
        if (length < TpmFrame.HeaderBytes || TpmFrame.CheckSize(response, Name) != length)
            throw new TpmException(TpmFailure.Malformed, $"{Name}: a response of {length} bytes does not match its header.");
        return response[..(int)length];
    }

    public void Dispose()
    {
        if (_context != 0)
            _ = Tbsip_Context_Close(_context);
        _context = 0;
    }

    private static void Check(uint result, string function)
    {
        if (result == 0)
            return;
        var reason = result switch
        {
            0x8028400F => "this machine has no TPM; enable it in the firmware setup",
            0x80284008 => "the service TBS (TPM Base Services) is not running",
            0x80280400 => "Windows blocks this command",
            0x80070005 => "access denied; run as administrator",
            _ => "see the Windows error code",
        };
        throw new TpmException(TpmFailure.Unreachable, $"tbs: {function} failed with 0x{result:x8}: {reason}.");
    }

    [LibraryImport("tbs.dll")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial uint Tbsi_Context_Create(ReadOnlySpan<uint> parameters, out nint context);

    [LibraryImport("tbs.dll")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial uint Tbsip_Submit_Command(
        nint context, uint locality, uint priority, ReadOnlySpan<byte> command, uint commandLength, Span<byte> response, ref uint responseLength);

    [LibraryImport("tbs.dll")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial uint Tbsip_Context_Close(nint context);
}
