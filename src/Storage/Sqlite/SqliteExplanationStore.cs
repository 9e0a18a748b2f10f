using System.Text.Json;
using System.Text.Json.Serialization;
using Homeport.Contract.Errors;
using Homeport.Hub.Access;

namespace Homeport.Storage.Sqlite;

/// <summary>The newest refusals in SQLite.</summary>
public sealed class SqliteExplanationStore(SqliteDatabase database) : IExplanationStore
{
    /// <inheritdoc/>
    public Task<IReadOnlyList<KeptRefusal>> LoadAsync(int max, CancellationToken token)
    {
        var stored = database.Read(c => c.Query("SELECT tracking_id, time, refusal FROM explanations ORDER BY time DESC LIMIT $max",
            r => (Id: r.GetString(0), Time: r.GetInt64(1), Json: r.GetString(2)), ("$max", max)));
        return Task.FromResult<IReadOnlyList<KeptRefusal>>([.. Enumerable.Reverse(stored).Select(s => Read(s.Id, s.Time, s.Json))]);
    }

    /// <inheritdoc/>
    public Task WriteAsync(IReadOnlyList<KeptRefusal> added, IReadOnlyList<string> removed, CancellationToken token) => database.WriteAsync(c =>
    {
        foreach (var kept in added)
        {
            c.Execute("INSERT INTO explanations (tracking_id, time, refusal) VALUES ($id, $time, $refusal) ON CONFLICT DO NOTHING",
                ("$id", kept.Refusal.TrackingId), ("$time", kept.Time), ("$refusal", Write(kept)));
        }
        foreach (var id in removed)
            c.Execute("DELETE FROM explanations WHERE tracking_id=$id", ("$id", id));
        return 0;
    }, token);

    private static string Write(KeptRefusal kept)
    {
        var (refusal, error) = (kept.Refusal, kept.Refusal.Error);
        var stored = new StoredRefusal(kept.Door, kept.Subject, error.Name, error.Code, error.Text, refusal.Seen, refusal.Fix, refusal.Tried, refusal.Nearest);
        return JsonSerializer.Serialize(stored, ExplanationJson.Default.StoredRefusal);
    }

    private static KeptRefusal Read(string id, long time, string json)
    {
        var stored = JsonSerializer.Deserialize(json, ExplanationJson.Default.StoredRefusal)!;
        var refusal = new Refusal(new ServiceError(stored.Error, stored.Code, stored.Text), stored.Seen, stored.Fix, stored.Tried, stored.Nearest) { TrackingId = id };
        return new KeptRefusal(refusal, stored.Door, DateTimeOffset.FromUnixTimeMilliseconds(time), stored.Subject);
    }
}

/// <summary>The column <c>refusal</c>.</summary>
internal sealed record StoredRefusal(string Door, string? Subject, string Error, int Code, string Text, string Seen, string Fix, IReadOnlyList<string>? Tried, string? Nearest);

/// <summary>Writes it.</summary>
[JsonSourceGenerationOptions(DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(StoredRefusal))]
internal sealed partial class ExplanationJson : JsonSerializerContext;
