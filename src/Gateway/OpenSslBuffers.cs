using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Homeport.Gateway;

/// <summary>
/// Lets OpenSSL give the two 16 KB record buffers of a connection back whenever they are empty (SSL_MODE_RELEASE_BUFFERS), as nginx
/// and mosquitto do. They are most of what an idle connection costs.
/// </summary>
/// <remarks>
/// The runtime has no setting for it and gives its contexts to nobody. OpenSSL itself calls whoever registered application data for
/// contexts (CRYPTO_get_ex_new_index) with each new one, the runtime's as well; there the mode is set, by documented functions of
/// OpenSSL alone. Where that does not work (another system, another OpenSSL), connections cost more and nothing else changes.
/// </remarks>
public static class OpenSslBuffers
{
    /// <summary>The version whose library the runtime has loaded and whose numbers these are.</summary>
    private const long TestedMajor = 3;
    private const string Library = "libssl.so.3";

    /// <summary>CRYPTO_EX_INDEX_SSL_CTX of crypto.h.</summary>
    private const int ContextClass = 1;

    /// <summary>SSL_CTRL_MODE of ssl.h.</summary>
    private const int ControlMode = 33;

    /// <summary>SSL_MODE_RELEASE_BUFFERS of ssl.h.</summary>
    private const nint ReleaseBuffers = 0x10;

    private static readonly Lock Once = new();

    // OpenSSL calls this as long as the process lives.
    private static NewContext? _onNewContext;

    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    private delegate void NewContext(nint context, nint data, nint all, int index, nint number, nint pointer);

    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    private delegate int GetNewIndex(int kind, nint number, nint pointer, NewContext created, nint copied, nint freed);

    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    private delegate nint ContextControl(nint context, int command, nint number, nint pointer);

    /// <summary>For all TLS contexts that the process makes from now on: call it before the first. More calls do nothing.</summary>
    /// <returns>False when it cannot be done here.</returns>
    public static bool ReleaseWhenEmpty()
    {
        lock (Once)
            return _onNewContext is not null || TryRegister();
    }

    private static bool TryRegister()
    {
        if (!OperatingSystem.IsLinux() || SafeEvpPKeyHandle.OpenSslVersion >> 28 != TestedMajor || !NativeLibrary.TryLoad(Library, out var library))
            return false;
        if (!NativeLibrary.TryGetExport(library, "SSL_CTX_ctrl", out var control)
            || !NativeLibrary.TryGetExport(library, "CRYPTO_get_ex_new_index", out var getNewIndex))
        {
            return false;
        }
        var setMode = Marshal.GetDelegateForFunctionPointer<ContextControl>(control);
        NewContext onNewContext = (context, _, _, _, _, _) => setMode(context, ControlMode, ReleaseBuffers, 0);
        if (Marshal.GetDelegateForFunctionPointer<GetNewIndex>(getNewIndex)(ContextClass, 0, 0, onNewContext, 0, 0) < 0)
            return false;
        _onNewContext = onNewContext;
        return true;
    }
}
