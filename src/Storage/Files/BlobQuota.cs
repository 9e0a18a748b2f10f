using Homeport.Hub.Files;

namespace Homeport.Storage.Files;

/// <summary>The space that blobs take, and whether there is more. Every file counts in whole 4 KiB, so that empty ones are not free.</summary>
internal sealed class BlobQuota(BlobLimits limits, string root)
{
    private const long Unit = 4096;
    private long _used;

    /// <summary>Bytes in use and promised.</summary>
    public long Used => Volatile.Read(ref _used);

    /// <summary>What a file of this length costs.</summary>
    public static long CostOf(long length) => Math.Max(Unit, (length + Unit - 1) / Unit * Unit);

    /// <summary>Counts a file that is there.</summary>
    public void Count(long length) => Interlocked.Add(ref _used, CostOf(length));

    /// <summary>Counts no more a file that was there.</summary>
    public void Discount(long length) => Interlocked.Add(ref _used, -CostOf(length));

    /// <summary>Starts to write a file. Null when there is no room for this length.</summary>
    public Share? TryTake(long length)
    {
        var share = new Share(this);
        return share.TryCover(length) ? share : null;
    }

    private bool TryAdd(long bytes)
    {
        if (Interlocked.Add(ref _used, bytes) <= limits.Quota && (limits.FreeSpace == 0 || new DriveInfo(root).AvailableFreeSpace - bytes >= limits.FreeSpace))
            return true;
        Interlocked.Add(ref _used, -bytes);
        return false;
    }

    /// <summary>The part of one file that is being written. Disposing it gives the part back unless it was kept.</summary>
    internal sealed class Share(BlobQuota quota) : IDisposable
    {
        // Asked for in pieces: looking at the disk for every buffer would cost more than writing it.
        private const long Piece = 4 << 20;
        private long _taken;

        /// <summary>Makes room up to this length of the file.</summary>
        public bool TryCover(long length)
        {
            var missing = CostOf(length) - _taken;
            if (missing <= 0)
                return true;
            var taken = _taken > 0 && quota.TryAdd(Math.Max(missing, Piece)) ? Math.Max(missing, Piece) : quota.TryAdd(missing) ? missing : 0;
            _taken += taken;
            return taken > 0;
        }

        /// <summary>The file stays with this length: what was taken beyond is given back, what its end needed more is counted.</summary>
        public void Keep(long length)
        {
            Interlocked.Add(ref quota._used, CostOf(length) - _taken);
            _taken = 0;
        }

        /// <summary>The file took the place of one with this length.</summary>
        public void Replace(long length) => quota.Discount(length);

        public void Dispose()
        {
            Interlocked.Add(ref quota._used, -_taken);
            _taken = 0;
        }
    }
}
