using System.Text;
using System.Text.Json.Nodes;
using Homeport.Contract.Errors;
using Homeport.Contract.Rest.Operators;
using Homeport.Hub.Files;
using Homeport.Log;
using Homeport.Routing;
using Homeport.Routing.Sinks.Amqp;
using Homeport.Routing.Sinks.Files;
using Homeport.Routing.Sinks.Mqtt;
using Homeport.Storage.Postgres;

namespace Homeport.Tests.Routing;

/// <summary>What each type of endpoints takes as its members, and how files and topics are named.</summary>
public sealed class SinkTests
{
    private static readonly ISinkFactory[] Factories = [new AmqpSinks("hub1", TimeProvider.System), new MqttSinks("hub1"), new PostgresSinks("hub1"), new FileSinks("hub1", FileSinks.Routes, () => new MemoryContainer())];

    private static RoutedMessage Message(long offset, string body, string device = "d1", string? type = null) => new(
        3, offset, new DateTimeOffset(2026, 7, 9, 5, 4, 3, TimeSpan.Zero), MessageSource.Telemetry, new RecordOrigin(device, null, "g", "{}"),
        type is null ? [] : [new("$.ct", type), new("$.ce", "utf-8"), new("a", "1"), new("a", "2")], Encoding.UTF8.GetBytes(body));

    [Theory]
    [InlineData("amqp", "amqps://broker.example.com", "queue", "u", "p", null)]
    [InlineData("amqp", "amqp://localhost:5672", "queue", null, null, null)]
    [InlineData("amqp", "amqp://broker.example.com", "queue", null, null, "another machine")]
    [InlineData("amqp", "https://broker.example.com", "queue", null, null, "amqps://")]
    [InlineData("amqp", "amqps://broker.example.com/queue", "queue", null, null, "path")]
    [InlineData("amqp", "amqps://broker.example.com", null, null, null, "address")]
    [InlineData("amqp", "amqps://broker.example.com", "queue", null, "p", "userName")]
    [InlineData("mqtt", "mqtts://broker.example.com", "a/{deviceId}/{source}/{hub}", "u", "p", null)]
    [InlineData("mqtt", "mqtts://broker.example.com", "a/+", null, null, "topic")]
    [InlineData("mqtt", "mqtts://broker.example.com", "a/{module}", null, null, "token")]
    [InlineData("mqtt", "mqtt://broker.example.com", "a", null, null, "another machine")]
    [InlineData("postgres", "postgres://db.example.com:5433/iot", "telemetry", "u", "p", null)]
    [InlineData("postgres", "postgres://db.example.com/iot", "iot.telemetry", "u", "p", null)]
    [InlineData("postgres", "postgres://db.example.com/iot", "t; DROP TABLE x", "u", "p", "table")]
    [InlineData("postgres", "postgres://db.example.com/iot", "\"t\"", "u", "p", "table")]
    [InlineData("postgres", "postgres://db.example.com/", "t", "u", "p", "database")]
    [InlineData("postgres", "postgres://u:p@db.example.com/iot", "t", null, null, "user name")]
    [InlineData("postgres", "postgres://db.example.com/iot", "t", null, "p", "userName")]
    [InlineData("files", null, null, null, null, null)]
    [InlineData("files", "https://example.com", null, null, null, "url")]
    public void Members_of_a_type(string type, string? url, string? address, string? userName, string? secret, string? seen)
    {
        var wrong = Factories.Single(f => f.Type == type).Check(new RoutingEndpointDescription { Type = type, Url = url, Address = address, UserName = userName, Secret = secret });
        if (seen is null)
            wrong.ShouldBeNull();
        else
            wrong.ShouldNotBeNull().ToString().ShouldContain(seen);
    }

    [Theory]
    [InlineData("{iothub}/{partition}/{YYYY}/{MM}/{DD}/{HH}/{mm}", "hub1/03/2026/07/09/05/04-17")]
    [InlineData("{iothub}/{partition}/{YYYY}/{MM}/{DD}/{HH}/{mm}.json", "hub1/03/2026/07/09/05/04-17.json")]
    [InlineData("a.b/{mm}-{HH}-{DD}-{MM}-{YYYY}/{partition}_{iothub}", "a.b/04-05-09-07-2026/03_hub1-17")]
    [InlineData("{partition}/{YYYY}/{MM}/{DD}/{HH}/{mm}", null)]
    [InlineData("{iothub}/{iothub}/{partition}/{YYYY}/{MM}/{DD}/{HH}/{mm}", null)]
    [InlineData("../{iothub}/{partition}/{YYYY}/{MM}/{DD}/{HH}/{mm}", null)]
    [InlineData("/{iothub}/{partition}/{YYYY}/{MM}/{DD}/{HH}/{mm}", null)]
    [InlineData("{iothub}//{partition}/{YYYY}/{MM}/{DD}/{HH}/{mm}", null)]
    [InlineData("{iothub}/{partition}/{YYYY}/{MM}/{DD}/{HH}/{mm}?", null)]
    public void Names_of_files(string format, string? expected)
    {
        (FileName.Check(format) is null).ShouldBe(expected is not null);
        if (expected is not null)
            FileName.Of(format, "hub1", Message(17, "")).ShouldBe(expected);
    }

    [Fact]
    public void A_topic_has_no_wildcards_of_a_device()
        => Encoding.UTF8.GetString(MqttSinks.TopicOf("a/{hub}/{deviceId}/{source}", "hub1", Message(0, "", "d+#%"))).ShouldBe("a/hub1/d%2B%23%25/DeviceMessages");

    [Fact]
    public async Task A_file_is_there_when_it_is_committed_and_one_that_is_written_again_takes_its_place()
    {
        var container = new MemoryContainer();
        await using var sink = (IGatheringSink)new FileSinks("hub1", FileSinks.Routes, () => container).Open(new RoutingEndpointDescription { Id = "f", MaxChunkSizeInBytes = 5 << 20 }, 3);
        (await sink.SendAsync([Message(7, "{\r\n\"x\":\n1}", type: "application/json"), Message(8, "plain")], default)).ShouldBeNull();
        container.Blobs.ShouldBeEmpty();
        sink.IsFull.ShouldBeFalse();
        container.Refuses = true;
        (await sink.FlushAsync(default)).ShouldNotBeNull().OfMessages.ShouldBeFalse();
        container.Refuses = false;
        (await sink.FlushAsync(default)).ShouldBeNull();
        var (name, text) = container.Blobs.ShouldHaveSingleItem();
        name.ShouldBe("~routes/hub1/03/2026/07/09/05/04-7.json");
        var lines = text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => JsonNode.Parse(l)!).ToList();
        lines.Count.ShouldBe(2);
        ((int)lines[0]["Body"]!["x"]!, (string?)lines[0]["Properties"]!["a"], (string?)lines[1]["Body"]).ShouldBe((1, "2", Convert.ToBase64String("plain"u8)));

        // As after a stop between the commit and the note of it: the same messages and more.
        (await sink.SendAsync([Message(7, "again"), Message(8, "plain"), Message(9, "more")], default)).ShouldBeNull();
        (await sink.FlushAsync(default)).ShouldBeNull();
        container.Blobs.ShouldHaveSingleItem().Value.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length.ShouldBe(3);
    }

    [Fact]
    public async Task A_long_file_is_kept_in_blocks_and_is_full_at_its_size()
    {
        var container = new MemoryContainer();
        await using var sink = (IGatheringSink)new FileSinks("hub1", FileSinks.Routes, () => container).Open(new RoutingEndpointDescription { Id = "f", MaxChunkSizeInBytes = 9 << 20 }, 3);
        var body = new string('x', 200_000);
        var sent = 0;
        for (; !sink.IsFull; sent++)
            (await sink.SendAsync([Message(sent, body)], default)).ShouldBeNull();
        container.Staged.ShouldBeGreaterThan(1);
        (await sink.FlushAsync(default)).ShouldBeNull();
        container.Blobs.ShouldHaveSingleItem().Value.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length.ShouldBe(sent);
        sink.IsFull.ShouldBeFalse();
    }

    /// <summary>A container in memory.</summary>
    private sealed class MemoryContainer : IBlobContainer
    {
        private readonly Dictionary<string, byte[]> _blocks = new(StringComparer.Ordinal);

        public Dictionary<string, string> Blobs { get; } = new(StringComparer.Ordinal);

        public int Staged { get; private set; }

        public bool Refuses { get; set; }

        public Task<Outcome<ContainedBlob>> OpenAsync(string blobName, CancellationToken token) => throw new NotSupportedException("Nobody reads.");

        public Task<Refusal?> StageAsync(string blobName, string blockId, ReadOnlyMemory<byte> block, CancellationToken token)
        {
            Staged++;
            _blocks[blobName + blockId] = block.ToArray();
            return Task.FromResult<Refusal?>(null);
        }

        public Task<Refusal?> CommitAsync(string blobName, IReadOnlyList<string> blockIds, CancellationToken token)
        {
            if (Refuses)
                return Task.FromResult<Refusal?>(new Refusal(BlobErrors.BlobNotFound, "It is away", "Wait."));
            Blobs[blobName] = string.Concat(blockIds.Select(id => Encoding.UTF8.GetString(_blocks[blobName + id])));
            return Task.FromResult<Refusal?>(null);
        }
    }
}
