using System.Buffers.Binary;
using System.Text;

namespace Homeport.Tool.Image;

/// <summary>Where the FAT file system lies from which the firmware of a small machine starts.</summary>
/// <param name="Offset">In bytes, from the start of the image or card.</param>
/// <param name="Length">In bytes.</param>
internal sealed record BootPartition(long Offset, long Length)
{
    private const int SectorBytes = 512;
    private const int PartitionTable = 446;
    private const int EntryBytes = 16;
    private const int MaxGptEntries = 128;

    /// <summary>Partition types of FAT, MBR: FAT12, FAT16 (three kinds), FAT32 (two kinds), EFI system.</summary>
    private static readonly byte[] FatTypes = [0x01, 0x04, 0x06, 0x0B, 0x0C, 0x0E, 0xEF];

    /// <summary>Finds the first FAT partition in an MBR or GPT, or a FAT file system without partitions.</summary>
    /// <exception cref="ToolException">There is none.</exception>
    public static BootPartition Find(Stream image, string name)
    {
        var first = Read(image, 0);
        if (first is null || first[510] != 0x55 || first[511] != 0xAA)
            throw new ToolException($"'{name}' is no image of a disk: it has no partition table. Unpack it first (xz -d, gunzip).");
        if (IsFat(first))
            return new BootPartition(0, image.Length);
        var partitions = first[PartitionTable + 4] == 0xEE ? Gpt(image) : Mbr(first);
        foreach (var partition in partitions)
        {
            if (partition.Offset + partition.Length > image.Length)
                throw new ToolException($"'{name}' ends before its partitions do: it is not complete. Copy it again.");
            if (Read(image, partition.Offset) is { } start && IsFat(start))
                return partition;
        }

        throw new ToolException($"'{name}' has no FAT partition to start from. Images of Raspberry Pi OS and of Ubuntu for the Raspberry Pi have one.");
    }

    private static IEnumerable<BootPartition> Mbr(byte[] sector)
    {
        for (var i = 0; i < 4; i++)
        {
            var entry = sector.AsSpan(PartitionTable + (i * EntryBytes), EntryBytes);
            var (start, count) = (BinaryPrimitives.ReadUInt32LittleEndian(entry[8..]), BinaryPrimitives.ReadUInt32LittleEndian(entry[12..]));
            if (count > 0 && FatTypes.Contains(entry[4]))
                yield return new BootPartition((long)start * SectorBytes, (long)count * SectorBytes);
        }
    }

    private static IEnumerable<BootPartition> Gpt(Stream image)
    {
        var header = Read(image, SectorBytes);
        if (header is null || Encoding.ASCII.GetString(header, 0, 8) != "EFI PART")
            yield break;
        var table = BinaryPrimitives.ReadInt64LittleEndian(header.AsSpan(72)) * SectorBytes;
        var count = Math.Min(BinaryPrimitives.ReadInt32LittleEndian(header.AsSpan(80)), MaxGptEntries);
        var size = BinaryPrimitives.ReadInt32LittleEndian(header.AsSpan(84));
        if (size is < 128 or > 4096 || table < 0)
            yield break;
        for (var i = 0; i < count; i++)
        {
            var at = table + ((long)i * size);
            if (Read(image, at - (at % SectorBytes)) is not { } sector)
                yield break;
            var entry = sector.AsSpan((int)(at % SectorBytes), 128).ToArray();
            var (start, end) = (BinaryPrimitives.ReadInt64LittleEndian(entry.AsSpan(32)), BinaryPrimitives.ReadInt64LittleEndian(entry.AsSpan(40)));
            if (start > 0 && end >= start && end < long.MaxValue / SectorBytes)
                yield return new BootPartition(start * SectorBytes, (end - start + 1) * SectorBytes);
        }
    }

    private static byte[]? Read(Stream image, long offset)
    {
        if (offset < 0 || offset + SectorBytes > image.Length)
            return null;
        var sector = new byte[SectorBytes];
        image.Position = offset;
        image.ReadExactly(sector);
        return sector;
    }

    /// <summary>A boot sector of FAT: a jump, sectors of a usual size, and the name of the file system where FAT16 or FAT32 has it.</summary>
    private static bool IsFat(byte[] sector)
        => sector[0] is 0xEB or 0xE9
            && BinaryPrimitives.ReadUInt16LittleEndian(sector.AsSpan(11)) is 512 or 1024 or 2048 or 4096
            && (Encoding.ASCII.GetString(sector, 54, 3) == "FAT" || Encoding.ASCII.GetString(sector, 82, 5) == "FAT32");
}
