using System.Net;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Homeport.Tests.Benchmarks.Bare;

/// <summary>Which of Kestrel's knobs a bare server turns away from their defaults.</summary>
internal sealed record BareTuning(bool InlineScheduling, bool RequestClientCertificate, bool AllowResume, int IoQueues);

/// <summary>
/// The yardstick: Kestrel, TLS and a loop that parses MQTT frames and acknowledges them, and nothing else. What a real
/// server costs above this is its own.
/// </summary>
internal static class BareServer
{
    /// <summary>Start of the line on standard output that ends with the port.</summary>
    public const string ListeningOn = "listening on ";

    public static async Task RunAsync(int port, string certificateFile, string keyFile, BareTuning tuning, CancellationToken cancellationToken)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton<BareConnectionHandler>();
        builder.Services.Configure<SocketTransportOptions>(options =>
        {
            options.UnsafePreferInlineScheduling = tuning.InlineScheduling;
            if (tuning.IoQueues > 0)
                options.IOQueueCount = tuning.IoQueues;
        });
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, port, listen =>
        {
            listen.UseHttps(Tls(certificateFile, keyFile, tuning));
            listen.UseConnectionHandler<BareConnectionHandler>();
        }));

        await using var app = builder.Build();
        await app.StartAsync(cancellationToken);
        var address = app.Services.GetRequiredService<IServer>().Features.GetRequiredFeature<IServerAddressesFeature>().Addresses.Single();
        await Console.Out.WriteLineAsync($"{ListeningOn}{new Uri(address).Port}");
        await app.WaitForShutdownAsync(cancellationToken);
    }

    private static HttpsConnectionAdapterOptions Tls(string certificateFile, string keyFile, BareTuning tuning)
    {
        var options = new HttpsConnectionAdapterOptions
        {
            ServerCertificate = X509Certificate2.CreateFromPemFile(certificateFile, keyFile),
            SslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
            OnAuthenticate = (_, ssl) => ssl.AllowTlsResume = tuning.AllowResume,
        };
        if (tuning.RequestClientCertificate)
        {
            // As a hub must: the same port serves devices with certificates and devices with tokens.
            options.ClientCertificateMode = ClientCertificateMode.AllowCertificate;
            options.ClientCertificateValidation = static (_, _, _) => true;
        }

        return options;
    }
}
