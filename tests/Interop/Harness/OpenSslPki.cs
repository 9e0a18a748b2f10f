using System.Security.Cryptography;

namespace Homeport.Tests.Interop.Harness;

/// <summary>CAs and certificates that openssl made, as files of a folder: <c>{name}.pem</c> and <c>{name}.key</c>. Keys are <c>ec</c> or <c>rsa:2048</c>.</summary>
public sealed class OpenSslPki : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    public string PathOf(string file) => _folder.File(file);

    public Task<string> ReadAsync(string file) => File.ReadAllTextAsync(_folder.File(file));

    /// <summary>A root CA.</summary>
    public Task RootAsync(string name, string key)
        => OpenSslAsync(["req", "-x509", .. KeyArguments(key), "-nodes", "-keyout", _folder.File($"{name}.key"), "-out", _folder.File($"{name}.pem"), "-days", "10", "-subj", $"/CN={name}",
            "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign"]);

    /// <summary>A certificate that a device signed itself.</summary>
    public Task SelfSignedAsync(string name, string commonName, string key)
        => OpenSslAsync(["req", "-x509", .. KeyArguments(key), "-nodes", "-keyout", _folder.File($"{name}.key"), "-out", _folder.File($"{name}.pem"), "-days", "10", "-subj", $"/CN={commonName}"]);

    /// <summary>A certificate of a server at this address, signed by itself.</summary>
    public Task ServerAsync(string name, string address)
        => OpenSslAsync(["req", "-x509", .. KeyArguments("ec"), "-nodes", "-keyout", _folder.File($"{name}.key"), "-out", _folder.File($"{name}.pem"), "-days", "10", "-subj", $"/CN={name}",
            "-addext", $"subjectAltName=IP:{address}"]);

    /// <summary>A certificate that a CA issued, for a device or for a further CA.</summary>
    public async Task IssueAsync(string name, string issuer, string commonName, string key, bool isAuthority = false)
    {
        await OpenSslAsync(["req", "-new", .. KeyArguments(key), "-nodes", "-keyout", _folder.File($"{name}.key"), "-out", _folder.File($"{name}.csr"), "-subj", $"/CN={commonName}"]);
        await File.WriteAllTextAsync(_folder.File($"{name}.ext"), isAuthority ? "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n" : "extendedKeyUsage=clientAuth\nkeyUsage=digitalSignature\n");
        await OpenSslAsync(["x509", "-req", "-in", _folder.File($"{name}.csr"), "-CA", _folder.File($"{issuer}.pem"), "-CAkey", _folder.File($"{issuer}.key"),
            "-set_serial", $"0x{RandomNumberGenerator.GetHexString(16)}", "-days", "5", "-extfile", _folder.File($"{name}.ext"), "-out", _folder.File($"{name}.pem")]);
    }

    /// <summary>A revocation list of a CA with one of its certificates, as <c>{issuer}.crl</c>.</summary>
    public async Task RevokeAsync(string issuer, string name)
    {
        await File.WriteAllTextAsync(_folder.File("index"), "");
        await File.WriteAllTextAsync(_folder.File("ca.cnf"), $"[ca]\ndefault_ca=d\n[d]\ndatabase={_folder.File("index")}\ndefault_md=sha256\ndefault_crl_days=7\n");
        string[] authority = ["ca", "-config", _folder.File("ca.cnf"), "-cert", _folder.File($"{issuer}.pem"), "-keyfile", _folder.File($"{issuer}.key")];
        await OpenSslAsync([.. authority, "-revoke", _folder.File($"{name}.pem")]);
        await OpenSslAsync([.. authority, "-gencrl", "-out", _folder.File($"{issuer}.crl")]);
    }

    private static string[] KeyArguments(string key) => key == "ec" ? ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"] : ["-newkey", key];

    private static async Task OpenSslAsync(string[] arguments)
    {
        var result = await ExternalProgram.RunAsync("openssl", arguments, TimeSpan.FromSeconds(30));
        result.ExitCode.ShouldBe(0, result.ToString());
    }
}
