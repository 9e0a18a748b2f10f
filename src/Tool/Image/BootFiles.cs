using System.ComponentModel;
using System.Diagnostics;
using System.Text;

namespace Homeport.Tool.Image;

/// <summary>The files of a boot partition: in an image file, on a card, or in a directory where it is mounted.</summary>
internal interface IBootFiles
{
    Task<string?> ReadAsync(string path, CancellationToken token);

    Task WriteAsync(string path, byte[] content, CancellationToken token);

    Task MakeDirectoryAsync(string path, CancellationToken token);
}

/// <summary>A partition that mtools(1) write into, at an offset: nothing is mounted, and no other byte of the file changes.</summary>
internal sealed class MtoolsBootFiles(string image, BootPartition partition) : IBootFiles
{
    private readonly string _drive = $"{image}@@{partition.Offset}";

    public async Task<string?> ReadAsync(string path, CancellationToken token)
    {
        var (code, output, _) = await RunAsync("mtype", ["-i", _drive, "::/" + path], token);
        return code == 0 ? output : null;
    }

    public async Task WriteAsync(string path, byte[] content, CancellationToken token)
    {
        var file = Path.GetTempFileName();
        try
        {
            await File.WriteAllBytesAsync(file, content, token);
            var (code, _, error) = await RunAsync("mcopy", ["-o", "-i", _drive, file, "::/" + path], token);
            if (code != 0)
                throw new ToolException($"'{path}' cannot be written into {image}: {error.Trim()}");
        }
        finally
        {
            File.Delete(file);
        }
    }

    public async Task MakeDirectoryAsync(string path, CancellationToken token)
    {
        // It may be there; the files that follow tell whether it is.
        _ = await RunAsync("mmd", ["-D", "s", "-i", _drive, "::/" + path], token);
    }

    private static async Task<(int Code, string Output, string Error)> RunAsync(string program, string[] arguments, CancellationToken token)
    {
        var start = new ProcessStartInfo(program, arguments) { UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        // Real partitions have geometries that mtools distrust.
        start.Environment["MTOOLS_SKIP_CHECK"] = "1";
        start.Environment["MTOOLSRC"] = "/dev/null";
        try
        {
            using var process = Process.Start(start)!;
            process.StandardInput.Close();
            var (output, error) = (process.StandardOutput.ReadToEndAsync(token), process.StandardError.ReadToEndAsync(token));
            await process.WaitForExitAsync(token);
            return (process.ExitCode, await output, await error);
        }
        catch (Win32Exception e)
        {
            throw new ToolException("mtools is not installed: apt-get install mtools. Or mount the boot partition and give its directory.", e);
        }
    }
}

/// <summary>A boot partition that is mounted.</summary>
internal sealed class DirectoryBootFiles(string directory) : IBootFiles
{
    public async Task<string?> ReadAsync(string path, CancellationToken token)
        => File.Exists(Path.Combine(directory, path)) ? await File.ReadAllTextAsync(Path.Combine(directory, path), Encoding.UTF8, token) : null;

    public async Task WriteAsync(string path, byte[] content, CancellationToken token)
    {
        try
        {
            await File.WriteAllBytesAsync(Path.Combine(directory, path), content, token);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ToolException($"'{path}' cannot be written: {e.Message}", e);
        }
    }

    public Task MakeDirectoryAsync(string path, CancellationToken token)
    {
        Directory.CreateDirectory(Path.Combine(directory, path));
        return Task.CompletedTask;
    }
}
