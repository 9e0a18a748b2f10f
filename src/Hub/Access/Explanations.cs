using System.Diagnostics.CodeAnalysis;
using Homeport.Contract.Errors;
using Homeport.Contract.Naming;
using Microsoft.Extensions.Logging;

namespace Homeport.Hub.Access;

/// <summary>
/// Keeps why something was refused, by tracking id and by the device that it concerns. Bounded: the newest
/// <see cref="Capacity"/> are in memory, of them at most <see cref="PerSubject"/> for one device; each is also in the log. With a store
/// they outlive the process: what is kept is written behind, once in a while, so that no refusal waits for the disk.
/// </summary>
/// <param name="time">The clock.</param>
/// <param name="logger">Each refusal is a line.</param>
/// <param name="store">Where they outlive the process; null: nowhere.</param>
public sealed partial class Explanations(TimeProvider time, ILogger<Explanations> logger, IExplanationStore? store = null)
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);

    /// <summary>How many are kept.</summary>
    public const int Capacity = 4096;

    /// <summary>How many are kept for one device, so that one that tries without end leaves room for the others.</summary>
    public const int PerSubject = 8;

    /// <summary>What concerns no device has the free room, and this much when there is none.</summary>
    private const int WithoutSubject = Capacity / 4;

    private readonly Lock _lock = new();

    // What the store does not have yet, and what it has too many.
    private readonly HashSet<string> _unwritten = new(StringComparer.Ordinal);
    private readonly List<string> _removed = [];
    private readonly Dictionary<string, LinkedListNode<KeptRefusal>> _byId = new(StringComparer.Ordinal);
    private readonly Dictionary<string, List<LinkedListNode<KeptRefusal>>> _bySubject = new(StringComparer.Ordinal);
    private readonly Queue<LinkedListNode<KeptRefusal>> _withoutSubject = new();

    // Oldest first, as are the lists of the subjects.
    private readonly LinkedList<KeptRefusal> _order = [];

    /// <summary>Keeps a refusal and logs it.</summary>
    /// <param name="refusal">What was refused.</param>
    /// <param name="door">Where: <c>mqtt</c> and <c>https</c> for devices, <c>service</c> for calls of services, <c>dps</c>.</param>
    /// <param name="subject">Device that it concerns, or null. It need not exist; what cannot be a device id counts as null.</param>
    /// <returns>The same refusal.</returns>
    public Refusal Keep(Refusal refusal, string door, string? subject = null)
    {
        if (subject is not null && DeviceIdRules.Check(subject) is not null)
            subject = null;
        lock (_lock)
        {
            var node = new LinkedListNode<KeptRefusal>(new KeptRefusal(refusal, door, time.GetUtcNow(), subject));
            if (_byId.TryAdd(refusal.TrackingId, node))
            {
                Note(refusal.TrackingId);
                Add(node);
            }
        }
        LogRefused(door, refusal.Error.Name, refusal.Error.Code, refusal.Seen, refusal.Fix, refusal.TrackingId);
        return refusal;
    }

    /// <summary>Takes what an earlier process kept.</summary>
    public async Task LoadAsync(CancellationToken token)
    {
        if (store is null)
            return;
        foreach (var kept in await store.LoadAsync(Capacity, token))
        {
            lock (_lock)
            {
                var node = new LinkedListNode<KeptRefusal>(kept);
                if (_byId.TryAdd(kept.Refusal.TrackingId, node))
                    Add(node);
            }
        }
    }

    /// <summary>Writes behind until stopped, and then once more.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        if (store is null)
            return;
        using var timer = new PeriodicTimer(Interval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stop))
                await WriteAsync(store);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            await WriteAsync(store);
        }
    }

    /// <summary>Finds one by its tracking id.</summary>
    public bool TryFind(string trackingId, [NotNullWhen(true)] out KeptRefusal? kept)
    {
        lock (_lock)
        {
            kept = _byId.TryGetValue(trackingId, out var node) ? node.Value : null;
            return kept is not null;
        }
    }

    /// <summary>The newest ones first.</summary>
    public IReadOnlyList<KeptRefusal> Newest(int count)
    {
        lock (_lock)
            return [.. _order.Reverse().Take(count)];
    }

    /// <summary>Those that concern a device or its modules, the newest first.</summary>
    public IReadOnlyList<KeptRefusal> Of(string deviceId)
    {
        lock (_lock)
            return _bySubject.TryGetValue(deviceId, out var nodes) ? [.. Enumerable.Reverse(nodes).Select(n => n.Value)] : [];
    }

    private async Task WriteAsync(IExplanationStore target)
    {
        List<KeptRefusal> added;
        List<string> removed;
        lock (_lock)
        {
            added = [.. _unwritten.Select(id => _byId[id].Value)];
            removed = [.. _removed];
            _unwritten.Clear();
            _removed.Clear();
        }
        if (added.Count == 0 && removed.Count == 0)
            return;
        try
        {
            await target.WriteAsync(added, removed, CancellationToken.None);
        }
        catch (Exception e)
        {
            // They are in the log as well: a full disk must not end the server over them.
            LogNotWritten(e, added.Count);
        }
    }

    private void Note(string trackingId)
    {
        if (store is not null)
            _unwritten.Add(trackingId);
    }

    private void Add(LinkedListNode<KeptRefusal> node)
    {
        _order.AddLast(node);
        if (node.Value.Subject is not { } subject)
        {
            _withoutSubject.Enqueue(node);
        }
        else
        {
            if (!_bySubject.TryGetValue(subject, out var nodes))
                _bySubject.Add(subject, nodes = new List<LinkedListNode<KeptRefusal>>(1));
            nodes.Add(node);
            if (nodes.Count > PerSubject)
                Remove(Least(nodes));
        }
        if (_order.Count > Capacity)
            Remove(_withoutSubject.Count > WithoutSubject ? _withoutSubject.Peek() : _order.First!);
    }

    /// <summary>
    /// Which of a device's goes first: the oldest of the most frequent kind. A service that calls an absent device again and again
    /// must not push out why the device is absent.
    /// </summary>
    private static LinkedListNode<KeptRefusal> Least(List<LinkedListNode<KeptRefusal>> nodes)
        => nodes.GroupBy(n => (n.Value.Door, n.Value.Refusal.Error)).MaxBy(g => g.Count())!.First();

    private void Remove(LinkedListNode<KeptRefusal> node)
    {
        _order.Remove(node);
        _byId.Remove(node.Value.Refusal.TrackingId);
        // One that comes and goes between two writes is never written.
        if (!_unwritten.Remove(node.Value.Refusal.TrackingId) && store is not null)
            _removed.Add(node.Value.Refusal.TrackingId);
        if (node.Value.Subject is not { } subject)
        {
            // Only ever the oldest one goes.
            _withoutSubject.Dequeue();
            return;
        }
        var nodes = _bySubject[subject];
        nodes.Remove(node);
        if (nodes.Count == 0)
            _bySubject.Remove(subject);
    }

    [LoggerMessage(EventId = 2001, Level = LogLevel.Information, Message = "Refused at {Door}: {Error} ({Code}). {Seen}. {Fix} Tracking id {TrackingId}")]
    private partial void LogRefused(string door, string error, int code, string seen, string fix, string trackingId);

    [LoggerMessage(EventId = 2002, Level = LogLevel.Error, Message = "{Count} explanations could not be written.")]
    private partial void LogNotWritten(Exception exception, int count);
}

/// <summary>Keeps explanations over restarts.</summary>
public interface IExplanationStore
{
    /// <summary>The newest ones, the oldest of them first.</summary>
    Task<IReadOnlyList<KeptRefusal>> LoadAsync(int max, CancellationToken token);

    /// <summary>Adds some and removes others, by their tracking ids, in one transaction.</summary>
    Task WriteAsync(IReadOnlyList<KeptRefusal> added, IReadOnlyList<string> removed, CancellationToken token);
}

/// <summary>A refusal with its place and time.</summary>
/// <param name="Refusal">What was refused.</param>
/// <param name="Door">Where.</param>
/// <param name="Time">When.</param>
/// <param name="Subject">Device that it concerns, or null.</param>
public sealed record KeptRefusal(Refusal Refusal, string Door, DateTimeOffset Time, string? Subject = null);
