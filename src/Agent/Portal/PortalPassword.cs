using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Security.Cryptography;
using Homeport.Agent.Settings;

namespace Homeport.Agent.Portal;

/// <summary>
/// The password of the page. While there is none, a code that the console shows sets the first one. Kept as PBKDF2 with HMAC-SHA-512, 210,000 rounds
/// and a salt of its own; one check at a time, so that guessing cannot occupy the machine.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "A semaphore without a wait handle holds nothing, and it lives as long as the process.")]
internal sealed class PortalPassword
{
    public const int MinLength = 10;
    public const int MaxLength = 200;

    private const string FileName = "portal-password";
    private const string Form = "pbkdf2-sha512";
    private const int Rounds = 210_000;
    private const int SaltBytes = 16;
    private const int HashBytes = 32;

    /// <summary>Without characters that look alike.</summary>
    private const string CodeAlphabet = "ABCDEFGHJKMNPQRSTUVWXYZ23456789";

    private readonly string _path;
    private readonly SemaphoreSlim _one = new(1);

    public PortalPassword(string stateDirectory)
    {
        _path = Path.Combine(stateDirectory, FileName);
        if (!IsSet)
            SetupCode = string.Join('-', Enumerable.Range(0, 3).Select(static _ => RandomNumberGenerator.GetString(CodeAlphabet, 4)));
    }

    public bool IsSet => File.Exists(_path);

    /// <summary>Sets the first password; null when there is one. Another one at every start.</summary>
    public string? SetupCode { get; private set; }

    /// <summary>What is wrong with a new password, or null.</summary>
    public static string? Check(string? password, string? repeated)
    {
        if (password is null || password.Length < MinLength)
            return $"The password needs at least {MinLength} characters.";
        if (password.Length > MaxLength)
            return $"The password has more than {MaxLength} characters.";
        return password == repeated ? null : "The two passwords are not the same.";
    }

    public bool IsSetupCode(string? text)
    {
        var given = System.Text.Encoding.UTF8.GetBytes((text ?? "").Trim().ToUpperInvariant());
        return SetupCode is { } code && CryptographicOperations.FixedTimeEquals(given, System.Text.Encoding.UTF8.GetBytes(code));
    }

    public async Task<bool> VerifyAsync(string? password, CancellationToken cancellationToken)
    {
        if (password is null or { Length: > MaxLength } || !IsSet)
            return false;
        await _one.WaitAsync(cancellationToken);
        try
        {
            return await Task.Run(() => Matches(password), cancellationToken);
        }
        finally
        {
            _one.Release();
        }
    }

    /// <summary>Sets or replaces the password.</summary>
    /// <exception cref="AgentSettingsException">The file cannot be written.</exception>
    public void Set(string password)
    {
        var salt = RandomNumberGenerator.GetBytes(SaltBytes);
        var hash = Rfc2898DeriveBytes.Pbkdf2(password, salt, Rounds, HashAlgorithmName.SHA512, HashBytes);
        var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        try
        {
            var temporary = _path + ".new";
            using (var writer = new StreamWriter(temporary, options))
            {
                writer.WriteLine($"{Form} {Rounds} {Convert.ToBase64String(salt)} {Convert.ToBase64String(hash)}");
                writer.Flush();
                ((FileStream)writer.BaseStream).Flush(flushToDisk: true);
            }

            File.Move(temporary, _path, overwrite: true);
            SetupCode = null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new AgentSettingsException($"The password cannot be kept: {e.Message}", e);
        }
    }

    private bool Matches(string password)
    {
        var parts = File.ReadAllText(_path).Trim().Split(' ');
        if (parts.Length != 4 || parts[0] != Form || !int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out var rounds))
            throw new AgentSettingsException($"{_path} has another form than this version writes. Set a password anew: homeport-agent password");
        var hash = Convert.FromBase64String(parts[3]);
        return CryptographicOperations.FixedTimeEquals(
            Rfc2898DeriveBytes.Pbkdf2(password, Convert.FromBase64String(parts[2]), rounds, HashAlgorithmName.SHA512, hash.Length), hash);
    }
}
