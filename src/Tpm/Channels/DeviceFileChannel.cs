namespace Homeport.Tpm.Channels;

/// <summary>
/// A TPM of the Linux kernel. <c>/dev/tpmrm0</c> gives every opener sessions and transient objects of its own and cleans up after it;
/// <c>/dev/tpm0</c> does not, and admits one opener. The kernel limits the waiting time.
/// </summary>
public sealed class DeviceFileChannel : ITpmChannel
{
    private readonly FileStream _file;

    /// <summary>Opens the device file.</summary>
    /// <exception cref="TpmException">The file does not exist, is in use, or may not be opened.</exception>
    public DeviceFileChannel(string path)
    {
        Name = path;
        try
        {
            _file = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite, bufferSize: 0);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new TpmException(TpmFailure.Unreachable, $"{path}: permission denied. Add the user to the group tss: usermod -aG tss <user>", e);
        }
        catch (FileNotFoundException e)
        {
            throw new TpmException(TpmFailure.Unreachable, $"{path}: this machine shows no TPM. Enable it in the firmware setup, or use a software TPM.", e);
        }
        catch (IOException e)
        {
            throw new TpmException(TpmFailure.Unreachable, $"{path}: {e.Message}. Another program may hold it; use /dev/tpmrm0.", e);
        }
    }

    public string Name { get; }

    public byte[] Submit(ReadOnlySpan<byte> command)
    {
        TpmFrame.CheckCommand(command);
        try
        {
            // Unbuffered: the driver takes one write as one command.
            _file.Write(command);
            return TpmFrame.ReadResponse(memory => _file.Read(memory.Span), Name);
        }
        catch (IOException e)
        {
            throw new TpmException(TpmFailure.Unreachable, $"{Name}: {e.Message}", e);
        }
    }

    public void Dispose() => _file.Dispose();
}
