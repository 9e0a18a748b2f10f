using System.Globalization;
using System.Security.Cryptography;
using Homeport.Contract.Access;
using Homeport.Hub.Access;
using Homeport.Hub.Files;
using Homeport.Server.Certificates;
using Homeport.Storage;
using Homeport.Storage.Sqlite;

namespace Homeport.Server;

/// <summary>A data directory: made at the first start, found again at every later one. One process at a time uses it.</summary>
internal sealed class Installation : IDisposable
{
    public const string ApplicationName = "default";
    public const string HubName = "hub1";

    private const int StandardAmqpPort = 5671;

    private readonly FileStream _lock;

    private Installation(FileStream @lock, SecretSeal seal, SqliteDatabase database)
    {
        _lock = @lock;
        Seal = seal;
        Database = database;
    }

    public SecretSeal Seal { get; }

    public SqliteDatabase Database { get; }

    /// <summary>ID scope of the application: <c>0ne</c> and eight hexadecimal digits.</summary>
    public required string IdScope { get; init; }

    /// <summary>When the hub was made.</summary>
    public required DateTimeOffset Created { get; init; }

    public required IReadOnlyList<SharedAccessPolicy> HubPolicies { get; init; }

    public required IReadOnlyList<SharedAccessPolicy> ProvisioningPolicies { get; init; }

    /// <summary>Keys of the built-in blob store's account.</summary>
    public required SharedAccessPolicy BlobKeys { get; init; }

    /// <summary>Key of the audit log's chain.</summary>
    public required byte[] AuditKey { get; init; }

    /// <summary>Opens a data directory, or makes it.</summary>
    /// <exception cref="ServerStartException">It is in use, or cannot be written.</exception>
    public static async Task<Installation> OpenAsync(string directory, TimeProvider time, CancellationToken token)
    {
        FileStream? fileLock = null;
        try
        {
            PrivateFile.CreateDirectory(directory);
            fileLock = Lock(directory);
            var seal = SecretSeal.Open(Path.Combine(directory, "secrets.key"));
            var database = SqliteDatabase.Open(Path.Combine(directory, "homeport.db"));
            var settings = new SqliteInstallation(database, seal);
            return new Installation(fileLock, seal, database)
            {
                IdScope = await settings.SettingAsync("idScope", NewIdScope, token),
                Created = DateTimeOffset.Parse(await settings.SettingAsync("created", () => time.GetUtcNow().ToString("o", CultureInfo.InvariantCulture), token), CultureInfo.InvariantCulture),
                HubPolicies = await settings.PoliciesAsync("hub/" + HubName, SharedAccessPolicy.HubDefaults, token),
                ProvisioningPolicies = await settings.PoliciesAsync("dps", SharedAccessPolicy.ProvisioningDefaults, token),
                BlobKeys = (await settings.PoliciesAsync("blobs", () => [SharedAccessPolicy.Create(BlobAccount.BuiltIn, Rights.None)], token))[0],
                AuditKey = (await settings.PoliciesAsync("audit", () => [SharedAccessPolicy.Create("chain", Rights.None)], token))[0].PrimaryKey,
            };
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException or CryptographicException or Microsoft.Data.Sqlite.SqliteException)
        {
            fileLock?.Dispose();
            throw new ServerStartException($"The data directory '{directory}' cannot be used: {e.Message}", e);
        }
    }

    /// <summary>Connection string of a policy, with its key.</summary>
    public static string ConnectionStringOf(SharedAccessPolicy policy, string host)
        => new ConnectionString(host, Convert.ToBase64String(policy.PrimaryKey), policy.Name).Reveal();

    /// <summary>Connection string of a policy for clients of Event Hubs, with its key.</summary>
    public static string EventHubConnectionStringOf(SharedAccessPolicy policy, string host, int port)
    {
        // SDKs know the port 5671, and not all of them take another from here.
        var endpoint = port == StandardAmqpPort ? host : $"{host}:{port}";
        return $"Endpoint=sb://{endpoint}/;SharedAccessKeyName={policy.Name};SharedAccessKey={Convert.ToBase64String(policy.PrimaryKey)};EntityPath={HubName}";
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Database.Dispose();
        Seal.Dispose();
        _lock.Dispose();
    }

    private static FileStream Lock(string directory)
    {
        try
        {
            return new FileStream(Path.Combine(directory, "lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e)
        {
            throw new ServerStartException($"The data directory '{directory}' is used by another server. Stop that, or choose another directory with --data.", e);
        }
    }

    private static string NewIdScope() => "0ne" + RandomNumberGenerator.GetInt32(int.MaxValue).ToString("X8", CultureInfo.InvariantCulture);
}
