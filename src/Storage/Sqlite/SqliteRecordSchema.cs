using Homeport.Log;
using Microsoft.Data.Sqlite;

namespace Homeport.Storage.Sqlite;

/// <summary>The tables of a record file, and what stands in them about a partition besides its batches.</summary>
internal static class SqliteRecordSchema
{
    /// <summary>Makes the tables, or adds what files of earlier versions do not have.</summary>
    public static void Apply(SqliteConnection writer, int partitionCount)
    {
        writer.Execute("""
            CREATE TABLE IF NOT EXISTS partitions (
                partition    INTEGER NOT NULL PRIMARY KEY,
                next_offset  INTEGER NOT NULL,
                first_offset INTEGER NOT NULL DEFAULT 0,
                last_time    INTEGER NOT NULL DEFAULT 0
            );
            CREATE TABLE IF NOT EXISTS batches (
                id          INTEGER NOT NULL PRIMARY KEY,
                partition   INTEGER NOT NULL,
                base_offset INTEGER NOT NULL,
                count       INTEGER NOT NULL,
                first_time  INTEGER NOT NULL,
                last_time   INTEGER NOT NULL,
                bytes       BLOB    NOT NULL
            );
            CREATE TABLE IF NOT EXISTS positions (
                partition   INTEGER NOT NULL,
                base_offset INTEGER NOT NULL,
                batch       INTEGER NOT NULL,
                PRIMARY KEY (partition, base_offset)
            ) WITHOUT ROWID;
            """);
        if (!writer.Query("SELECT name FROM pragma_table_info('partitions')", r => r.GetString(0)).Contains("first_offset"))
            AddExtents(writer);
        if (writer.Query("SELECT count(*) FROM partitions", r => r.GetInt32(0))[0] > 0)
            return;
        // All at once: a number of partitions that a crash cut short would stay for ever.
        using var transaction = writer.BeginTransaction();
        for (var i = 0; i < partitionCount; i++)
            writer.Execute("INSERT INTO partitions (partition, next_offset) VALUES ($partition, 0)", ("$partition", i));
        transaction.Commit();
    }

    /// <summary>What a partition holds, by its row and by the batches behind it.</summary>
    public static PartitionExtent ReadExtent(SqliteConnection connection, int partition)
    {
        var row = connection.Query(
            "SELECT first_offset, next_offset, last_time FROM partitions WHERE partition=$partition",
            r => (First: r.GetInt64(0), Next: r.GetInt64(1), LastTime: r.GetInt64(2)), ("$partition", partition))[0];
        // The last known position of the partition is close to its end. Without one it never had a batch.
        var start = connection.Query(
            "SELECT batch FROM positions WHERE partition=$partition ORDER BY base_offset DESC LIMIT 1", r => r.GetInt64(0), ("$partition", partition)).FirstOrDefault(long.MaxValue);
        var (end, time) = connection.Query(
            "SELECT coalesce(max(base_offset+count), 0), coalesce(max(last_time), 0) FROM batches WHERE id>=$start AND partition=$partition",
            r => (r.GetInt64(0), r.GetInt64(1)), ("$start", start), ("$partition", partition))[0];
        var last = Math.Max(row.LastTime, time);
        return new PartitionExtent(row.First, Math.Max(row.Next, end), last == 0 ? null : DateTimeOffset.FromUnixTimeMilliseconds(last));
    }

    /// <summary>Keeps what outlives the batches that are dropped: an empty partition goes on counting.</summary>
    public static void WriteExtent(SqliteConnection writer, int partition, PartitionExtent extent)
    {
        writer.Execute(
            "UPDATE partitions SET first_offset=$first, next_offset=$next, last_time=$time WHERE partition=$partition",
            ("$first", extent.First), ("$next", extent.Next), ("$time", extent.LastTime?.ToUnixTimeMilliseconds() ?? 0), ("$partition", partition));
        // The last one at or before the first record stays: without any position there is no batch.
        writer.Execute(
            "DELETE FROM positions WHERE partition=$partition AND base_offset<(SELECT max(base_offset) FROM positions WHERE partition=$partition AND base_offset<=$first)",
            ("$partition", partition), ("$first", extent.First));
    }

    private static void AddExtents(SqliteConnection writer) => writer.Execute("""
        BEGIN;
        ALTER TABLE partitions ADD COLUMN first_offset INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE partitions ADD COLUMN last_time INTEGER NOT NULL DEFAULT 0;
        UPDATE partitions SET first_offset=coalesce((SELECT min(base_offset) FROM batches b WHERE b.partition=partitions.partition), next_offset);
        COMMIT;
        """);
}
