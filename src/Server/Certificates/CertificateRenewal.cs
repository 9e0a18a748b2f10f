using Homeport.Gateway;

namespace Homeport.Server.Certificates;

/// <summary>Looks once an hour whether the server certificate ends soon, and puts a new one in without a restart.</summary>
internal sealed partial class CertificateRenewal(ServerCertificate certificate, DoorTls tls, TimeProvider time, ILogger<CertificateRenewal> logger)
{
    private static readonly TimeSpan Interval = TimeSpan.FromHours(1);

    public async Task RunAsync(CancellationToken stop)
    {
        using var timer = new PeriodicTimer(Interval, time);
        var current = certificate.Load();
        try
        {
            while (await timer.WaitForNextTickAsync(stop))
            {
                if (certificate.IsGood(current))
                    continue;
                current = certificate.Load();
                tls.Replace(current, certificate.Intermediates);
                LogRenewed(current.NotAfter);
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            LogStopped();
        }
    }

    [LoggerMessage(EventId = 4001, Level = LogLevel.Information, Message = "The server certificate was renewed; it ends at {NotAfter}.")]
    private partial void LogRenewed(DateTime notAfter);

    [LoggerMessage(EventId = 4002, Level = LogLevel.Debug, Message = "Certificate renewal stopped.")]
    private partial void LogStopped();
}
