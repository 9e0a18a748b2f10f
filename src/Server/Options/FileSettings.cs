using Homeport.Hub.Files;
using Homeport.Storage.Files;

namespace Homeport.Server.Options;

/// <summary>Where the files of devices go, and how much of them.</summary>
/// <param name="Account">A storage account elsewhere to which devices are sent, or null.</param>
/// <param name="Bucket">A bucket behind the hub's own blob door, or null for the built-in store.</param>
/// <param name="Container">Container of the hub.</param>
/// <param name="Limits">What the blob door takes.</param>
public sealed record FileSettings(AzureAccount? Account, S3Account? Bucket, string Container, BlobLimits Limits)
{
    /// <summary>Container when nobody names one. The dash keeps it apart from the paths of the hub.</summary>
    public const string DefaultContainer = "uploads-hub1";

    private static readonly string[] KeyMarks = ["AccountKey=", S3Account.SecretField + "="];

    /// <summary>The built-in store.</summary>
    public static FileSettings Default { get; } = new(null, null, DefaultContainer, BlobLimits.Default);

    /// <summary>Reads the settings; what is wrong goes to the sources' errors.</summary>
    internal static FileSettings Read(SettingSources sources, Func<Setting, int, int, int> number)
    {
        var container = sources[Setting.BlobContainer].Text!;
        if (BlobAddress.CheckContainer(container) is { } bad)
            sources.Errors.Add($"blob-container is '{container}': {bad}.");
        else if (!container.Contains('-', StringComparison.Ordinal))
            sources.Errors.Add($"blob-container is '{container}': a dash in it keeps it apart from the paths of the hub, as in {Setting.BlobContainer.Default}.");
        else if (container == RegistryJobParts.Container)
            sources.Errors.Add($"blob-container is '{container}', which holds the registry's imports and exports: choose another name.");
        var limits = BlobLimits.Default with
        {
            MaxBlock = (long)number(Setting.BlobBlockMb, 1, 4000) << 20,
            MaxBlob = (long)number(Setting.BlobSizeMb, 1, 1 << 20) << 20,
            Quota = (long)number(Setting.BlobQuotaMb, 1, 1 << 24) << 20,
        };
        var (account, bucket) = ReadAccount(sources);
        return new FileSettings(account, bucket, container, limits);
    }

    /// <summary>The value for people: never the key.</summary>
    internal static string Shown(SettingValue value)
        => value.Text is null ? "(built-in store)" : HasKey(value.Text) ? "(connection string, not shown)" : value.Text;

    private static (AzureAccount? Account, S3Account? Bucket) ReadAccount(SettingSources sources)
    {
        var (text, source) = sources[Setting.BlobStorage];
        if (text is null)
            return default;
        if (HasKey(text) && source == SettingSources.CommandLineSource)
        {
            sources.Errors.Add($"--blob-storage: other users of this machine can read a command line. Put the connection string into {Setting.BlobStorage.Variable} or into a file, and name the file.");
            return default;
        }
        try
        {
            var connectionString = HasKey(text) ? text : File.ReadAllText(text).Trim();
            var isBucket = connectionString.Contains(S3Account.SecretField, StringComparison.OrdinalIgnoreCase);
            string? reason;
            if (isBucket)
            {
                if (S3Account.TryParse(connectionString, out var bucket, out reason))
                    return (null, bucket);
            }
            else if (AzureAccount.TryParse(connectionString, out var account, out reason))
            {
                return (account, null);
            }
            sources.Errors.Add($"blob-storage ({source}) is no connection string of {(isBucket ? "an S3 store" : "a storage account")}: {reason}.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            sources.Errors.Add($"blob-storage ({source}): the file cannot be read: {e.Message}");
        }
        return default;
    }

    private static bool HasKey(string text) => KeyMarks.Any(mark => text.Contains(mark, StringComparison.OrdinalIgnoreCase));
}
