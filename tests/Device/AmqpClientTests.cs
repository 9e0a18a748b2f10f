using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using Homeport.Amqp.Performatives;
using Homeport.Contract.Access;
using Homeport.Device;
using Homeport.Device.Client;
using Homeport.Device.Client.Errors;
using Homeport.Device.Provisioning;
using Homeport.Device.Queue;

namespace Homeport.Tests.Device;

/// <summary>The client over AMQP against a hub that does what real ones do rarely.</summary>
public sealed class AmqpClientTests : IClassFixture<TestCertificates>, IDisposable
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(60);

    private readonly TestCertificates _certificates;
    private readonly string _directory = Directory.CreateTempSubdirectory("amqp-test-").FullName;
    private readonly string _key = Convert.ToBase64String(RandomNumberGenerator.GetBytes(32));

    public AmqpClientTests(TestCertificates certificates) => _certificates = certificates;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public async Task Tokens_are_put_again_on_the_same_connection_and_nothing_is_lost_doubled_or_overtaken()
    {
        await using var hub = new FakeAmqpHub(_certificates.Server);
        await using var client = Client(hub, o => o with { SasTokenTimeToLive = TimeSpan.FromSeconds(1) });
        var changes = new ConcurrentQueue<ConnectionStatus>();
        client.SetConnectionStatusChangesHandler((status, _) => changes.Enqueue(status));
        var sent = 0;
        while (hub.Tokens.Count < 4)
        {
            sent.ShouldBeLessThan(1_000_000);
            await client.SendEventBatchAsync(Enumerable.Range(sent, 100).Select(i => Text($"{i}"))).WaitAsync(Soon);
            sent += 100;
        }

        hub.Stored.ShouldBe(Enumerable.Range(0, sent).Select(i => $"{i}"));
        hub.Connections.ShouldBe(1);
        changes.ShouldAllBe(status => status == ConnectionStatus.Connected);
        // They end at whole seconds, so that two in a row may be alike.
        hub.Tokens.Distinct().Count().ShouldBeGreaterThan(1);
    }

    [Fact]
    public async Task A_next_token_that_is_refused_leads_to_a_new_connection_which_finds_out_why()
    {
        await using var hub = new FakeAmqpHub(_certificates.Server) { Verdict = static before => before == 0 ? 200 : 401 };
        await using var client = Client(hub, o => o with { SasTokenTimeToLive = TimeSpan.FromSeconds(1) });
        await client.SendEventAsync(Text("1")).WaitAsync(Soon);
        await Eventually(() => client.ConnectionStatus == (ConnectionStatus.Disconnected, ConnectionStatusChangeReason.Bad_Credential));
        var refused = await Should.ThrowAsync<UnauthorizedException>(() => client.SendEventAsync(Text("2")).WaitAsync(Soon));
        refused.Message.ShouldContain("said the fake hub");
        refused.Message.ShouldContain("is the clock right");
    }

    [Fact]
    public async Task A_cut_is_mended_and_what_had_no_answer_is_sent_again()
    {
        await using var hub = new FakeAmqpHub(_certificates.Server);
        var received = 0;
        hub.Cuts = _ => ++received % 137 == 0;
        var queue = new OutgoingQueueOptions(Path.Combine(_directory, "q.db"));
        await using var client = Client(hub, o => o with { Queue = queue });
        await client.SendEventBatchAsync(Enumerable.Range(0, 500).Select(i => Text($"{i}"))).WaitAsync(Soon);
        await client.FlushAsync().WaitAsync(Soon);
        hub.Stored.Distinct().ShouldBe(Enumerable.Range(0, 500).Select(i => $"{i}"));
        hub.Connections.ShouldBeGreaterThan(1);
    }

    [Fact]
    public async Task A_message_that_the_hub_refuses_is_dropped_alone_also_when_answers_come_in_another_order()
    {
        await using var hub = new FakeAmqpHub(_certificates.Server)
        {
            AnswersInReverse = 10,
            Refuses = static text => text is "13" or "14" or "57" ? new AmqpError("com.microsoft:argument-error", "No thirteen here.") : null,
        };
        await using var client = Client(hub, o => o with { Queue = new OutgoingQueueOptions(Path.Combine(_directory, "q.db")) });
        await client.SendEventBatchAsync(Enumerable.Range(0, 100).Select(i => Text($"{i}"))).WaitAsync(Soon);
        // The last answers of a connection may wait for others; single ones come at once.
        await Eventually(() => client.QueueStatus!.Messages < 60);
        hub.AnswersInReverse = 1;
        await client.SendEventAsync(Text("100")).WaitAsync(Soon);
        await client.FlushAsync().WaitAsync(Soon);
        hub.Stored.Distinct().ShouldBe(Enumerable.Range(0, 101).Where(static i => i is not (13 or 14 or 57)).Select(static i => $"{i}"));
        client.QueueStatus!.Dropped.ShouldBe(3);
    }

    [Fact]
    public async Task Without_a_queue_a_refused_message_is_the_callers()
    {
        await using var hub = new FakeAmqpHub(_certificates.Server)
        {
            Refuses = static text => text switch
            {
                "large" => new AmqpError(ErrorCondition.MessageSizeExceeded, "Too large."),
                "wrong" => new AmqpError("com.microsoft:argument-error", "Wrong."),
                _ => null,
            },
        };
        await using var client = Client(hub);
        await Should.ThrowAsync<MessageTooLargeException>(() => client.SendEventAsync(Text("large")).WaitAsync(Soon));
        (await Should.ThrowAsync<IotHubException>(() => client.SendEventBatchAsync([Text("1"), Text("wrong"), Text("3")]).WaitAsync(Soon))).Message.ShouldContain("Wrong.");
        await client.SendEventAsync(Text("4")).WaitAsync(Soon);
        hub.Connections.ShouldBe(1);
    }

    [Fact]
    public void The_mechanism_of_TPMs_takes_keys_and_segments_and_nothing_else()
    {
        var sasl = new TpmSasl([1, 2, 3]);
        sasl.Take([0]).Response.ShouldBe([0, 1, 2, 3]);
        sasl.Take([0x80, 10, 11]).Response.ShouldBe([0]);
        sasl.Take([0xC1, 12]).Challenge.ShouldBe([10, 11, 12]);
        TpmSasl.Begin("0ne1", "id", [7, 8]).ShouldBe([0, .. "0ne1"u8, 0, .. "id"u8, 0, 7, 8]);
        foreach (var wrong in (byte[][])[[], [0x80, 1], [1]])
            Should.Throw<IotHubException>(() => new TpmSasl([1]).Take(wrong)).Message.ShouldContain("SASL mechanism TPM");
        var outOfOrder = new TpmSasl([1]);
        outOfOrder.Take([0]);
        Should.Throw<IotHubException>(() => outOfOrder.Take([0x81, 1]));
        var endless = new TpmSasl([1]);
        endless.Take([0]);
        Should.Throw<IotHubException>(() =>
        {
            for (var i = 0; i < 100; i++)
                endless.Take([(byte)(0x80 | (i & 3)), .. new byte[470]]);
        });
    }

    private static Message Text(string text) => new(Encoding.UTF8.GetBytes(text));

    private static async Task Eventually(Func<bool> condition)
    {
        var deadline = DateTime.UtcNow + Soon;
        while (!condition())
        {
            (DateTime.UtcNow < deadline).ShouldBeTrue("the condition did not come true");
            await Task.Delay(10);
        }
    }

    private DeviceClient Client(FakeAmqpHub hub, Func<DeviceClientOptions, DeviceClientOptions>? change = null)
    {
        var options = new DeviceClientOptions { AmqpPort = hub.Port, HttpsPort = 1, Trust = ServerTrust.FromPemFile(_certificates.CaFile) };
        var text = new ConnectionString("localhost", _key, DeviceId: "dev-1").Reveal();
        return DeviceClient.CreateFromConnectionString(text, TransportType.Amqp_Tcp_Only, change?.Invoke(options) ?? options);
    }
}
