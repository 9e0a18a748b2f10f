namespace Homeport.Tpm.Software;

/// <summary>The files of one software TPM.</summary>
internal sealed record SoftwareTpmPaths(string Root)
{
    public string State => Path.Combine(Root, "state");

    public string DataSocket => Path.Combine(Root, "tpm.sock");

    /// <summary>The name that tpm2-tools derive from the data socket (TCTI <c>swtpm:path=…/tpm.sock</c>).</summary>
    public string ControlSocket => Path.Combine(Root, "tpm.sock.ctrl");

    public string Log => Path.Combine(Root, "swtpm.log");

    public string ProcessFile => Path.Combine(Root, "swtpm.pid");

    public string StartLock => Path.Combine(Root, "start.lock");
}

/// <summary>The command line of swtpm(8), and what its exit means.</summary>
internal static class SwtpmArguments
{
    /// <summary>
    /// startup-clear starts the TPM without TPM2_Startup from us; all paths are absolute because swtpm in failure mode over a lost relative path
    /// answers every command with TPM_RC_FAILURE.
    /// </summary>
    public static IReadOnlyList<string> Of(SoftwareTpmOptions options, SoftwareTpmPaths paths)
    {
        var server = options.TcpPort is { } port
            ? $"type=tcp,bindaddr=127.0.0.1,port={port}"
            : $"type=unixio,path={paths.DataSocket},mode=0600";
        List<string> arguments =
        [
            "socket", "--tpm2",
            "--tpmstate", $"dir={paths.State},mode=0600",
            "--server", server,
            "--ctrl", $"type=unixio,path={paths.ControlSocket},mode=0600",
            "--pid", $"file={paths.ProcessFile}",
            "--log", $"file={paths.Log},level=1,truncate",
            "--flags", "not-need-init,startup-clear",
        ];
        if (options.KeyFile is { } keyFile)
            arguments.AddRange(["--key", $"file={keyFile},mode=aes-256-cbc,format=hex"]);
        return arguments;
    }

    public static string ExplainExit(int exitCode, string errors, string log, SoftwareTpmOptions options)
    {
        var all = $"{errors} {log}".ReplaceLineEndings(" ").Trim();
        var cause = all switch
        {
            _ when all.Contains("lock", StringComparison.OrdinalIgnoreCase)
                => "another swtpm uses the state directory. End it, or choose another directory.",
            _ when all.Contains("bind", StringComparison.OrdinalIgnoreCase) || all.Contains("address already", StringComparison.OrdinalIgnoreCase)
                => $"port {options.TcpPort} is in use. End the program that listens there, or choose another port.",
            _ when options.KeyFile is not null => "the key file is wrong or missing for this state, or not 64 hexadecimal digits.",
            _ => "see its message.",
        };
        return $"swtpm ended with {exitCode} instead of serving '{options.Directory}': {cause} It said: {all}";
    }
}
