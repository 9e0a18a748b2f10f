using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using Homeport.Contract.Access;
using Homeport.Device;
using Homeport.Device.Client;
using Homeport.Device.Client.Errors;
using Homeport.Device.Queue;

namespace Homeport.Tests.Device;

public sealed class DeviceClientTests : IClassFixture<TestCertificates>, IDisposable
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(30);

    private readonly TestCertificates _certificates;
    private readonly string _directory = Directory.CreateTempSubdirectory("client-test-").FullName;
    private readonly string _key = Convert.ToBase64String(RandomNumberGenerator.GetBytes(32));

    public DeviceClientTests(TestCertificates certificates) => _certificates = certificates;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public async Task A_connection_that_is_cut_is_made_again_and_the_call_succeeds()
    {
        await using var hub = new FakeHub(_certificates.Server);
        var cuts = 3;
        hub.Acknowledges = _ => cuts == 0;
        hub.Cuts = _ => cuts > 0 && Interlocked.Decrement(ref cuts) >= 0;
        await using var client = Client(hub);
        var changes = new ConcurrentQueue<(ConnectionStatus, ConnectionStatusChangeReason)>();
        client.SetConnectionStatusChangesHandler((status, reason) => changes.Enqueue((status, reason)));
        await client.SendEventAsync(Text("hello")).WaitAsync(Soon);
        hub.Stored.ShouldAllBe(payload => payload == "hello");
        hub.Connects.Count.ShouldBe(4);
        changes.First().ShouldBe((ConnectionStatus.Connected, ConnectionStatusChangeReason.Connection_Ok));
        changes.ShouldContain((ConnectionStatus.Disconnected_Retrying, ConnectionStatusChangeReason.Communication_Error));
        client.ConnectionStatus.Status.ShouldBe(ConnectionStatus.Connected);
        await client.CloseAsync();
        client.ConnectionStatus.ShouldBe((ConnectionStatus.Disabled, ConnectionStatusChangeReason.Client_Close));
        await Should.ThrowAsync<ObjectDisposedException>(() => client.SendEventAsync(Text("late")));
    }

    [Fact]
    public async Task A_refused_device_hears_it_at_once_and_the_next_call_tries_again()
    {
        await using var hub = new FakeHub(_certificates.Server) { Answer = _ => 5 };
        await using var client = Client(hub);
        await Should.ThrowAsync<UnauthorizedException>(() => client.SendEventAsync(Text("1")).WaitAsync(Soon));
        client.ConnectionStatus.ShouldBe((ConnectionStatus.Disconnected, ConnectionStatusChangeReason.Bad_Credential));
        hub.Answer = _ => 0;
        await client.SendEventAsync(Text("2")).WaitAsync(Soon);
        hub.Stored.ShouldBe(["2"]);
    }

    [Fact]
    public async Task A_hub_that_is_busy_is_tried_again_until_the_time_is_over()
    {
        await using var hub = new FakeHub(_certificates.Server) { Answer = _ => 3 };
        await using var client = Client(hub);
        client.OperationTimeoutInMilliseconds = 1500;
        var failure = await Should.ThrowAsync<IotHubException>(() => client.SendEventAsync(Text("1")).WaitAsync(Soon));
        failure.Message.ShouldContain("not ready");
        hub.Connects.Count.ShouldBeGreaterThan(1);
    }

    [Fact]
    public async Task Without_retries_the_first_failure_is_the_programs()
    {
        await using var hub = new FakeHub(_certificates.Server) { Answer = _ => 3 };
        await using var client = Client(hub);
        client.SetRetryPolicy(new NoRetry());
        await Should.ThrowAsync<ServerBusyException>(() => client.SendEventAsync(Text("1")).WaitAsync(Soon));
        hub.Connects.Count.ShouldBe(1);
    }

    [Fact]
    public async Task The_token_is_replaced_before_it_ends_and_nothing_is_lost_doubled_or_overtaken()
    {
        const int Count = 4000;
        await using var hub = new FakeHub(_certificates.Server);
        await using var client = Client(hub, o => o with { SasTokenTimeToLive = TimeSpan.FromSeconds(1) });
        var changes = new ConcurrentQueue<ConnectionStatus>();
        client.SetConnectionStatusChangesHandler((status, _) => changes.Enqueue(status));
        var sent = 0;
        while (hub.Connects.Count < 4 || sent < Count)
        {
            sent.ShouldBeLessThan(200_000);
            await client.SendEventBatchAsync(Enumerable.Range(sent, 100).Select(i => Text($"{i}"))).WaitAsync(Soon);
            sent += 100;
        }

        hub.Stored.ShouldBe(Enumerable.Range(0, sent).Select(i => $"{i}"));
        changes.ShouldAllBe(status => status == ConnectionStatus.Connected);
        // Tokens end at whole seconds, so that two in a row may be alike.
        hub.Connects.Select(connect => connect.Password).Distinct().Count().ShouldBeGreaterThan(1);
        hub.Connects.ShouldAllBe(connect => !connect.CleanSession);
    }

    [Fact]
    public async Task A_ready_token_is_used_as_it_is_and_its_end_is_the_programs()
    {
        await using var hub = new FakeHub(_certificates.Server);
        var method = AuthenticationMethodFactory.CreateAuthenticationWithToken("dev-1", "SharedAccessSignature sr=a&sig=b&se=1");
        await using var client = DeviceClient.Create("localhost", method, TransportType.Mqtt, Options(hub));
        await client.OpenAsync().WaitAsync(Soon);
        hub.Connects.Single().Password.ShouldBe("SharedAccessSignature sr=a&sig=b&se=1");
        hub.Answer = _ => 5;
        hub.Cut();
        await Eventually(() => client.ConnectionStatus.Status == ConnectionStatus.Disconnected);
        await Should.ThrowAsync<UnauthorizedException>(() => client.SendEventAsync(Text("1")).WaitAsync(Soon));
    }

    [Fact]
    public async Task With_a_queue_a_message_is_accepted_while_the_hub_is_away_and_arrives_in_order()
    {
        var queue = new OutgoingQueueOptions(Path.Combine(_directory, "q.db"));
        int port;
        await using (var gone = new FakeHub(_certificates.Server))
            port = gone.Port;
        await using (var client = Client(port, o => o with { Queue = queue }))
        {
            for (var i = 0; i < 500; i++)
                await client.SendEventAsync(Text($"{i}")).WaitAsync(Soon);
            client.QueueStatus!.Messages.ShouldBe(500);
            await Eventually(() => client.ConnectionStatus.Status == ConnectionStatus.Disconnected_Retrying);
            client.LastFailure!.Message.ShouldContain("No connection to localhost");
        }

        await using var hub = new FakeHub(_certificates.Server) { Answer = connect => connect.Password is null ? (byte)5 : (byte)0 };
        var received = 0;
        hub.Cuts = _ => ++received % 137 == 0;
        await using (var client = Client(hub, o => o with { Queue = queue }))
        {
            await client.SendEventBatchAsync([Text("500"), Text("501")]).WaitAsync(Soon);
            await client.FlushAsync().WaitAsync(TimeSpan.FromMinutes(1));
            client.QueueStatus.ShouldBe(new QueueStatus(0, 0, 0));
        }

        // After a cut the last ones may come again; each comes first in its turn.
        hub.Stored.Distinct().ShouldBe(Enumerable.Range(0, 502).Select(i => $"{i}"));
    }

    [Fact]
    public async Task With_a_queue_a_refused_device_keeps_trying_and_goes_on_when_it_is_enabled()
    {
        await using var hub = new FakeHub(_certificates.Server) { Answer = _ => 5 };
        await using var client = Client(hub, o => o with { Queue = new OutgoingQueueOptions(Path.Combine(_directory, "q.db")) });
        await client.SendEventAsync(Text("1")).WaitAsync(Soon);
        await Eventually(() => hub.Connects.Count > 2);
        client.ConnectionStatus.ShouldBe((ConnectionStatus.Disconnected_Retrying, ConnectionStatusChangeReason.Bad_Credential));
        hub.Answer = _ => 0;
        await client.FlushAsync().WaitAsync(Soon);
        hub.Stored.ShouldBe(["1"]);
    }

    [Theory]
    [InlineData("https://hub.example.test")]
    [InlineData("hub.example.test/devices")]
    [InlineData("hub example")]
    public void A_host_name_that_is_none_is_refused(string hostName)
        => Should.Throw<ArgumentException>(() => DeviceClient.Create(hostName, AuthenticationMethodFactory.CreateAuthenticationWithToken("a", "b")))
            .Message.ShouldContain("is no host name");

    [Fact]
    public async Task A_name_that_no_server_knows_is_named()
    {
        var method = AuthenticationMethodFactory.CreateAuthenticationWithToken("a", "b");
        await using var client = DeviceClient.Create("hub.invalid", method, TransportType.Mqtt_Tcp_Only);
        client.SetRetryPolicy(new NoRetry());
        (await Should.ThrowAsync<IotHubCommunicationException>(() => client.OpenAsync().WaitAsync(Soon))).Message.ShouldContain("name server");
    }

    [Fact]
    public void A_token_of_an_empty_TPM_is_refused_with_the_reason()
        => Should.Throw<ArgumentException>(() => AuthenticationMethodFactory.CreateAuthenticationWithToken("a", "")).Message.ShouldContain("provisioned");

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

    private DeviceClientOptions Options(FakeHub hub) => Options(hub.Port);

    private DeviceClientOptions Options(int port) => new() { MqttPort = port, HttpsPort = 1, Trust = ServerTrust.FromPemFile(_certificates.CaFile) };

    private DeviceClient Client(FakeHub hub, Func<DeviceClientOptions, DeviceClientOptions>? change = null) => Client(hub.Port, change);

    private DeviceClient Client(int port, Func<DeviceClientOptions, DeviceClientOptions>? change = null)
    {
        var options = Options(port);
        var text = new ConnectionString("localhost", _key, DeviceId: "dev-1").Reveal();
        return DeviceClient.CreateFromConnectionString(text, TransportType.Mqtt_Tcp_Only, change?.Invoke(options) ?? options);
    }
}
