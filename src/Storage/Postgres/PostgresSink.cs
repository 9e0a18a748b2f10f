using System.Globalization;
using System.Text;
using System.Text.Json;
using Homeport.Log;
using Homeport.Routing;
using Npgsql;
using NpgsqlTypes;

namespace Homeport.Storage.Postgres;

/// <summary>
/// Appends messages to a table, a batch in one statement. Hub, partition and offset are its key, so that a message which comes again makes no
/// second row.
/// </summary>
internal sealed class PostgresSink(NpgsqlDataSource source, string hubName, string table) : IEndpointSink
{
    private bool _hasTable;

    /// <inheritdoc/>
    public int MaxMessages => 500;

    /// <inheritdoc/>
    public async Task<DeliveryFailure?> SendAsync(IReadOnlyList<RoutedMessage> batch, CancellationToken token)
    {
        try
        {
            await using var connection = await source.OpenConnectionAsync(token);
            if (!_hasTable)
                await CreateAsync(connection, token);
            _hasTable = true;
            await InsertAsync(connection, batch, token);
            return null;
        }
        catch (PostgresException e)
        {
            // Made anew when somebody dropped it. Class 22 is about values: a text that jsonb or text cannot hold, such as one with NUL.
            _hasTable &= e.SqlState != PostgresErrorCodes.UndefinedTable;
            return new DeliveryFailure($"The database: {e.MessageText} ({e.SqlState})", e.SqlState.StartsWith("22", StringComparison.Ordinal));
        }
        catch (Exception e) when (e is NpgsqlException or IOException or TimeoutException || (e is OperationCanceledException && !token.IsCancellationRequested))
        {
            return new DeliveryFailure("The database cannot be reached: " + (e.InnerException ?? e).Message.TrimEnd('.'));
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => source.DisposeAsync();

    private async Task CreateAsync(NpgsqlConnection connection, CancellationToken token)
    {
        // A role that may only insert finds the table that somebody else made.
        await using var find = new NpgsqlCommand("SELECT to_regclass($1) IS NOT NULL", connection) { Parameters = { new NpgsqlParameter { Value = table } } };
        if (await find.ExecuteScalarAsync(token) is true)
            return;
        await using var create = new NpgsqlCommand(
            $"""
            CREATE TABLE IF NOT EXISTS {table} (
                hub text NOT NULL, partition integer NOT NULL, "offset" bigint NOT NULL, enqueued_time timestamptz NOT NULL, source text NOT NULL,
                device_id text NOT NULL, module_id text, properties jsonb NOT NULL, system_properties jsonb NOT NULL, body jsonb, raw_body bytea,
                PRIMARY KEY (hub, partition, "offset"))
            """, connection);
        await create.ExecuteNonQueryAsync(token);
    }

    private async Task InsertAsync(NpgsqlConnection connection, IReadOnlyList<RoutedMessage> batch, CancellationToken token)
    {
        await using var insert = new NpgsqlCommand(
            $"""
            INSERT INTO {table} (hub, partition, "offset", enqueued_time, source, device_id, module_id, properties, system_properties, body, raw_body)
            SELECT h, p, o, t, s, d, m, a::jsonb, y::jsonb, b::jsonb, r FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) AS u (h, p, o, t, s, d, m, a, y, b, r)
            ON CONFLICT DO NOTHING
            """, connection);
        // Several that were made of one record have one place: each part has a column value of its own.
        Add(NpgsqlDbType.Text, m => m.Part == 0 ? hubName : string.Create(CultureInfo.InvariantCulture, $"{hubName}.{m.Part}"));
        Add(NpgsqlDbType.Integer, m => m.Partition);
        Add(NpgsqlDbType.Bigint, m => m.Offset);
        Add(NpgsqlDbType.TimestampTz, m => m.EnqueuedTime.UtcDateTime);
        Add(NpgsqlDbType.Text, m => m.Source.NameOf());
        Add(NpgsqlDbType.Text, m => m.Origin.DeviceId);
        Add(NpgsqlDbType.Text, m => m.Origin.ModuleId);
        Add(NpgsqlDbType.Text, m => Object(m.Properties));
        Add(NpgsqlDbType.Text, m => Object(m.IsPlain ? [] : m.SystemProperties.Select(p => new KeyValuePair<string, string?>(p.Key, p.Value))));
        Add(NpgsqlDbType.Text, m => m.Json.IsEmpty ? null : Encoding.UTF8.GetString(m.Json.Span));
        Add(NpgsqlDbType.Bytea, m => m.Json.IsEmpty ? m.Body.ToArray() : null);
        await insert.ExecuteNonQueryAsync(token);

        void Add<T>(NpgsqlDbType type, Func<RoutedMessage, T> read)
            => insert.Parameters.Add(new NpgsqlParameter { NpgsqlDbType = NpgsqlDbType.Array | type, Value = batch.Select(read).ToArray() });
    }

    private static string Object(IEnumerable<KeyValuePair<string, string?>> properties)
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream, new JsonWriterOptions { SkipValidation = true }))
        {
            writer.WriteStartObject();
            foreach (var (name, value) in properties)
                writer.WriteString(name, value);
            writer.WriteEndObject();
        }
        return Encoding.UTF8.GetString(stream.ToArray());
    }
}
