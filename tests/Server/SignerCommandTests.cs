using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Homeport.Contract.Errors;
using Homeport.Provisioning.Certificates;
using Homeport.Server.Certificates;

namespace Homeport.Tests.Server;

/// <summary>Programs of operators that sign certificates, good ones and others.</summary>
public sealed class SignerCommandTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("homeport-signer-").FullName;
    private readonly SigningOrder _order;

    public SignerCommandTests()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=press-7", key, HashAlgorithmName.SHA256);
        _order = new SigningOrder(request.CreateSigningRequest(), request.PublicKey, "press-7", "serial-7");
        File.WriteAllText(Path.Combine(_folder, "ca.pem"), request.CreateSelfSigned(DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch.AddDays(1)).ExportCertificatePem() + "\n");
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task It_reads_the_request_and_the_names_and_gives_certificates()
    {
        using var signer = Signer($"grep -q 'BEGIN CERTIFICATE REQUEST' && [ \"$HOMEPORT_REGISTRATION_ID $HOMEPORT_DEVICE_ID $#\" = 'serial-7 press-7 0' ] && cat {_folder}/ca.pem {_folder}/ca.pem");
        (await signer.IssueAsync(_order, default)).Value.ShouldNotBeNull().Count.ShouldBe(2);
    }

    [Theory]
    [InlineData("echo 'not on the list' >&2; exit 3", "ended with 3: not on the list")]
    [InlineData("exec 0<&-; exit 4", "ended with 4")]
    [InlineData("cat > /dev/null", "wrote no certificate")]
    [InlineData("echo hello", "wrote no certificate")]
    [InlineData("printf -- '-----BEGIN CERTIFICATE-----\\nAAAA\\n-----END CERTIFICATE-----\\n'", "wrote something that is no certificate in PEM")]
    [InlineData("head -c 50000000 /dev/zero | tr '\\0' x", "wrote no certificate")]
    [InlineData("head -c 50000000 /dev/zero | tr '\\0' x >&2; exit 5", "ended with 5: xxxx")]
    public async Task What_goes_wrong_is_said(string script, string seen)
    {
        using var signer = Signer(script);
        var refusal = (await signer.IssueAsync(_order, default)).Refusal.ShouldNotBeNull();
        refusal.Error.ShouldBe(ProvisioningErrors.SignerFailed);
        refusal.Seen.ShouldContain(seen);
        refusal.Seen.Length.ShouldBeLessThan(500);
    }

    [Fact]
    public async Task One_that_hangs_is_ended_with_what_it_started()
    {
        var mark = Path.Combine(_folder, "child");
        using var signer = Signer($"sleep 1000 & echo $! > {mark}; wait", TimeSpan.FromSeconds(2));
        (await signer.IssueAsync(_order, default)).Refusal.ShouldNotBeNull().Seen.ShouldContain("did not finish within 2 seconds");
        var child = int.Parse(await File.ReadAllTextAsync(mark));
        for (var tries = 0; IsAlive(child); tries++)
        {
            tries.ShouldBeLessThan(1200, "the child lives on");
            await Task.Delay(50);
        }
    }

    [Fact]
    public async Task A_program_that_is_not_there_is_named()
    {
        using var signer = new SignerCommand(Path.Combine(_folder, "nothing"), SignerCommand.Patience);
        (await signer.IssueAsync(_order, default)).Refusal.ShouldNotBeNull().Seen.ShouldContain("'nothing' cannot be run");
    }

    private SignerCommand Signer(string script, TimeSpan? patience = null)
    {
        var file = Path.Combine(_folder, $"{Guid.NewGuid():N}.sh");
        File.WriteAllText(file, "#!/bin/sh\n" + script + "\n");
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return new SignerCommand(file, patience ?? TimeSpan.FromSeconds(60));
    }

    /// <summary>A process that ended and waits for nobody to ask is no more alive.</summary>
    private static bool IsAlive(int id)
    {
        var stat = $"/proc/{id}/stat";
        try
        {
            return File.Exists(stat) && File.ReadAllText(stat).Split(' ')[2] != "Z";
        }
        catch (IOException)
        {
            return false;
        }
    }
}
