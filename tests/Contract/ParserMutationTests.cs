using System.Diagnostics;
using System.Text;
using System.Text.Json;
using Homeport.Contract;
using Homeport.Contract.Access;
using Homeport.Contract.Messages;
using Homeport.Contract.Rest;

namespace Homeport.Tests.Contract;

/// <summary>Parsers of untrusted text on a fixed number of mutated inputs: they answer, they never throw anything else, and their time is bounded.</summary>
public sealed class ParserMutationTests
{
    private static readonly string[] Tokens =
    [
        "SharedAccessSignature sr=hub1.example%2Fdevices%2Fdev1&sig=zU6qWBM%2FnlWppUt8xxIzLDuTPu2AJJ0liRPv8UKhhMg%3D&se=1767225600",
        "SharedAccessSignature sr=hub1.example/devices/dev1&sig=qDPIJNP4u7DO4yo7vRC9eK5aVfjidhVsoSG9w66Vu+c=&se=1767225600.5&skn=",
        "SharedAccessSignature sr=sb%3A%2F%2Fhub1.example%3A5671%2Fentity%2Fapi-version%3D2016&sig=fPVDeBPGZ9AI0Pr4P6jERu0CDxVvwhcxSSE3xNL5wvQ%3d&skn=iothubowner&se=1767225600",
    ];

    [Fact]
    public void Tokens_never_throw()
    {
        const int Rounds = 200_000;
        var accepted = 0;
        foreach (var text in Mutation.Of(Tokens, Rounds))
        {
            if (!SharedAccessSignature.TryParse(text, out var token, out var reason))
            {
                reason.ShouldNotBeNullOrEmpty();
                continue;
            }
            accepted++;
            var audience = Audience.Parse(token.Resource);
            _ = audience.Covers("devices", "dev1");
            _ = audience.ToString();
            token.Expiry.ShouldBeInRange(0, 253402300799);
            if (accepted % 16 == 0)
                _ = token.IsSignedBy([1, 2, 3]);
        }
        accepted.ShouldBeInRange(1000, Rounds - 1000);
    }

    [Fact]
    public void Connection_strings_never_throw_and_what_they_reveal_reads_back()
    {
        const int Rounds = 200_000;
        var accepted = 0;
        string[] seeds =
        [
            "HostName=hub.example;SharedAccessKeyName=iothubowner;SharedAccessKey=QUJDRA==",
            "HostName=hub.example;DeviceId=d1;ModuleId=m1;SharedAccessKey=QUJDRA==;GatewayHostName=gateway.example",
            "HostName=hub.example;DeviceId=d1;SharedAccessSignature=SharedAccessSignature sr=hub.example%2Fdevices%2Fd1&sig=x%3D&se=1",
        ];
        foreach (var text in Mutation.Of(seeds, Rounds))
        {
            if (!ConnectionString.TryParse(text, out var found, out var reason))
            {
                reason.ShouldNotBeNullOrEmpty();
                continue;
            }
            accepted++;
            ConnectionString.TryParse(found.Reveal(), out var again, out _).ShouldBeTrue(text);
            again.ShouldBe(found);
        }
        accepted.ShouldBeInRange(1000, Rounds - 1000);
    }

    [Fact]
    public void Device_descriptions_throw_JSON_errors_only()
    {
        const int Rounds = 60_000;
        var accepted = 0;
        byte[][] seeds =
        [
            """{"deviceId":"dev1","etag":"MQ==","status":"enabled","statusUpdatedTime":"2026-01-31T12:00:00.1234567Z","cloudToDeviceMessageCount":0,"parentScopes":["a"],"capabilities":{"iotEdge":false}}"""u8.ToArray(),
            """{"authentication":{"symmetricKey":{"primaryKey":"QQ==","secondaryKey":null},"x509Thumbprint":{"primaryThumbprint":"AB\u00e4\ud83d\ude00"},"type":"sas"},"lastActivityTime":null}"""u8.ToArray(),
            """{"connectionStateUpdatedTime":"0001-01-01T00:00:00Z","lastActivityTime":"9999-12-31T23:59:59.9999999-14:00","statusUpdatedTime":"2026-01-31T24:00:00+14:00"}"""u8.ToArray(),
        ];
        foreach (var bytes in Mutation.Of(seeds, Rounds))
        {
            try
            {
                var device = JsonSerializer.Deserialize(bytes, Json.Default.DeviceDescription);
                _ = JsonSerializer.SerializeToUtf8Bytes(device!, Json.Default.DeviceDescription);
                accepted++;
            }
            catch (JsonException e)
            {
                e.Message.ShouldNotBeNullOrEmpty();
            }
        }
        accepted.ShouldBeInRange(1000, Rounds - 1000);
    }

    [Fact]
    public void Nesting_is_bounded()
    {
        var deep = $$"""{"unknown":{{new string('[', 100_000)}}""";
        Should.Throw<JsonException>(() => JsonSerializer.Deserialize(deep, Json.Default.DeviceDescription));
    }

    [Fact]
    public void Bags_never_throw_and_decode_into_no_more_bytes_than_they_have()
    {
        byte[][] seeds = ["%24.mid=mid-1&%24.ct=application%2Fjson&p%201=v%2F1&none&empty="u8.ToArray(), "a=1&b=2&c=%C3%A4"u8.ToArray()];
        var target = new byte[4096];
        foreach (var bag in Mutation.Of(seeds, 200_000))
        {
            var total = 0;
            var reader = new PropertyBag.Reader(bag);
            while (reader.Read())
            {
                total += PercentEncoding.Decode(reader.Name, target) + PercentEncoding.Decode(reader.Value, target);
                reader.Name.IsEmpty.ShouldBeFalse();
            }
            total.ShouldBeLessThanOrEqualTo(bag.Length);
        }
    }

    [Fact]
    public void Large_inputs_take_no_more_than_linear_time()
    {
        var clock = Stopwatch.StartNew();
        var large = new string(';', 4_000_000);
        ConnectionString.TryParse(large, out _, out _).ShouldBeFalse();
        ConnectionString.TryParse(string.Concat(Enumerable.Range(0, 200_000).Select(i => $"k{i}=v;")), out _, out _).ShouldBeFalse();
        SharedAccessSignature.TryParse("SharedAccessSignature " + new string('&', 4_000_000), out _, out var reason).ShouldBeFalse();
        reason!.ShouldContain("longer");
        PercentEncoding.Decode(new string('%', 4_000_000)).Length.ShouldBe(4_000_000);
        var reader = new PropertyBag.Reader(Encoding.ASCII.GetBytes(new string('&', 4_000_000)));
        reader.Read().ShouldBeFalse();
        // Generous for a busy machine; squares of these sizes would take hours.
        clock.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(20));
    }
}
