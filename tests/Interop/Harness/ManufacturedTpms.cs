using System.Diagnostics;

namespace Homeport.Tests.Interop.Harness;

/// <summary>
/// Software TPMs as a manufacturer makes them: swtpm_setup creates the endorsement key and swtpm_localca certifies it, with an
/// intermediate CA below a root. Each TPM runs at a TCP port of its own.
/// </summary>
public sealed class ManufacturedTpms : IAsyncDisposable
{
    private const int FirstPort = 24000;
    private readonly TempFolder _folder = new();
    private readonly List<Process> _running = [];

    private ManufacturedTpms(int count) => Count = count;

    public int Count { get; }

    /// <summary>PEM of the manufacturer's root CA.</summary>
    public Task<string> RootAsync() => File.ReadAllTextAsync(_folder.File("swtpm-localca-rootca-cert.pem"));

    /// <summary>PEM of the CA between the root and the chips.</summary>
    public Task<string> IssuerAsync() => File.ReadAllTextAsync(_folder.File("issuercert.pem"));

    /// <summary>The certificate of a chip's RSA endorsement key, DER in Base64.</summary>
    public string CertificateOf(int chip) => Convert.ToBase64String(File.ReadAllBytes(Path.Combine(FolderOf(chip), "ek-rsa2048.crt")));

    public static int PortOf(int chip) => FirstPort + chip;

    /// <summary>Makes them, a few at a time, and starts them.</summary>
    public static async Task<ManufacturedTpms> StartAsync(int count)
    {
        var made = new ManufacturedTpms(count);
        await made.ConfigureAsync();
        // The first one makes the CAs.
        await made.ManufactureAsync(0);
        await Parallel.ForEachAsync(Enumerable.Range(1, count - 1), new ParallelOptions { MaxDegreeOfParallelism = 4 }, async (chip, _) => await made.ManufactureAsync(chip));
        for (var chip = 0; chip < count; chip++)
            made._running.Add(Start(chip, made.FolderOf(chip)));
        for (var chip = 0; chip < count; chip++)
            await WaitAsync(PortOf(chip), made._running[chip]);
        return made;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var process in _running)
        {
            if (!process.HasExited)
                process.Kill();
            await process.WaitForExitAsync();
            process.Dispose();
        }
        _folder.Dispose();
    }

    private string FolderOf(int chip) => _folder.File($"chip{chip}");

    private async Task ConfigureAsync()
    {
        await File.WriteAllTextAsync(_folder.File("localca.conf"),
            $"statedir = {_folder.Path}\nsigningkey = {_folder.File("signkey.pem")}\nissuercert = {_folder.File("issuercert.pem")}\ncertserial = {_folder.File("certserial")}\n");
        await File.WriteAllTextAsync(_folder.File("options"), "--platform-manufacturer Homeport\n--platform-version 1\n--platform-model Test\n");
        await File.WriteAllTextAsync(_folder.File("setup.conf"),
            $"create_certs_tool=/usr/bin/swtpm_localca\ncreate_certs_tool_config={_folder.File("localca.conf")}\ncreate_certs_tool_options={_folder.File("options")}\nactive_pcr_banks=sha256\n");
    }

    private async Task ManufactureAsync(int chip)
    {
        Directory.CreateDirectory(FolderOf(chip));
        var result = await ExternalProgram.RunAsync("swtpm_setup",
            ["--tpm2", "--tpmstate", FolderOf(chip), "--config", _folder.File("setup.conf"), "--create-ek-cert", "--write-ek-cert-files", FolderOf(chip)], TimeSpan.FromSeconds(90));
        result.ExitCode.ShouldBe(0, result.ToString());
    }

    private static Process Start(int chip, string folder) => ExternalProgram.Start(
        "swtpm",
        [
            "socket", "--tpm2", "--tpmstate", $"dir={folder}", "--server", $"type=tcp,port={PortOf(chip)},bindaddr=127.0.0.1",
            "--ctrl", $"type=unixio,path={Path.Combine(folder, "control")}", "--flags", "not-need-init,startup-clear",
        ],
        null);

    /// <summary>Waits until swtpm listens at a port.</summary>
    internal static async Task WaitAsync(int port, Process process)
    {
        // The socket of the control channel appears before the port listens; a connection to the port would be the one that swtpm serves.
        var watch = Stopwatch.StartNew();
        while (!(await File.ReadAllTextAsync("/proc/net/tcp")).Contains($":{port:X4} 00000000:0000 0A", StringComparison.Ordinal))
        {
            if (process.HasExited || watch.Elapsed > TimeSpan.FromSeconds(30))
                throw new InvalidOperationException($"swtpm does not listen at port {port}");
            await Task.Delay(20);
        }
    }
}
