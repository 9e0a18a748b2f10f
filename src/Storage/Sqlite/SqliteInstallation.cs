using Homeport.Hub.Access;

namespace Homeport.Storage.Sqlite;

/// <summary>What the first start decides and every later one finds again: settings and shared access policies.</summary>
public sealed class SqliteInstallation(SqliteDatabase database, SecretSeal seal)
{
    /// <summary>Reads a setting; on the first start stores what <paramref name="create"/> makes.</summary>
    public Task<string> SettingAsync(string name, Func<string> create, CancellationToken token) => database.WriteAsync(c =>
    {
        c.Execute("INSERT INTO settings (name, value) SELECT $name, $value WHERE NOT EXISTS (SELECT 1 FROM settings WHERE name=$name)",
            ("$name", name), ("$value", create()));
        return c.QueryFirst("SELECT value FROM settings WHERE name=$name", r => r.GetString(0), ("$name", name))!;
    }, token);

    /// <summary>Reads the policies of an owner; on the first start stores <paramref name="defaults"/>.</summary>
    /// <param name="owner"><c>hub/{name}</c> or <c>dps</c>.</param>
    /// <param name="defaults">Makes the first policies.</param>
    /// <param name="token">Ends the call.</param>
    public Task<IReadOnlyList<SharedAccessPolicy>> PoliciesAsync(string owner, Func<IReadOnlyList<SharedAccessPolicy>> defaults, CancellationToken token)
        => database.WriteAsync<IReadOnlyList<SharedAccessPolicy>>(c =>
        {
            var stored = c.Query(
                "SELECT name, rights, primary_key, secondary_key FROM policies WHERE owner=$owner ORDER BY position",
                r => new SharedAccessPolicy(r.GetString(0), (Rights)r.GetInt32(1),
                    seal.Unseal(r.BytesOrNull(2), $"policy/{owner}/{r.GetString(0)}")!,
                    seal.Unseal(r.BytesOrNull(3), $"policy/{owner}/{r.GetString(0)}")!),
                ("$owner", owner));
            if (stored.Count > 0)
                return stored;
            var made = defaults();
            for (var i = 0; i < made.Count; i++)
            {
                c.Execute("INSERT INTO policies (owner, name, position, rights, primary_key, secondary_key) VALUES ($owner, $name, $position, $rights, $primary, $secondary)",
                    ("$owner", owner), ("$name", made[i].Name), ("$position", i), ("$rights", (int)made[i].Rights),
                    ("$primary", seal.Seal(made[i].PrimaryKey, $"policy/{owner}/{made[i].Name}")),
                    ("$secondary", seal.Seal(made[i].SecondaryKey, $"policy/{owner}/{made[i].Name}")));
            }
            return made;
        }, token);
}
