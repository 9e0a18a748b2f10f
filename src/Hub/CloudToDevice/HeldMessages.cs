namespace Homeport.Hub.CloudToDevice;

/// <summary>
/// The messages of one queue that somebody holds, and how far the queue was read. Not for several threads at once.
/// </summary>
internal sealed class HeldMessages
{
    private readonly Dictionary<long, object> _owners = [];

    /// <summary>Every message up to this number is held or gone: reading starts behind it.</summary>
    public long Cursor { get; private set; }

    public bool IsEmpty => _owners.Count == 0;

    /// <summary>How many to read to find <paramref name="max"/> that are free.</summary>
    public int ReadSize(int max)
    {
        var size = max;
        foreach (var sequence in _owners.Keys)
            size += sequence > Cursor ? 1 : 0;
        return size;
    }

    /// <summary>Takes the message that was read next. False when somebody has it.</summary>
    public bool TryHold(long sequence, object owner)
    {
        Cursor = Math.Max(Cursor, sequence);
        return _owners.TryAdd(sequence, owner);
    }

    public bool IsHeld(long sequence) => _owners.ContainsKey(sequence);

    public bool IsHeldBy(long sequence, object owner) => _owners.TryGetValue(sequence, out var holder) && ReferenceEquals(holder, owner);

    /// <summary>The messages of an owner.</summary>
    public long[] HeldBy(object owner) => [.. _owners.Where(o => ReferenceEquals(o.Value, owner)).Select(o => o.Key)];

    /// <summary>All owners.</summary>
    public IEnumerable<object> Owners => _owners.Values;

    /// <summary>The message is gone.</summary>
    public void Forget(long sequence) => _owners.Remove(sequence);

    /// <summary>The message can be taken again.</summary>
    public void GiveBack(long sequence)
    {
        if (_owners.Remove(sequence))
            Cursor = Math.Min(Cursor, sequence - 1);
    }
}
