using System.ComponentModel;
using System.Diagnostics;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Homeport.Contract.Errors;
using Homeport.Provisioning.Certificates;

namespace Homeport.Server.Certificates;

/// <summary>
/// A program of the operator that signs certificates of devices, for example with a CA in a hardware module. It reads the request in PEM and
/// writes the certificate and those above it in PEM; an exit code other than 0 refuses. Nothing of a device is on its command line:
/// the names are in its environment, HOMEPORT_REGISTRATION_ID and HOMEPORT_DEVICE_ID.
/// </summary>
/// <param name="program">Path of the program.</param>
/// <param name="patience">How long it may take, with the wait for its turn.</param>
internal sealed class SignerCommand(string program, TimeSpan patience) : ICertificateIssuer, IDisposable
{
    /// <summary>How long a program may take.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private const int MaxOutput = 128 * 1024;
    private const int MaxErrors = 1024;
    private const int MaxAtOnce = 8;

    private readonly SemaphoreSlim _turn = new(MaxAtOnce, MaxAtOnce);

    /// <inheritdoc/>
    public async Task<Outcome<X509Certificate2Collection>> IssueAsync(SigningOrder order, CancellationToken token)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(token);
        limit.CancelAfter(patience);
        try
        {
            await _turn.WaitAsync(limit.Token);
            try
            {
                return await RunAsync(order, limit.Token);
            }
            finally
            {
                _turn.Release();
            }
        }
        catch (OperationCanceledException) when (!token.IsCancellationRequested)
        {
            return Failed($"did not finish within {patience.TotalSeconds} seconds");
        }
        catch (Exception e) when (e is Win32Exception or IOException)
        {
            return Failed($"cannot be run: {e.Message.TrimEnd('.')}");
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _turn.Dispose();

    private async Task<Outcome<X509Certificate2Collection>> RunAsync(SigningOrder order, CancellationToken token)
    {
        var start = new ProcessStartInfo(program) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        start.Environment["HOMEPORT_REGISTRATION_ID"] = order.RegistrationId;
        start.Environment["HOMEPORT_DEVICE_ID"] = order.CommonName;
        using var process = Process.Start(start)!;
        try
        {
            var errors = ReadAsync(process.StandardError, MaxErrors, token);
            var output = ReadAsync(process.StandardOutput, MaxOutput, token);
            await HandOverAsync(process, PemEncoding.WriteString("CERTIFICATE REQUEST", order.Request), token);
            var (written, said) = (await output, await errors);
            await process.WaitForExitAsync(token);
            return process.ExitCode == 0 ? Parse(written) : Failed($"ended with {process.ExitCode}: {Homeport.Provisioning.Shown.Text(said, 300)}");
        }
        finally
        {
            if (!process.HasExited)
                process.Kill(entireProcessTree: true);
        }
    }

    private static async Task HandOverAsync(Process process, string request, CancellationToken token)
    {
        try
        {
            await process.StandardInput.WriteAsync(request.AsMemory(), token);
            process.StandardInput.Close();
        }
        catch (IOException) when (!token.IsCancellationRequested)
        {
            // It decided without reading: what it wrote and its exit code say how.
        }
    }

    /// <summary>Reads to the end; what is beyond the limit is dropped, so that the program does not wait for a reader.</summary>
    private static async Task<string> ReadAsync(StreamReader reader, int max, CancellationToken token)
    {
        var text = new StringBuilder();
        var buffer = new char[4096];
        int read;
        while ((read = await reader.ReadAsync(buffer, token)) > 0)
            text.Append(buffer, 0, Math.Min(read, max - text.Length));
        return text.ToString();
    }

    private Outcome<X509Certificate2Collection> Parse(string pem)
    {
        var chain = new X509Certificate2Collection();
        try
        {
            chain.ImportFromPem(pem);
        }
        catch (CryptographicException)
        {
            return Failed("wrote something that is no certificate in PEM");
        }
        return chain.Count > 0 ? chain : Failed("wrote no certificate");
    }

    private Refusal Failed(string what) => new(ProvisioningErrors.SignerFailed, $"The certificate signer '{Path.GetFileName(program)}' {what}", "Look after the program of the setting certificate-signer.");
}
