using System.Diagnostics;
using System.Security.Cryptography;
using Homeport.Tpm;
using Homeport.Tpm.Attestation;
using Homeport.Tpm.Commands;

namespace Homeport.Tests.Tpm;

/// <summary>Agreement with tpm2-tools over the same software TPM.</summary>
public sealed class Tpm2ToolsTests : IDisposable
{
    private readonly TestTpm _tpm = new();

    public void Dispose() => _tpm.Dispose();

    [Fact]
    public async Task The_endorsement_key_of_tpm2_createek_is_ours_byte_for_byte()
    {
        var file = Path.Combine(_tpm.Directory, "ek.pub");
        await Run("tpm2_createek", "-G", "rsa", "-c", Path.Combine(_tpm.Directory, "ek.ctx"), "-u", file);
        await Run("tpm2_flushcontext", "-t");
        var theirs = await File.ReadAllBytesAsync(file);
        _tpm.Source.Use(static tpm => new TpmKeys(tpm).DeriveEndorsementKey(TemplateForm.Tcg).Encode()).ShouldBe(theirs);
        _tpm.Source.Use(static tpm => new TpmKeys(tpm).GetEndorsementKey().Encode()).ShouldBe(theirs);
    }

    [Fact]
    public async Task A_key_that_tpm2_tools_kept_is_used_as_it_is()
    {
        var file = Path.Combine(_tpm.Directory, "ek.pub");
        await Run("tpm2_createek", "-G", "rsa", "-c", "0x81010001", "-u", file);
        await Run("tpm2_flushcontext", "-t");
        var secret = RandomNumberGenerator.GetBytes(32);
        _tpm.Source.Use(tpm =>
        {
            var keys = new TpmKeys(tpm);
            keys.GetEndorsementKey().Encode().ShouldBe(File.ReadAllBytes(file));
            keys.Activate(Challenge.Create(keys.GetEndorsementKey(), keys.GetStorageRootKey(), secret));
            keys.Sign([1]).ShouldBe(HMACSHA256.HashData(secret, new byte[] { 1 }));
        });
    }

    [Fact]
    public async Task The_HMAC_of_tpm2_hmac_with_our_imprinted_key_is_ours()
    {
        var key = RandomNumberGenerator.GetBytes(32);
        var message = RandomNumberGenerator.GetBytes(700);
        var input = Path.Combine(_tpm.Directory, "message");
        var output = Path.Combine(_tpm.Directory, "hmac");
        await File.WriteAllBytesAsync(input, message);
        var ours = _tpm.Source.Use(tpm =>
        {
            new TpmKeys(tpm).Imprint(key, 0x81000103);
            return new TpmKeys(tpm).Sign(message, 0x81000103);
        });
        await Run("tpm2_hmac", "-c", "0x81000103", "-o", output, input);
        (await File.ReadAllBytesAsync(output)).ShouldBe(ours);
        ours.ShouldBe(HMACSHA256.HashData(key, message));
    }

    [Fact]
    public async Task A_record_that_we_write_is_read_by_tpm2_nvread()
    {
        var output = Path.Combine(_tpm.Directory, "nv");
        _tpm.Source.Use(static tpm => new TpmStorage(tpm).Create(TpmHandle.DeviceRecord + 2, "hub.example.test/dev"u8));
        await Run("tpm2_nvread", "0x01400102", "-C", "0x01400102", "-o", output);
        (await File.ReadAllTextAsync(output)).ShouldBe("hub.example.test/dev");
    }

    [Fact]
    public async Task The_endorsement_certificate_is_read_where_the_profile_puts_it()
    {
        var certificate = RandomNumberGenerator.GetBytes(1500);
        var input = Path.Combine(_tpm.Directory, "certificate");
        await File.WriteAllBytesAsync(input, certificate);
        await Run("tpm2_nvdefine", "0x01c00002", "-C", "o", "-s", "1500", "-a", "ownerread|ownerwrite|authwrite|no_da");
        await Run("tpm2_nvwrite", "0x01c00002", "-C", "o", "-i", input);
        _tpm.Source.Use(static tpm => new TpmKeys(tpm).ReadEndorsementCertificate()).ShouldBe(certificate);
    }

    private async Task Run(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardError = true, RedirectStandardOutput = true, UseShellExecute = false };
        start.Environment["TPM2TOOLS_TCTI"] = $"swtpm:path={_tpm.Directory}/tpm.sock";
        using var process = Process.Start(start).ShouldNotBeNull($"{program} is not installed: apt-get install tpm2-tools");
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        process.ExitCode.ShouldBe(0, $"{program}: {await errors} {await output}");
    }
}
