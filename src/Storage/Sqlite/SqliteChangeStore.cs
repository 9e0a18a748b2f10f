using System.Text;
using Homeport.Hub.Events;
using Homeport.Log;
using Microsoft.Data.Sqlite;

namespace Homeport.Storage.Sqlite;

/// <summary>
/// What happened to the devices and templates of an application, on its way to the log. Triggers write it, whoever changes a device, while
/// somebody wants to know.
/// </summary>
/// <param name="database">The database.</param>
/// <param name="application">The application.</param>
/// <param name="writer">Makes the events, and knows who wants them.</param>
public sealed class SqliteChangeStore(SqliteDatabase database, string application, EventWriter writer) : IEventStore
{
    /// <inheritdoc/>
    public Task<IReadOnlyList<(long Number, HubEvent? Event)>> ReadAsync(int max, CancellationToken token)
        => Task.FromResult<IReadOnlyList<(long, HubEvent?)>>(database.Read(c => c.Query(
            "SELECT number, source, id, kind, time, body FROM changes WHERE application=$application ORDER BY number LIMIT $max", Read,
            ("$application", application), ("$max", max))));

    /// <summary>Writes down which changes are to be told, as the writer of events wants it now; those after the call are.</summary>
    public Task NoteWantedAsync(CancellationToken token)
    {
        MessageSource[] wanted = [.. new[] { MessageSource.DeviceStatus, MessageSource.DeviceTemplate }.Where(writer.Wants)];
        return database.WriteAsync(c =>
        {
            c.Execute("DELETE FROM wanted_changes WHERE application=$application", ("$application", application));
            foreach (var source in wanted)
                c.Execute("INSERT INTO wanted_changes (application, source) VALUES ($application, $source)", ("$application", application), ("$source", (int)source));
            return true;
        }, token);
    }

    /// <inheritdoc/>
    public Task DeleteAsync(long upTo, CancellationToken token)
        => database.WriteAsync(c => c.Execute("DELETE FROM changes WHERE application=$application AND number<=$number", ("$application", application), ("$number", upTo)), token);

    private (long, HubEvent?) Read(SqliteDataReader row)
    {
        var source = (MessageSource)row.GetByte(1);
        if (!writer.Wants(source))
            return (row.GetInt64(0), null);
        var (id, kind, time, body) = (row.GetString(2), row.GetString(3), row.TimeOrNull(4)!.Value, Encoding.UTF8.GetBytes(row.GetString(5)));
        return (row.GetInt64(0), source == MessageSource.DeviceTemplate ? writer.TemplateChanged(kind, id, time, body) : writer.StatusChanged(kind, id, time, body));
    }
}
