using System.Globalization;
using System.Reflection;
using Microsoft.Data.Sqlite;

namespace Homeport.Storage.Sqlite;

/// <summary>Applies the numbered scripts that a database does not have yet. The number of the last one is its <c>user_version</c>.</summary>
internal static class Migrations
{
    public static void Apply(SqliteConnection connection)
    {
        var version = connection.Query("PRAGMA user_version", r => r.GetInt32(0))[0];
        var scripts = Scripts();
        if (version > scripts[^1].Number)
            throw new InvalidDataException($"The database has schema {version}, this version knows {scripts[^1].Number}. Use the version of Homeport that wrote it, or a newer one.");
        foreach (var (number, sql) in scripts.Where(s => s.Number > version))
        {
            using var transaction = connection.BeginTransaction();
            connection.Execute(sql);
            connection.Execute(string.Create(CultureInfo.InvariantCulture, $"PRAGMA user_version={number}"));
            transaction.Commit();
        }
    }

    private static List<(int Number, string Sql)> Scripts()
    {
        var assembly = Assembly.GetExecutingAssembly();
        return [.. assembly.GetManifestResourceNames().Where(name => name.EndsWith(".sql", StringComparison.Ordinal)).Order(StringComparer.Ordinal).Select(name =>
        {
            using var reader = new StreamReader(assembly.GetManifestResourceStream(name)!);
            return (int.Parse(name.AsSpan(0, 3), CultureInfo.InvariantCulture), reader.ReadToEnd());
        })];
    }
}
