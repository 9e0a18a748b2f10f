using System.Runtime.InteropServices;
using Homeport.Gateway;

namespace Homeport.Tests.Server;

/// <summary>OpenSSL's record buffers, of which an idle connection needs none.</summary>
public sealed class OpenSslBuffersTests
{
    private const int ControlMode = 33;
    private const nint ReleaseBuffers = 0x10;

    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    private delegate nint Method();

    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    private delegate nint New(nint from);

    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    private delegate nint Control(nint of, int command, nint number, nint pointer);

    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    private delegate void Free(nint what);

    [Fact]
    public void Each_new_context_and_its_connections_release_their_buffers()
    {
        OpenSslBuffers.ReleaseWhenEmpty().ShouldBeTrue();
        OpenSslBuffers.ReleaseWhenEmpty().ShouldBeTrue("a second call finds it done");

        var library = NativeLibrary.Load("libssl.so.3");
        var context = Function<New>(library, "SSL_CTX_new")(Function<Method>(library, "TLS_method")());
        var connection = Function<New>(library, "SSL_new")(context);
        try
        {
            (Function<Control>(library, "SSL_CTX_ctrl")(context, ControlMode, 0, 0) & ReleaseBuffers).ShouldBe(ReleaseBuffers);
            (Function<Control>(library, "SSL_ctrl")(connection, ControlMode, 0, 0) & ReleaseBuffers).ShouldBe(ReleaseBuffers);
        }
        finally
        {
            Function<Free>(library, "SSL_free")(connection);
            Function<Free>(library, "SSL_CTX_free")(context);
        }
    }

    private static T Function<T>(nint library, string name)
        where T : Delegate => Marshal.GetDelegateForFunctionPointer<T>(NativeLibrary.GetExport(library, name));
}
