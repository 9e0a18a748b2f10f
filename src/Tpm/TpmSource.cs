using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Homeport.Tpm.Channels;
using Homeport.Tpm.Commands;
using Homeport.Tpm.Software;

namespace Homeport.Tpm;

/// <summary>
/// A TPM at a known place. Each use opens it, works and closes it again, one use at a time within this process; a software TPM also keeps other
/// processes out for so long. A whole sequence of commands belongs into one use.
/// </summary>
public sealed class TpmSource
{
    private static readonly ConcurrentDictionary<string, Lock> Gates = new(StringComparer.Ordinal);

    private readonly Func<ITpmChannel> _open;
    private readonly Lock _gate;

    public TpmSource(string name, Func<ITpmChannel> open)
    {
        Name = name;
        _open = open;
        _gate = Gates.GetOrAdd(name, static _ => new Lock());
    }

    /// <summary>The place, in the form that <see cref="Parse"/> takes.</summary>
    public string Name { get; }

    public TpmPasswords Passwords { get; init; } = TpmPasswords.Empty;

    /// <summary>True for a managed software TPM: whoever has its connection is alone.</summary>
    private bool IsExclusive { get; init; }

    /// <summary>The same TPM, used with the passwords of its hierarchies.</summary>
    public TpmSource WithPasswords(TpmPasswords passwords) => new(Name, _open) { Passwords = passwords, IsExclusive = IsExclusive };

    public static TpmSource Device(string path) => new($"device:{path}", () => new DeviceFileChannel(path));

    public static TpmSource Software(SoftwareTpm software)
    {
        ArgumentNullException.ThrowIfNull(software);
        return new($"software:{software.Directory}", software.Open) { IsExclusive = true };
    }

    public static TpmSource Socket(EndPoint endPoint, TpmTimeouts? timeouts = null)
        => new(TpmSocket.Describe(endPoint), () => new SocketChannel(endPoint, timeouts));

    public static TpmSource Simulator(string host, int port = SimulatorChannel.DefaultPort, TpmTimeouts? timeouts = null)
        => new($"simulator:{host}:{port}", () => new SimulatorChannel(host, port, timeouts));

    /// <summary>The TPM Base Services of this Windows.</summary>
    /// <exception cref="TpmException">This is not Windows.</exception>
    public static TpmSource Windows() => new("tbs", static () => OperatingSystem.IsWindows()
        ? new TbsChannel()
        : throw new TpmException(TpmFailure.Unreachable, "tbs: only Windows has TPM Base Services. Use device:/dev/tpmrm0 here."));

    /// <summary>
    /// Parses <c>device:/dev/tpmrm0</c>, <c>tbs</c>, <c>unix:/run/tpm.sock</c>, <c>tcp:host:port</c> (both raw, as swtpm serves them),
    /// <c>simulator:host[:port]</c> or <c>software:/absolute/directory</c> (a managed swtpm, started on first use).
    /// </summary>
    public static TpmSource Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var colon = text.IndexOf(':', StringComparison.Ordinal);
        var kind = colon < 0 ? text : text[..colon];
        var rest = colon < 0 ? "" : text[(colon + 1)..];
        switch (kind)
        {
            case "tbs" when rest.Length == 0: return Windows();
            case "device" when rest.StartsWith('/'): return Device(rest);
            case "unix" when rest.StartsWith('/'): return Socket(new UnixDomainSocketEndPoint(rest));
            case "software" when Path.IsPathFullyQualified(rest): return Software(new SoftwareTpm(new SoftwareTpmOptions(rest)));
            case "tcp" when TryHostPort(rest, defaultPort: null, out var host, out var port):
                return Socket(IPAddress.TryParse(host, out var address) ? new IPEndPoint(address, port) : new DnsEndPoint(host, port));
            case "simulator" when TryHostPort(rest, SimulatorChannel.DefaultPort, out var host, out var port):
                return Simulator(host, port);
            default:
                throw new FormatException(
                    $"'{text}' names no TPM. Write device:/dev/tpmrm0, tbs, unix:/path, tcp:host:port, simulator:host[:port] or software:/directory.");
        }
    }

    /// <summary>Runs a sequence of commands with exclusive access.</summary>
    public TResult Use<TResult>(Func<Tpm2, TResult> work)
    {
        ArgumentNullException.ThrowIfNull(work);
        lock (_gate)
        {
            using var tpm = new Tpm2(_open(), Passwords);
            try
            {
                return work(tpm);
            }
            catch (TpmException e) when (IsExclusive && e.Code is (TpmResponseCode.ObjectMemory or TpmResponseCode.SessionMemory))
            {
                // A program that was killed left its objects behind, and a TPM without resource manager has room for three.
                new TpmStatus(tpm).FlushLeftovers();
                return work(tpm);
            }
        }
    }

    /// <inheritdoc cref="Use{TResult}(Func{Tpm2, TResult})"/>
    public void Use(Action<Tpm2> work)
    {
        ArgumentNullException.ThrowIfNull(work);
        Use(tpm =>
        {
            work(tpm);
            return 0;
        });
    }

    private static bool TryHostPort(string text, int? defaultPort, out string host, out int port)
    {
        var colon = text.LastIndexOf(':');
        host = (colon < 0 ? text : text[..colon]).Trim('[', ']');
        port = defaultPort ?? 0;
        var portIsGiven = colon >= 0;
        if (portIsGiven && !int.TryParse(text[(colon + 1)..], out port))
            return false;
        return host.Length > 0 && port is > 0 and <= 65535;
    }
}
