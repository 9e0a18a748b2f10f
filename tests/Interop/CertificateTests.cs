using System.Text.RegularExpressions;
using Homeport.Tests.Interop.Harness;

namespace Homeport.Tests.Interop;

/// <summary>The server's certificate, its revocation list and the TLS versions, judged by OpenSSL and curl.</summary>
[Collection(SharedServerTests.Name)]
public sealed partial class CertificateTests(SharedServer shared)
{
    private string Host => shared.Server.Ready.Hub.HostName;

    private string Ca => shared.Server.Ready.CaFile;

    [Theory]
    [InlineData(SharedServer.HttpsPort)]
    [InlineData(SharedServer.MqttPort)]
    public async Task The_certificate_is_valid_and_not_revoked_by_the_list_that_it_names(int port)
    {
        using var folder = new TempFolder();
        var certificate = await ServerCertificateAsync(port, folder);
        var text = (await OpenSslAsync("x509", "-in", certificate, "-noout", "-text")).Output;
        text.ShouldContain($"DNS:{Host}");
        var url = CrlUrl().Match(text);
        url.Success.ShouldBeTrue("the certificate names no CRL:\n" + text);
        url.Value.ShouldStartWith("http://", customMessage: "a CRL over HTTPS would need a CRL to be fetched");

        var list = folder.File("list.crl");
        var curl = await ExternalProgram.RunAsync("curl", ["-sS", "-f", "-o", list, url.Value]);
        curl.ExitCode.ShouldBe(0, curl.ToString());
        (await OpenSslAsync("crl", "-inform", "DER", "-in", list, "-out", folder.File("list.pem"), "-CAfile", Ca)).Error.ShouldContain("verify OK");

        var verified = await OpenSslAsync("verify", "-crl_check", "-CAfile", Ca, "-CRLfile", folder.File("list.pem"), "-verify_hostname", Host, "-purpose", "sslserver", certificate);
        verified.ExitCode.ShouldBe(0, verified.ToString());
        verified.Output.ShouldContain(": OK");
    }

    [Theory]
    [InlineData(SharedServer.HttpsPort, "-tls1_2", true)]
    [InlineData(SharedServer.HttpsPort, "-tls1_3", true)]
    [InlineData(SharedServer.HttpsPort, "-tls1_1", false)]
    [InlineData(SharedServer.MqttPort, "-tls1_2", true)]
    [InlineData(SharedServer.MqttPort, "-tls1_3", true)]
    [InlineData(SharedServer.MqttPort, "-tls1_1", false)]
    public async Task Tls_1_2_and_1_3_are_spoken_and_older_versions_are_not(int port, string version, bool spoken)
    {
        // Level 0 lets the client offer old versions at all.
        var result = await OpenSslAsync(
            "s_client", "-connect", $"127.0.0.1:{port}", "-servername", Host, "-CAfile", Ca, "-verify_hostname", Host, "-verify_return_error", version, "-cipher", "DEFAULT@SECLEVEL=0");
        (result.ExitCode == 0).ShouldBe(spoken, result.ToString());
    }

    [Theory]
    [InlineData(SharedServer.HttpsPort)]
    [InlineData(SharedServer.MqttPort)]
    public async Task A_client_certificate_is_asked_for(int port)
    {
        var result = await OpenSslAsync("s_client", "-connect", $"127.0.0.1:{port}", "-servername", Host, "-CAfile", Ca, "-tls1_2", "-msg");
        result.Output.ShouldContain("CertificateRequest", customMessage: "X.509 devices have no other moment to show theirs");
    }

    private static Task<ProgramResult> OpenSslAsync(params string[] arguments) => ExternalProgram.RunAsync("openssl", arguments, input: "");

    private async Task<string> ServerCertificateAsync(int port, TempFolder folder)
    {
        var shown = await OpenSslAsync("s_client", "-connect", $"127.0.0.1:{port}", "-servername", Host, "-CAfile", Ca);
        var certificate = Pem().Match(shown.Output);
        certificate.Success.ShouldBeTrue(shown.ToString());
        var path = folder.File("server.pem");
        await File.WriteAllTextAsync(path, certificate.Value + "\n");
        return path;
    }

    [GeneratedRegex(@"(?<=URI:)\S+\.crl\S*|(?<=Full Name:\s+URI:)\S+", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex CrlUrl();

    [GeneratedRegex("-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", RegexOptions.Singleline, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Pem();
}
