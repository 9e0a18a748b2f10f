using System.Security.Cryptography;
using Homeport.Contract.Errors;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.Options;

namespace Homeport.People.Accounts;

/// <summary>Makes, checks and hashes passwords. Hashing is slow on purpose, so few run at a time: attempts must not take the CPU from devices.</summary>
public sealed class Passwords : IDisposable
{
    /// <summary>Characters of a password at least.</summary>
    public const int MinLength = 12;

    /// <summary>Rounds of PBKDF2 with HMAC-SHA-512, as OWASP recommends.</summary>
    public const int Iterations = 210_000;

    private const int MaxLength = 256;
    private const int AtOnce = 2;

    // Without 0 O 1 l I, which people mistake for each other.
    private const string Letters = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";

    private readonly PasswordHasher<Account> _hasher;
    private readonly SemaphoreSlim _room = new(AtOnce);
    private readonly Lazy<string> _decoy;

    /// <summary>Makes the hasher.</summary>
    /// <param name="iterations">Rounds; fewer are for tests.</param>
    public Passwords(int iterations = Iterations)
    {
        _hasher = new PasswordHasher<Account>(Options.Create(new PasswordHasherOptions { IterationCount = iterations }));
        _decoy = new Lazy<string>(() => _hasher.HashPassword(null!, Generate()));
    }

    /// <summary>A random password with 116 bits.</summary>
    public static string Generate() => RandomNumberGenerator.GetString(Letters, 20);

    /// <summary>Null when a person may use the password, else the reason.</summary>
    public static Refusal? Check(string password, string name)
    {
        if (password.Length is < MinLength or > MaxLength)
            return new Refusal(PeopleErrors.WeakPassword, $"It has {password.Length} characters", $"Use {MinLength} to {MaxLength} characters; four random words are good.");
        if (password.Distinct().Count() < 5)
            return new Refusal(PeopleErrors.WeakPassword, "It repeats few characters", "Use a longer mix; four random words are good.");
        return password.Contains(name, StringComparison.OrdinalIgnoreCase) ? new Refusal(PeopleErrors.WeakPassword, "It contains the name", "Leave the name out.") : null;
    }

    /// <summary>Hashes a password.</summary>
    public async Task<string> HashAsync(string password, CancellationToken token)
    {
        await _room.WaitAsync(token);
        try
        {
            return await Task.Run(() => _hasher.HashPassword(null!, password), token);
        }
        finally
        {
            _room.Release();
        }
    }

    /// <summary>True when the password is right. Without an account it takes as long and is false.</summary>
    public async Task<bool> VerifyAsync(Account? account, string password, CancellationToken token)
    {
        if (password.Length > MaxLength)
            return false;
        await _room.WaitAsync(token);
        try
        {
            var result = await Task.Run(() => _hasher.VerifyHashedPassword(null!, account?.PasswordHash ?? _decoy.Value, password), token);
            return account is not null && result != PasswordVerificationResult.Failed;
        }
        finally
        {
            _room.Release();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _room.Dispose();
}
