using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Homeport.Hub.CloudToDevice;
using Homeport.Hub.Registry;

namespace Homeport.Tests.Transcripts.Amqp;

/// <summary>
/// What SDKs sent over AMQP when they were recorded, given to the door frame by frame, and the server's answers frame by frame. The frames
/// are in Fixtures/recorded-amqp.json, what is expected in Scripts/Amqp.
/// </summary>
/// <remarks><code>
/// &gt; attach     sends the next recorded frame, which is an attach
/// - disposition    leaves the next recorded frame out
/// &lt; attach ...     the server's next frame; * is any text, {name} any word, which is noted
/// ! method dev1 echo {"a":1}    what a service does (see <see cref="Service"/>), or: send dev1 text; complete dev1 (a device takes a
///                  message over HTTPS); answered dev1 (both, with feedback wanted); event 0 text (is in partition 0); time runs, time stops
/// = a b           in the recorded frames, b (or what was noted as {name}) stands for a: numbers of the recording's server
/// </code></remarks>
public sealed partial class RecordedAmqpTests : IAsyncDisposable
{
    private static readonly byte[] RecordedKey = "probe-key-probe-key-probe-key-32"u8.ToArray();
    private static readonly JsonObject Recorded = JsonNode.Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Fixtures", "recorded-amqp.json")))!.AsObject();

    private readonly Dictionary<string, string> _noted = new(StringComparer.Ordinal);
    private readonly List<(string Recorded, string Now)> _replaced = [];
    private HubFixture _hub = null!;
    private Service _service = null!;
    private AmqpPeer _peer = null!;
    private bool _timeRuns;
    private X509Certificate2? _certificate;

    public static TheoryData<string> Names => [.. Recorded.Select(r => r.Key)];

    public async ValueTask DisposeAsync()
    {
        await _hub.DisposeAsync();
        _certificate?.Dispose();
    }

    [Theory]
    [MemberData(nameof(Names))]
    public async Task A_recorded_session_is_served(string name)
    {
        await OpenAsync(name);
        var frames = new Queue<byte[]>(Recorded[name]!["frames"]!.AsArray().Select(f => Convert.FromHexString((string)f!)));
        var number = 0;
        foreach (var line in await File.ReadAllLinesAsync(Path.Combine(AppContext.BaseDirectory, "Scripts", "Amqp", name + ".txt")))
        {
            number++;
            if (line.Length == 0 || line[0] == '#')
                continue;
            try
            {
                await TakeAsync(line[0], line[2..], frames);
            }
            catch (Exception e)
            {
                throw new InvalidOperationException($"{name}, line {number}: {line}\n{e.Message}", e);
            }
        }
        frames.ShouldBeEmpty("the script leaves none out by accident");
        _peer.Hang();
        await _peer.EndAsync();
        (_hub.Live.Count, _service.OpenCalls).ShouldBe((0, 0));
        _hub.Problems.ShouldBeEmpty(string.Join('\n', _hub.LogLines));
    }

    private async Task OpenAsync(string name)
    {
        _hub = new HubFixture(DateTimeOffset.FromUnixTimeSeconds((long)Recorded[name]!["expiry"]!).AddMinutes(-10), RecordedKey);
        _service = new Service(_hub);
        _certificate = name.Contains("x509", StringComparison.Ordinal) ? HubFixture.Certificate("x509dev") : null;
        _peer = new AmqpPeer(_hub.Amqp, _certificate);
        foreach (var id in (string[])["dev1", "dev1/mod1"])
            await _hub.RegisterAsync(id, authentication: new Authentication(AuthenticationType.Sas, RecordedKey, RecordedKey));
        await _hub.EnrollAsync("regdev1", RecordedKey);
        if (_certificate is null)
            return;
        await _hub.RegisterAsync("x509dev", authentication: new Authentication(AuthenticationType.SelfSigned, null, null, _certificate.GetCertHashString()));
        await _hub.EnrollAsync("x509dev", RecordedKey, _certificate);
    }

    private Task TakeAsync(char sign, string text, Queue<byte[]> frames) => sign switch
    {
        '>' => SendAsync(frames.Dequeue(), text),
        '-' => Leave(frames.Dequeue(), text),
        '<' => ExpectAsync(text),
        '!' => ActAsync(text),
        '=' => Replace(text),
        _ => throw new InvalidDataException("not a line of a transcript"),
    };

    private async Task SendAsync(byte[] frame, string text)
    {
        AmqpText.Of(frame).ShouldStartWith(text);
        foreach (var (recorded, now) in _replaced)
            frame = Replaced(frame, recorded, now);
        await _peer.SendAsync(frame);
    }

    private static Task Leave(byte[] frame, string text)
    {
        AmqpText.Of(frame).ShouldStartWith(text);
        return Task.CompletedTask;
    }

    private async Task ExpectAsync(string text)
    {
        var receiving = _peer.ReceiveAsync();
        while (_timeRuns && await Task.WhenAny(receiving, Task.Delay(20)) != receiving)
            _hub.Time.Advance(TimeSpan.FromSeconds(0.25));
        var bytes = await receiving;
        var actual = bytes.Length == 0 ? "(end)" : AmqpText.Of(bytes);
        var pattern = Place().Replace(Regex.Escape(text), "(?<${name}>[^ \"]+)").Replace("\\*", ".*", StringComparison.Ordinal);
        var match = Regex.Match(actual, $"^{pattern}$", RegexOptions.Singleline, TimeSpan.FromSeconds(5));
        match.Success.ShouldBeTrue($"the server sent '{actual}'");
        foreach (var group in match.Groups.Values.Where(g => char.IsLetter(g.Name[0])))
            _noted[group.Name] = group.Value;
    }

    private async Task ActAsync(string text)
    {
        switch (text.Split(' ', 3))
        {
            case ["send", var key, var body]:
                var names = key.Split('/');
                (await _hub.CloudToDevice.SendAsync(names[0], names.ElementAtOrDefault(1), new CloudToDeviceMessage([new("$.mid", "m1"), new("p1", "v1")], Encoding.UTF8.GetBytes(body)), default)).Refusal.ShouldBeNull();
                break;
            case ["answered", var receiver]:
                (await _hub.CloudToDevice.SendAsync(receiver, null, new CloudToDeviceMessage([new("$.mid", "m1"), new("iothub-ack", "full")], default), default)).Refusal.ShouldBeNull();
                await ActAsync($"complete {receiver}");
                break;
            case ["complete", var id]:
                var message = (await _hub.CloudToDevice.ReceiveAsync(id, null, null, default)).ShouldNotBeNull();
                (await _hub.CloudToDevice.SettleAsync(id, null, message.LockToken, MessageOutcome.Success, default)).ShouldBeNull();
                break;
            case ["event", var partition, var body]:
                await _hub.StoreAsync(int.Parse(partition, CultureInfo.InvariantCulture), body);
                break;
            case ["time", var how]:
                _timeRuns = how == "runs";
                break;
            default:
                (await _service.TryActAsync("a", text)).ShouldBeTrue("not an action");
                break;
        }
    }

    private Task Replace(string text)
    {
        var words = text.Split(' ');
        _replaced.Add((words[0], Noted().Replace(words[1], m => _noted[m.Groups["name"].Value])));
        return Task.CompletedTask;
    }

    /// <summary>Puts a text in the place of another; of UUIDs their bytes as well.</summary>
    private static byte[] Replaced(byte[] frame, string recorded, string now)
    {
        if (now.Length != recorded.Length)
            return Resized(frame, recorded, now);
        frame = Replaced(frame, Encoding.ASCII.GetBytes(recorded), Encoding.ASCII.GetBytes(now));
        return Guid.TryParse(recorded, out var was) && Guid.TryParse(now, out var @is)
            ? Replaced(frame, was.ToByteArray(bigEndian: true), @is.ToByteArray(bigEndian: true))
            : frame;
    }

    /// <summary>A short text among the application properties: the sizes around it change with its length.</summary>
    private static byte[] Resized(byte[] frame, string recorded, string now)
    {
        var at = frame.AsSpan().IndexOf(Encoding.ASCII.GetBytes(recorded));
        if (at < 0)
            return frame;
        var grown = now.Length - recorded.Length;
        var map = frame.AsSpan().IndexOf((ReadOnlySpan<byte>)[0x00, 0x53, 0x74]) + 3;
        frame[at - 1] = (byte)now.Length;
        if (frame[map] == 0xc1)
            frame[map + 1] = checked((byte)(frame[map + 1] + grown));
        else
            BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(map + 1), BinaryPrimitives.ReadInt32BigEndian(frame.AsSpan(map + 1)) + grown);
        BinaryPrimitives.WriteInt32BigEndian(frame, frame.Length + grown);
        return [.. frame[..at], .. Encoding.ASCII.GetBytes(now), .. frame[(at + recorded.Length)..]];
    }

    private static byte[] Replaced(byte[] frame, byte[] recorded, byte[] now)
    {
        var at = frame.AsSpan().IndexOf(recorded);
        if (at >= 0)
            now.CopyTo(frame, at);
        return frame;
    }

    [GeneratedRegex(@"\\\{(?<name>[a-z]+)}", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Place();

    [GeneratedRegex(@"\{(?<name>[a-z]+)}", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Noted();
}
