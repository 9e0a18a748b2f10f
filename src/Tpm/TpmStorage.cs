using Homeport.Tpm.Commands;

namespace Homeport.Tpm;

/// <summary>Small records in the non-volatile memory of the TPM, authorised by their index with an empty password.</summary>
public sealed class TpmStorage(Tpm2 tpm)
{
    /// <summary>The largest index that common TPMs define, in bytes.</summary>
    public const int MaxBytes = 2048;

    /// <summary>What every TPM writes and reads at once; larger records ask the TPM for its limit.</summary>
    private const int SafeChunkBytes = 512;

    private const int ChunkBytesLimit = 1024;
    private const uint NvBufferMaxProperty = 0x12C;

    private const TpmNvAttributes RecordAttributes
        = TpmNvAttributes.AuthWrite | TpmNvAttributes.AuthRead | TpmNvAttributes.NoDictionaryAttack;

    /// <summary>Defines an index of exactly the length of the content and writes it; undone when the write fails.</summary>
    /// <exception cref="TpmException"><see cref="TpmResponseCode.NvDefined"/> when the index exists, <see cref="TpmResponseCode.NvSpace"/> when the memory is full.</exception>
    public void Create(uint index, ReadOnlySpan<byte> content)
    {
        Reserve(index, content.Length);
        try
        {
            Write(index, content);
        }
        catch (TpmException)
        {
            Remove(index);
            throw;
        }
    }

    /// <summary>Defines an index that reads as absent until <see cref="Fill"/> wrote it.</summary>
    /// <exception cref="TpmException">As <see cref="Create"/>.</exception>
    public void Reserve(uint index, int size)
    {
        if (size is 0 or > MaxBytes)
            throw new TpmException(TpmFailure.Malformed, $"An NV record has 1 to {MaxBytes} bytes, not {size}.");
        tpm.Execute(new NvDefineSpaceCommand(tpm.OwnerAuthorization, new TpmNvPublic(index, RecordAttributes, size)));
    }

    /// <summary>Writes a reserved index. Up to 512 bytes are there as a whole or not at all.</summary>
    public void Fill(uint index, ReadOnlySpan<byte> content) => Write(index, content);

    /// <summary>The whole content, or null when the index does not exist or was never written.</summary>
    public byte[]? Read(uint index)
    {
        if (ReadPublic(index) is not { } area || !area.Attributes.HasFlag(TpmNvAttributes.Written))
            return null;

        // An index of the maker, such as a certificate, is often readable for the owner only.
        var byIndex = area.Attributes.HasFlag(TpmNvAttributes.AuthRead);
        var chunk = ChunkBytes(area.Size);
        var content = new byte[area.Size];
        for (var offset = 0; offset < content.Length;)
        {
            var part = tpm.Execute(new NvReadCommand(
                byIndex ? index : TpmHandle.Owner,
                byIndex ? TpmAuthorization.Empty : tpm.OwnerAuthorization,
                index, Math.Min(chunk, content.Length - offset), offset));
            if (part.Length == 0 || part.Length > content.Length - offset)
                throw new TpmException(TpmFailure.Malformed, $"NV index 0x{index:x8}: asked for a part at {offset}, got {part.Length} bytes.");
            part.CopyTo(content, offset);
            offset += part.Length;
        }

        return content;
    }

    /// <summary>Size and attributes of an index, or null when it does not exist.</summary>
    public TpmNvPublic? ReadPublic(uint index)
    {
        try
        {
            return tpm.Execute(new NvReadPublicCommand(index));
        }
        catch (TpmException e) when (e.Code == TpmResponseCode.Handle)
        {
            return null;
        }
    }

    /// <summary>Deletes an index; false when there was none.</summary>
    public bool Remove(uint index)
    {
        try
        {
            tpm.Execute(new NvUndefineSpaceCommand(tpm.OwnerAuthorization, index));
            return true;
        }
        catch (TpmException e) when (e.Code == TpmResponseCode.Handle)
        {
            return false;
        }
    }

    private void Write(uint index, ReadOnlySpan<byte> content)
    {
        var chunk = ChunkBytes(content.Length);
        for (var offset = 0; offset < content.Length; offset += chunk)
        {
            var part = content.Slice(offset, Math.Min(chunk, content.Length - offset));
            tpm.Execute(new NvWriteCommand(index, part.ToArray(), offset));
        }
    }

    private int ChunkBytes(int size)
    {
        if (size <= SafeChunkBytes)
            return SafeChunkBytes;
        var limit = new TpmStatus(tpm).Property(NvBufferMaxProperty) ?? SafeChunkBytes;
        return (int)Math.Clamp(limit, 64u, ChunkBytesLimit);
    }
}
