using System.Text.Json;
using Homeport.Contract.Rest.Operators;
using Homeport.Operations.Exports;
using Microsoft.Data.Sqlite;

namespace Homeport.Storage.Sqlite;

/// <summary>Data exports of one application and their destinations in SQLite, the destinations sealed.</summary>
public sealed class SqliteExportStore(SqliteDatabase database, SecretSeal seal, string application) : IExportStore
{
    /// <inheritdoc/>
    public Task<IReadOnlyList<StoredDestination>> ListDestinationsAsync(CancellationToken token) => Task.FromResult<IReadOnlyList<StoredDestination>>(database.Read(c => c.Query(
        "SELECT id, etag, definition FROM export_destinations WHERE application=$application ORDER BY id", ReadDestination, ("$application", application))));

    /// <inheritdoc/>
    public Task SaveDestinationAsync(StoredDestination destination, CancellationToken token)
    {
        ArgumentNullException.ThrowIfNull(destination);
        var id = destination.Destination.Id!;
        var definition = seal.Seal(JsonSerializer.SerializeToUtf8Bytes(destination.Destination, ExportJson.Default.DestinationDescription), Context(id));
        return database.WriteAsync(c => c.Execute(
            "INSERT INTO export_destinations (application, id, etag, definition) VALUES ($application, $id, $etag, $definition) ON CONFLICT DO UPDATE SET etag=$etag, definition=$definition",
            ("$application", application), ("$id", id), ("$etag", destination.ETag), ("$definition", definition)), token);
    }

    /// <inheritdoc/>
    public Task DeleteDestinationAsync(string id, CancellationToken token)
        => database.WriteAsync(c => c.Execute("DELETE FROM export_destinations WHERE application=$application AND id=$id", ("$application", application), ("$id", id)), token);

    /// <inheritdoc/>
    public Task<IReadOnlyList<StoredExport>> ListExportsAsync(CancellationToken token) => Task.FromResult<IReadOnlyList<StoredExport>>(database.Read(c => c.Query(
        "SELECT etag, definition, starts FROM exports WHERE application=$application ORDER BY id", ReadExport, ("$application", application))));

    /// <inheritdoc/>
    public Task SaveExportAsync(StoredExport export, CancellationToken token)
    {
        ArgumentNullException.ThrowIfNull(export);
        var definition = JsonSerializer.Serialize(export.Export, ExportJson.Default.DataExportDescription);
        var starts = export.Starts is null ? null : JsonSerializer.Serialize(export.Starts.ToDictionary(s => s.Key, s => s.Value.ToList()), StoredJson.Default.DictionaryStringListInt64);
        return database.WriteAsync(c => c.Execute(
            "INSERT INTO exports (application, id, etag, definition, starts) VALUES ($application, $id, $etag, $definition, $starts) ON CONFLICT DO UPDATE SET etag=$etag, definition=$definition, starts=$starts",
            ("$application", application), ("$id", export.Export.Id), ("$etag", export.ETag), ("$definition", definition), ("$starts", starts)), token);
    }

    /// <inheritdoc/>
    public Task DeleteExportAsync(string id, CancellationToken token)
        => database.WriteAsync(c => c.Execute("DELETE FROM exports WHERE application=$application AND id=$id", ("$application", application), ("$id", id)), token);

    private StoredDestination ReadDestination(SqliteDataReader row)
    {
        var definition = seal.Unseal(row.BytesOrNull(2), Context(row.GetString(0)))!;
        return new StoredDestination(JsonSerializer.Deserialize(definition, ExportJson.Default.DestinationDescription)!, row.GetString(1));
    }

    private static StoredExport ReadExport(SqliteDataReader row) => new(
        JsonSerializer.Deserialize(row.GetString(1), ExportJson.Default.DataExportDescription)!, row.GetString(0),
        row.TextOrNull(2) is { } starts
            ? JsonSerializer.Deserialize(starts, StoredJson.Default.DictionaryStringListInt64)!.ToDictionary(s => s.Key, s => (IReadOnlyList<long>)s.Value, StringComparer.OrdinalIgnoreCase)
            : null);

    private string Context(string id) => $"exportDestination/{application}/{id.ToUpperInvariant()}";
}
