using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Homeport.Tpm;
using Homeport.Tpm.Attestation;
using Homeport.Tpm.Channels;

namespace Homeport.Tests.Tpm;

/// <summary>Each channel carries a whole activation, and fails in words.</summary>
public sealed class ChannelTests
{
    private static readonly TpmTimeouts Short = new(TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(2));

    [Fact]
    public async Task The_simulator_protocol_carries_an_activation()
    {
        using var tpm = new TestTpm();
        await using var simulator = new SimulatorPeer(tpm.Software.Open());
        var source = TpmSource.Parse($"simulator:127.0.0.1:{simulator.Port}");
        Activate(source);
        Activate(source);
        simulator.PowerSignals.ShouldBe([1u, 11u, 20u, 1u, 11u, 20u]);
    }

    [Fact]
    public void A_device_file_carries_an_activation()
    {
        using var tpm = new TestTpm();
        using var device = new PseudoDevice(tpm.Software.Open());
        Activate(TpmSource.Parse($"device:{device.Path}"));
    }

    [Fact]
    public void A_device_that_is_missing_is_named()
    {
        var error = Should.Throw<TpmException>(() => TpmSource.Parse("device:/dev/tpm-that-is-missing").Use(static _ => 0));
        error.Failure.ShouldBe(TpmFailure.Unreachable);
        error.Message.ShouldContain("shows no TPM");
    }

    [Fact]
    public void A_server_that_is_missing_is_named()
    {
        var port = SoftwareTpmTests.FreePort();
        foreach (var source in new[] { $"tcp:127.0.0.1:{port}", "unix:/tmp/no-such-tpm.sock", $"simulator:127.0.0.1:{port}" })
        {
            var error = Should.Throw<TpmException>(() => TpmSource.Parse(source).Use(static tpm => new TpmStatus(tpm).GetRandom(1)));
            error.Failure.ShouldBe(TpmFailure.Unreachable);
            error.Message.ShouldContain("Is the TPM server running there?");
        }
    }

    [Fact]
    public void Windows_services_are_named_as_missing_elsewhere()
    {
        if (OperatingSystem.IsWindows())
            return;
        Should.Throw<TpmException>(() => TpmSource.Parse("tbs").Use(static _ => 0)).Message.ShouldContain("only Windows");
    }

    [Theory]
    [InlineData("")]
    [InlineData("device:tpm0")]
    [InlineData("tcp:localhost")]
    [InlineData("tcp::2323")]
    [InlineData("tcp:localhost:70000")]
    [InlineData("simulator:localhost:x")]
    [InlineData("software:relative")]
    [InlineData("tbs:1")]
    [InlineData("com1:")]
    public void Text_that_names_no_TPM_is_refused_with_the_forms(string text)
        => Should.Throw<FormatException>(() => TpmSource.Parse(text)).Message.ShouldContain("Write device:/dev/tpmrm0");

    [Theory]
    [InlineData("", TpmFailure.Unreachable)]
    [InlineData("8001", TpmFailure.Unreachable)]
    [InlineData("80010000000900000000", TpmFailure.Malformed)]
    [InlineData("80017fffffff00000000", TpmFailure.Malformed)]
    [InlineData("80010000000a0000000000", TpmFailure.Malformed)]
    public async Task A_peer_that_talks_nonsense_is_the_typed_failure(string response, TpmFailure failure)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var peer = Task.Run(async () =>
        {
            using var client = await listener.AcceptTcpClientAsync();
            await client.GetStream().ReadExactlyAsync(new byte[12]);
            await client.GetStream().WriteAsync(Convert.FromHexString(response));
        });
        using var tpm = new Tpm2(new SocketChannel(listener.LocalEndpoint, Short));
        Should.Throw<TpmException>(() => new TpmStatus(tpm).GetRandom(1)).Failure.ShouldBe(failure);
        await peer;
    }

    [Fact]
    public async Task A_silent_peer_costs_the_time_limit_only()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var peer = listener.AcceptTcpClientAsync();
        using var tpm = new Tpm2(new SocketChannel(listener.LocalEndpoint, new TpmTimeouts(TimeSpan.FromSeconds(1), TimeSpan.FromMilliseconds(200))));
        Should.Throw<TpmException>(() => new TpmStatus(tpm).GetRandom(1)).Failure.ShouldBe(TpmFailure.TimedOut);
        (await peer).Dispose();
    }

    [Fact]
    public void A_command_beyond_the_limits_is_not_sent()
    {
        using var channel = new SocketChannel(new IPEndPoint(IPAddress.Loopback, 1), Short);
        Should.Throw<TpmException>(() => channel.Submit(new byte[4097])).Failure.ShouldBe(TpmFailure.Malformed);
        Should.Throw<TpmException>(() => channel.Submit(new byte[9])).Failure.ShouldBe(TpmFailure.Malformed);
    }

    private static void Activate(TpmSource source) => source.Use(static tpm =>
    {
        var keys = new TpmKeys(tpm);
        var secret = RandomNumberGenerator.GetBytes(32);
        keys.Activate(Challenge.Create(keys.GetEndorsementKey(), keys.GetStorageRootKey(), secret));
        keys.Sign([1, 2]).ShouldBe(HMACSHA256.HashData(secret, new byte[] { 1, 2 }));
    });

    /// <summary>The two ports of the simulator protocol in front of another TPM.</summary>
    private sealed class SimulatorPeer : IAsyncDisposable
    {
        private readonly ITpmChannel _tpm;
        private readonly TcpListener _data;
        private readonly TcpListener _platform;
        private readonly CancellationTokenSource _end = new();
        private readonly Task _serving;

        public SimulatorPeer(ITpmChannel tpm)
        {
            _tpm = tpm;
            (_data, _platform) = ListenOnNeighbours();
            _serving = Task.WhenAll(Serve(_data, ServeCommands, _end.Token), Serve(_platform, ServePower, _end.Token));
        }

        public int Port => ((IPEndPoint)_data.LocalEndpoint).Port;

        public List<uint> PowerSignals { get; } = [];

        public async ValueTask DisposeAsync()
        {
            await _end.CancelAsync();
            await _serving;
            _data.Dispose();
            _platform.Dispose();
            _end.Dispose();
            _tpm.Dispose();
        }

        private static (TcpListener Data, TcpListener Platform) ListenOnNeighbours()
        {
            while (true)
            {
                var data = new TcpListener(IPAddress.Loopback, 0);
                data.Start();
                var platform = new TcpListener(IPAddress.Loopback, ((IPEndPoint)data.LocalEndpoint).Port + 1);
                try
                {
                    platform.Start();
                    return (data, platform);
                }
                catch (SocketException)
                {
                    data.Dispose();
                }
            }
        }

        private static async Task Serve(TcpListener listener, Func<NetworkStream, Task> serve, CancellationToken end)
        {
            try
            {
                while (true)
                {
                    using var client = await listener.AcceptTcpClientAsync(end);
                    try
                    {
                        await serve(client.GetStream());
                    }
                    catch (EndOfStreamException)
                    {
                        // The client went without a farewell.
                    }
                }
            }
            catch (OperationCanceledException)
            {
                // The test is over.
            }
        }

        private async Task ServeCommands(NetworkStream stream)
        {
            while (true)
            {
                switch (await ReadNumber(stream))
                {
                    case 15:
                        (await ReadNumber(stream)).ShouldBe(1u);
                        await WriteNumbers(stream, 1, 0, 0);
                        break;
                    case 8:
                        var head = new byte[5];
                        await stream.ReadExactlyAsync(head);
                        var command = new byte[BinaryPrimitives.ReadUInt32BigEndian(head.AsSpan(1))];
                        await stream.ReadExactlyAsync(command);
                        var response = _tpm.Submit(command);
                        await WriteNumbers(stream, (uint)response.Length);
                        await stream.WriteAsync(response);
                        await WriteNumbers(stream, 0);
                        break;
                    default:
                        return;
                }
            }
        }

        private async Task ServePower(NetworkStream stream)
        {
            while (true)
            {
                var signal = await ReadNumber(stream);
                PowerSignals.Add(signal);
                if (signal == 20)
                    return;
                await WriteNumbers(stream, 0);
            }
        }

        private static async Task<uint> ReadNumber(NetworkStream stream)
        {
            var bytes = new byte[4];
            await stream.ReadExactlyAsync(bytes);
            return BinaryPrimitives.ReadUInt32BigEndian(bytes);
        }

        private static async Task WriteNumbers(NetworkStream stream, params uint[] numbers)
        {
            foreach (var number in numbers)
            {
                var bytes = new byte[4];
                BinaryPrimitives.WriteUInt32BigEndian(bytes, number);
                await stream.WriteAsync(bytes);
            }
        }
    }

    /// <summary>A raw pseudo-terminal in place of a TPM device file: what is written to its path goes to a TPM, and the answer comes back.</summary>
    private sealed class PseudoDevice : IDisposable
    {
        private readonly int _master;
        private readonly int _keepOpen;
        private readonly Thread _pump;
        private readonly ITpmChannel _tpm;

        public PseudoDevice(ITpmChannel tpm)
        {
            _tpm = tpm;
            var terminal = new byte[128];
            NativeMethods.OpenPty(out _master, out _keepOpen, terminal, 0, 0).ShouldBe(0);
            var settings = new byte[256];
            NativeMethods.TcGetAttr(_keepOpen, settings).ShouldBe(0);
            NativeMethods.CfMakeRaw(settings);
            NativeMethods.TcSetAttr(_keepOpen, 0, settings).ShouldBe(0);
            Path = System.Text.Encoding.ASCII.GetString(terminal, 0, Array.IndexOf(terminal, (byte)0));
            _pump = new Thread(Pump) { IsBackground = true };
            _pump.Start();
        }

        public string Path { get; }

        public void Dispose()
        {
            _ = NativeMethods.Close(_keepOpen);
            _pump.Join(TimeSpan.FromSeconds(10)).ShouldBeTrue();
            _ = NativeMethods.Close(_master);
            _tpm.Dispose();
        }

        private void Pump()
        {
            var command = new List<byte>();
            var buffer = new byte[4096];
            while (true)
            {
                var count = NativeMethods.Read(_master, buffer, buffer.Length);
                if (count <= 0)
                    return;
                command.AddRange(buffer.AsSpan(0, (int)count));
                if (command.Count < 10 || command.Count < BinaryPrimitives.ReadInt32BigEndian(CollectionsMarshal.AsSpan(command)[2..]))
                    continue;
                var response = _tpm.Submit(CollectionsMarshal.AsSpan(command));
                command.Clear();
                NativeMethods.Write(_master, response, response.Length).ShouldBe(response.Length);
            }
        }
    }

    private static class NativeMethods
    {
        [DllImport("libc", EntryPoint = "openpty")]
        [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
        public static extern int OpenPty(out int master, out int slave, byte[] name, nint settings, nint size);

        [DllImport("libc", EntryPoint = "tcgetattr")]
        [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
        public static extern int TcGetAttr(int file, byte[] settings);

        [DllImport("libc", EntryPoint = "tcsetattr")]
        [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
        public static extern int TcSetAttr(int file, int when, byte[] settings);

        [DllImport("libc", EntryPoint = "cfmakeraw")]
        [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
        public static extern void CfMakeRaw(byte[] settings);

        [DllImport("libc", EntryPoint = "read")]
        [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
        public static extern nint Read(int file, byte[] buffer, nint count);

        [DllImport("libc", EntryPoint = "write")]
        [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
        public static extern nint Write(int file, byte[] buffer, nint count);

        [DllImport("libc", EntryPoint = "close")]
        [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
        public static extern int Close(int file);
    }
}
