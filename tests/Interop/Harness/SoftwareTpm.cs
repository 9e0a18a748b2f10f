using System.Diagnostics;

namespace Homeport.Tests.Interop.Harness;

/// <summary>A TPM 2.0 in software at the place where the SDKs look when the machine has none: 127.0.0.1:2323.</summary>
public sealed class SoftwareTpm : IAsyncDisposable
{
    public const int Port = 2323;
    private readonly TempFolder _folder;
    private readonly Process _process;

    private SoftwareTpm(TempFolder folder, Process process) => (_folder, _process) = (folder, process);

    public static async Task<SoftwareTpm> StartAsync()
    {
        if (File.Exists("/dev/tpm0") || File.Exists("/dev/tpmrm0"))
            throw new InvalidOperationException("this machine has a TPM, which the SDKs prefer to a software TPM: run the tests in a container without /dev/tpm*");
        var folder = new TempFolder();
        var process = ExternalProgram.Start(
            "swtpm",
            [
                "socket", "--tpm2", "--tpmstate", $"dir={folder.Path}", "--server", $"type=tcp,port={Port},bindaddr=127.0.0.1",
                "--ctrl", $"type=unixio,path={folder.File("control")}", "--flags", "not-need-init,startup-clear",
            ],
            null);
        await ManufacturedTpms.WaitAsync(Port, process);
        return new SoftwareTpm(folder, process);
    }

    public async ValueTask DisposeAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
        _folder.Dispose();
    }
}
