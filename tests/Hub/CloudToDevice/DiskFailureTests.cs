using Homeport.Hub.CloudToDevice;
using Homeport.Hub.Live;

namespace Homeport.Tests.Hub.CloudToDevice;

/// <summary>When the disk refuses a write, the message is still there and is delivered again.</summary>
public sealed class DiskFailureTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly FailingStore _store = new();
    private readonly CloudToDeviceMessages _messages;

    public DiskFailureTests() => _messages = new CloudToDeviceMessages(_store, new LiveConnections(), new CloudToDeviceSettings(), _time);

    [Fact]
    public async Task A_completion_that_could_not_be_stored_leaves_the_message_to_the_reader()
    {
        var reader = _messages.OpenReader("dev1", null);
        reader.Take(1).Count.ShouldBe(1);
        await Should.ThrowAsync<IOException>(reader.CompleteAsync(1));
        reader.Take(1).Count.ShouldBe(1);
        _store.Fails = false;
        (await reader.CompleteAsync(1)).ShouldBeTrue();
    }

    [Fact]
    public async Task An_answer_over_HTTPS_that_could_not_be_stored_leaves_the_message_to_the_next_call()
    {
        var first = (await _messages.ReceiveAsync("dev1", null, null, default)).ShouldNotBeNull();
        await Should.ThrowAsync<IOException>(_messages.SettleAsync("dev1", null, first.LockToken, MessageOutcome.Success, default));
        var second = (await _messages.ReceiveAsync("dev1", null, null, default)).ShouldNotBeNull();
        await Should.ThrowAsync<IOException>(_messages.AbandonAsync("dev1", null, second.LockToken, default));
        (await _messages.ReceiveAsync("dev1", null, null, default)).ShouldNotBeNull();
    }

    [Fact]
    public async Task The_sweep_goes_on_and_says_what_failed()
    {
        await _messages.ReceiveAsync("dev1", null, null, default);
        var log = new ListLogger<CloudToDeviceSweep>();
        using var stop = new CancellationTokenSource();
        var running = new CloudToDeviceSweep(_messages, [], _time, log).RunAsync(stop.Token);
        _time.Advance(TimeSpan.FromSeconds(60));
        for (var i = 0; i < 500 && !log.Problems.Any(); i++)
            await Task.Delay(10, TestContext.Current.CancellationToken);
        log.Problems.ShouldContain(2201);
        running.IsCompleted.ShouldBeFalse();
        await stop.CancelAsync();
        await running;
        (await _messages.ReceiveAsync("dev1", null, null, default)).ShouldNotBeNull();
    }

    /// <summary>One message in every queue, on a disk that is full.</summary>
    private sealed class FailingStore : ICloudToDeviceStore
    {
        public bool Fails { get; set; } = true;

        public Task<EnqueueResult> EnqueueAsync(NewMessage message, int maxDepth, Action<EnqueueResult> committed, CancellationToken token) => throw new NotSupportedException();

        public IReadOnlyList<QueuedMessage> Read(QueueAddress queue, long after, int max, DateTimeOffset now) => after >= 1 ? [] :
        [
            new QueuedMessage { Sequence = 1, EnqueuedTime = now, ExpiryTime = now.AddHours(1), DeliveryCount = 0, Ack = AckMode.None, Properties = default, Body = default },
        ];

        public int Count(QueueAddress queue, DateTimeOffset now) => 1;

        public IReadOnlyList<ExpiredMessage> ReadExpired(DateTimeOffset now, ExpiredMessage? after, int max) => [];

        public Task<bool> RemoveAsync(QueueAddress queue, long sequence, MessageOutcome outcome, FeedbackTimes times, CancellationToken token) => Write();

        public Task<bool> AbandonAsync(QueueAddress queue, long sequence, int maxDeliveries, FeedbackTimes times, CancellationToken token) => Write();

        public Task<int> PurgeAsync(QueueAddress queue, FeedbackTimes times, CancellationToken token) => throw new NotSupportedException();

        private Task<bool> Write() => Fails ? Task.FromException<bool>(new IOException("No space left on device")) : Task.FromResult(true);
    }
}
