using System.Runtime.CompilerServices;
using Microsoft.Data.Sqlite;

namespace Homeport.Storage.Sqlite;

/// <summary>Short forms for commands with parameters.</summary>
internal static class SqliteCommands
{
    private static readonly ConditionalWeakTable<SqliteConnection, Dictionary<string, SqliteCommand>> Kept = [];

    /// <summary>
    /// Keeps the connection's commands prepared, since preparing takes longer than most of them. For connections that never run two
    /// commands of the same text at a time and whose texts are constant.
    /// </summary>
    public static void KeepCommands(this SqliteConnection connection) => Kept.Add(connection, new Dictionary<string, SqliteCommand>(StringComparer.Ordinal));

    /// <summary>Runs a statement. Returns the number of rows it changed.</summary>
    public static int Execute(this SqliteConnection connection, string sql, params ReadOnlySpan<(string Name, object? Value)> parameters)
    {
        using var command = Prepare(connection, sql, parameters);
        return command.Command.ExecuteNonQuery();
    }

    /// <summary>All rows of a query.</summary>
    public static List<T> Query<T>(this SqliteConnection connection, string sql, Func<SqliteDataReader, T> read, params ReadOnlySpan<(string Name, object? Value)> parameters)
    {
        using var command = Prepare(connection, sql, parameters);
        using var reader = command.Command.ExecuteReader();
        var rows = new List<T>();
        while (reader.Read())
            rows.Add(read(reader));
        return rows;
    }

    /// <summary>The first row of a query, or null.</summary>
    public static T? QueryFirst<T>(this SqliteConnection connection, string sql, Func<SqliteDataReader, T> read, params ReadOnlySpan<(string Name, object? Value)> parameters)
        where T : class
    {
        using var command = Prepare(connection, sql, parameters);
        using var reader = command.Command.ExecuteReader();
        return reader.Read() ? read(reader) : null;
    }

    public static string? TextOrNull(this SqliteDataReader reader, int column) => reader.IsDBNull(column) ? null : reader.GetString(column);

    public static byte[]? BytesOrNull(this SqliteDataReader reader, int column) => reader.IsDBNull(column) ? null : reader.GetFieldValue<byte[]>(column);

    /// <summary>A time stored as Unix milliseconds.</summary>
    public static DateTimeOffset? TimeOrNull(this SqliteDataReader reader, int column)
        => reader.IsDBNull(column) ? null : DateTimeOffset.FromUnixTimeMilliseconds(reader.GetInt64(column));

    private static Lease Prepare(SqliteConnection connection, string sql, ReadOnlySpan<(string Name, object? Value)> parameters)
    {
        if (!Kept.TryGetValue(connection, out var commands))
            return new Lease(Create(connection, sql, parameters), IsKept: false);
        if (!commands.TryGetValue(sql, out var command))
            commands[sql] = command = Create(connection, sql, parameters);
        for (var i = 0; i < parameters.Length; i++)
            command.Parameters[i].Value = ValueOf(parameters[i].Value);
        return new Lease(command, IsKept: true);
    }

    private static SqliteCommand Create(SqliteConnection connection, string sql, ReadOnlySpan<(string Name, object? Value)> parameters)
    {
        var command = connection.CreateCommand();
        command.CommandText = sql;
        foreach (var (name, value) in parameters)
            command.Parameters.AddWithValue(name, ValueOf(value));
        return command;
    }

    private static object ValueOf(object? value) => value switch
    {
        null => DBNull.Value,
        DateTimeOffset time => time.ToUnixTimeMilliseconds(),
        _ => value,
    };

    /// <summary>A command for one use: kept afterwards, or given back.</summary>
    private readonly record struct Lease(SqliteCommand Command, bool IsKept) : IDisposable
    {
        public void Dispose()
        {
            if (!IsKept)
                Command.Dispose();
        }
    }
}
