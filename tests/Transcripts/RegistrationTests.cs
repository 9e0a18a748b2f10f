using System.Buffers;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;
using Homeport.Contract.Access;
using Homeport.Gateway.Provisioning;
using Homeport.Hub.Live;
using Homeport.Hub.Registry;
using Homeport.Mqtt;
using Homeport.Provisioning.Registrations;

namespace Homeport.Tests.Transcripts;

/// <summary>Devices that register over MQTT: the recorded bytes of four SDKs, and what no SDK sends.</summary>
public sealed class RegistrationTests : IAsyncDisposable
{
    private static readonly byte[] RecordedKey = Encoding.ASCII.GetBytes("probe-key-probe-key-probe-key-32");
    private readonly HubFixture _hub = new(DateTimeOffset.FromUnixTimeSeconds(1795328000));

    public async ValueTask DisposeAsync() => await _hub.DisposeAsync();

    [Theory]
    [InlineData("c", "symkey", 0)]
    [InlineData("c", "x509", 0)]
    [InlineData("csharp", "symkey", 1)]
    [InlineData("csharp", "x509", 1)]
    [InlineData("node", "symkey", 1)]
    [InlineData("node", "x509", 1)]
    [InlineData("python", "symkey", 1)]
    [InlineData("python", "x509", 1)]
    public async Task The_recorded_registration_of_an_SDK_is_served_in_its_order(string sdk, string attestation, int qos)
    {
        var id = attestation == "symkey" ? "regdev1" : "x509dev";
        using var certificate = attestation == "x509" ? HubFixture.Certificate(id) : null;
        await EnrollAsync(id, certificate);
        var packets = JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(AppContext.BaseDirectory, "Fixtures", "recorded-registrations.json")))![$"{sdk}-prov-mqtt-{attestation}"]!.AsArray()
            .Select(p => Convert.FromHexString((string)p!)).ToList();
        var client = new Client(_hub.Door, certificate);
        await client.SendAsync(packets[0]);
        (await client.ReceiveAsync()).ShouldBe("CONNACK 0", "no session is present, whatever the client asked for");
        await client.SendAsync(packets[1]);
        (await client.ReceiveAsync()).ShouldStartWith("SUBACK");

        await client.SendAsync(packets[2]);
        var registered = await AnswerAsync(client, qos);
        registered.ShouldContain("$dps/registrations/res/202/?$rid=");
        registered.ShouldMatch(@"\?\$rid=[^$&]+&retry-after=[12] ");
        var operation = (string)Body(registered)["operationId"]!;
        await client.SendAsync(WithOperation(packets.Skip(3).First(p => p[0] >> 4 == 3), operation));
        var polled = await AnswerAsync(client, qos);
        polled.ShouldContain("$dps/registrations/res/200/?$rid=");
        polled.ShouldNotContain("retry-after");
        ((string?)Body(polled)["registrationState"]!["assignedHub"]).ShouldBe(HubFixture.Host);
        (await _hub.Registry.GetAsync(id, null, default)).Value!.Authentication.Type.ShouldBe(attestation == "symkey" ? AuthenticationType.Sas : AuthenticationType.SelfSigned);

        foreach (var packet in packets.Skip(4).Where(p => p[0] >> 4 == 10))
        {
            await client.SendAsync(packet);
            (await client.ReceiveAsync()).ShouldStartWith("UNSUBACK");
        }
        await client.SendAsync(packets[^1]);
        (await client.EndAsync()).ShouldBe(CloseReason.ClientDisconnected);
        _hub.Problems.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_refusal_comes_as_an_answer_with_the_number_that_SDKs_show_and_names_no_enrollment()
    {
        await EnrollAsync("regdev1", null);
        var client = await OpenAsync("regdev1", new byte[32]);
        await client.SendAsync(Register("{}"));
        var answer = await AnswerAsync(client, 1);
        answer.ShouldContain("$dps/registrations/res/401/?$rid=7 ");
        ((int?)Body(answer)["errorCode"]).ShouldBe(401002);
        ((string)Body(answer)["message"]!).ShouldNotContain("enrollment 'regdev1'");
        _hub.Explanations.TryFind((string)Body(answer)["trackingId"]!, out var kept).ShouldBeTrue();
        kept!.Refusal.Seen.ShouldContain("neither key");
        kept.Subject.ShouldBe("regdev1");

        var stranger = await OpenAsync("unknown", RecordedKey, scope: "0ne0000FFFF");
        await stranger.SendAsync(Register("{}"));
        ((int?)Body(await AnswerAsync(stranger, 1))["errorCode"]).ShouldBe(404203);
    }

    [Fact]
    public async Task A_connection_that_asks_without_a_pause_is_told_to_wait()
    {
        await EnrollAsync("regdev1", null);
        var client = await OpenAsync("regdev1", RecordedKey);
        string answer;
        var sent = 0;
        do
        {
            await client.SendAsync(Register("{}"));
            answer = await AnswerAsync(client, 1);
        }
        while (++sent < 50 && answer.Contains("/res/202/", StringComparison.Ordinal));
        sent.ShouldBeInRange(10, 30);
        answer.ShouldMatch(@"res/429/\?\$rid=7&retry-after=[1-9]\d* ");
    }

    [Fact]
    public async Task Who_guesses_keys_is_slowed_down_and_can_go_on_later()
    {
        await EnrollAsync("regdev1", null);
        var limits = new RegistrationLimits(_hub.Time);
        var call = new RegistrationCall { IdScope = HubFixture.IdScope, RegistrationId = "regdev1", ApiVersion = "2019-03-31", Address = System.Net.IPAddress.Parse("192.0.2.1") };
        var guesses = 0;
        while (limits.Check(call) is null && guesses < 1000)
        {
            limits.NoteGuess(call.Address);
            guesses++;
        }
        guesses.ShouldBeInRange(100, 102);
        limits.Check(call with { Address = System.Net.IPAddress.Parse("192.0.2.2") }).ShouldBeNull("others are let be");
        _hub.Time.Advance(TimeSpan.FromSeconds(1));
        limits.Check(call).ShouldBeNull();
    }

    [Fact]
    public async Task Mutated_packets_end_the_connection_or_are_answered_and_disturb_nobody()
    {
        await EnrollAsync("regdev1", null);
        var good = Register("""{"registrationId":"regdev1","payload":{"modelId":"dtmi:a:b;1"}}""");
        foreach (var mutated in Mutation.Of([good], 300))
        {
            var client = await OpenAsync("regdev1", RecordedKey);
            await client.TrySendAsync(mutated);
            client.Hang();
            await client.DrainAsync();
            await client.EndAsync();
        }
        var healthy = await OpenAsync("regdev1", RecordedKey);
        await healthy.SendAsync(good);
        (await AnswerAsync(healthy, 1)).ShouldContain("/res/202/");
        _hub.Problems.ShouldBeEmpty();
    }

    [Fact]
    public async Task An_idle_connection_without_keep_alive_ends_after_some_minutes_and_all_end_with_the_server()
    {
        var client = await OpenAsync("regdev1", RecordedKey);
        _hub.Time.Advance(TimeSpan.FromMinutes(4));
        client.IsOver.ShouldBeFalse();
        _hub.Time.Advance(TimeSpan.FromMinutes(2));
        (await client.EndAsync()).ShouldBe(CloseReason.KeepAliveTimeout);
        var other = await OpenAsync("regdev1", RecordedKey);
        await _hub.StopAsync();
        (await other.EndAsync()).ShouldBe(CloseReason.ServerStopping);
    }

    private async Task<Client> OpenAsync(string id, byte[] key, string scope = HubFixture.IdScope)
    {
        var client = new Client(_hub.Door);
        var token = SharedAccessSignature.Create($"{scope}/registrations/{id}", key, _hub.Time.GetUtcNow().AddHours(1), "registration");
        await client.SendAsync(new ConnectPacket(id, $"{scope}/registrations/{id}/api-version=2019-03-31", token, CleanSession: true, KeepAlive: 0).ToBytes());
        (await client.ReceiveAsync()).ShouldBe("CONNACK 0");
        await client.SendAsync(new SubscribePacket(1, [new TopicFilter("$dps/registrations/res/#", 1)]).ToBytes());
        (await client.ReceiveAsync()).ShouldStartWith("SUBACK");
        return client;
    }

    private static byte[] Register(string body) => PublishPacket.Make("$dps/registrations/PUT/iotdps-register/?$rid=7"u8, Encoding.UTF8.GetBytes(body), qos: 1, packetId: 9);

    /// <summary>The answer to a request: behind its acknowledgement, with quality of service 1.</summary>
    private static async Task<string> AnswerAsync(Client client, int qos)
    {
        if (qos == 1)
            (await client.ReceiveAsync()).ShouldStartWith("PUBACK");
        var answer = await client.ReceiveAsync();
        answer.ShouldStartWith("PUBLISH q1 ");
        return answer;
    }

    private static JsonNode Body(string publish) => JsonNode.Parse(publish[publish.IndexOf('{', StringComparison.Ordinal)..])!;

    /// <summary>A recorded poll with the operation of this server.</summary>
    private static byte[] WithOperation(byte[] recorded, string operation)
    {
        var buffer = new ReadOnlySequence<byte>(recorded);
        Frame.TryRead(ref buffer, 10_000, out var frame).ShouldBe(FrameStatus.Complete);
        PublishPacket.TryParse(frame.Flags, frame.Body.FirstSpan, out var publish).ShouldBeTrue();
        var topic = Encoding.UTF8.GetString(publish.Topic);
        topic = topic[..(topic.IndexOf("operationId=", StringComparison.Ordinal) + 12)] + operation;
        return PublishPacket.Make(Encoding.UTF8.GetBytes(topic), publish.Payload, publish.Qos, publish.PacketId);
    }

    private Task EnrollAsync(string id, X509Certificate2? certificate) => _hub.EnrollAsync(id, RecordedKey, certificate);
}
