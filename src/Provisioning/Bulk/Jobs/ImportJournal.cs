using System.Runtime.InteropServices;

namespace Homeport.Provisioning.Bulk.Jobs;

/// <summary>Writes down how far an import is, and knows how far it was.</summary>
internal sealed class ImportJournal(ImportCounts start, byte[] fresh, Func<ImportStep, CancellationToken, Task<bool>> save)
{
    private readonly HashSet<UInt128> _own = [.. MemoryMarshal.Cast<byte, UInt128>(fresh).ToArray()];

    /// <summary>Where it begins.</summary>
    public ImportCounts Start { get; } = start;

    /// <summary>What was written down last.</summary>
    public ImportCounts Counts { get; private set; } = start;

    /// <summary>Somebody wants it to end.</summary>
    public bool IsStopped { get; private set; }

    /// <summary>Whether a device that is there was made by this import before it was cut short.</summary>
    public bool IsOwn(UInt128 id) => _own.Contains(id);

    /// <summary>Writes down a step. False when the import has to end.</summary>
    public async Task<bool> SaveAsync(ImportCounts counts, string errors, IReadOnlyCollection<UInt128> next, CancellationToken token)
    {
        IsStopped = !await save(new ImportStep(counts, errors, MemoryMarshal.AsBytes(next.ToArray().AsSpan()).ToArray()), token);
        Counts = counts;
        return !IsStopped;
    }
}
