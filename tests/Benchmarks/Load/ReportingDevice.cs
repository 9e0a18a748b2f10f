using System.Buffers;
using System.Buffers.Text;
using System.Diagnostics;
using System.Text;

namespace Homeport.Tests.Benchmarks.Load;

/// <summary>
/// A device that keeps some patches of its reported properties in flight. A request's id is the number of its place in the window;
/// every patch has another value.
/// </summary>
internal sealed class ReportingDevice
{
    public const string AnswerFilter = "$iothub/twin/res/#";
    private const string FirstId = "0000";
    private const string FirstValue = "10000000";
    private static readonly byte[] Accepted = "$iothub/twin/res/204/?$rid="u8.ToArray();
    private readonly SubscribedDevice _device;
    private readonly LoadState _state;
    private readonly byte[] _patch;
    private readonly int _idOffset;
    private readonly int _valueOffset;
    private readonly long[] _sentAt;
    private int _value = 10_000_000;

    public ReportingDevice(SubscribedDevice device, int window, LoadState state)
    {
        _device = device;
        _state = state;
        _sentAt = new long[window];
        _patch = MqttPackets.PublishUnacknowledged(
            $"$iothub/twin/PATCH/properties/reported/?$rid={FirstId}",
            Encoding.UTF8.GetBytes($$"""{"uptime":{{FirstValue}},"battery":{"level":87.5,"charging":true},"firmware":"1.4.2"}"""));
        _idOffset = _patch.AsSpan().IndexOf("rid="u8) + 4;
        _valueOffset = _patch.AsSpan().IndexOf(Encoding.UTF8.GetBytes(FirstValue));
    }

    /// <summary>Sends the first window, then a patch for each answer until the run is cancelled.</summary>
    /// <exception cref="InvalidDataException">A patch was refused.</exception>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var first = new ArrayBufferWriter<byte>();
        for (var i = 0; i < _sentAt.Length; i++)
            WritePatch(i, first);

        await _device.SendAsync(first.WrittenMemory, cancellationToken);
        await _device.RunAsync(Take, cancellationToken);
    }

    private void Take(ReadOnlySpan<byte> topic, ushort packetId, ReadOnlySpan<byte> payload, IBufferWriter<byte> output)
    {
        if (!topic.StartsWith(Accepted) || !Utf8Parser.TryParse(topic[Accepted.Length..], out int place, out _))
            throw new InvalidDataException($"A patch was answered with {Encoding.UTF8.GetString(topic)}: {Encoding.UTF8.GetString(payload)}");

        _state.Complete(_sentAt[place]);
        if (!_state.Stopping)
            WritePatch(place, output);
    }

    private void WritePatch(int place, IBufferWriter<byte> output)
    {
        Utf8Formatter.TryFormat(place, _patch.AsSpan(_idOffset), out _, new StandardFormat('D', (byte)FirstId.Length));
        Utf8Formatter.TryFormat(_value++, _patch.AsSpan(_valueOffset), out _);
        _sentAt[place] = Stopwatch.GetTimestamp();
        output.Write(_patch);
    }
}
