using System.Text;
using Homeport.Hub.Query;

namespace Homeport.Tests.Hub.Query;

/// <summary>What conditions mean on a twin.</summary>
public sealed class QueryEvaluationTests
{
    private static readonly TwinRow Row = new()
    {
        DeviceId = "dev1",
        ETag = "AAAAAAAAAAE=",
        DeviceETag = "MQ==",
        Version = 5,
        Status = "enabled",
        ConnectionState = "Connected",
        AuthenticationType = "selfSigned",
        PrimaryThumbprint = "AB",
        ModelId = "dtmi:x;1",
        IotEdge = true,
        LastActivityTime = new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero),
        CloudToDeviceMessageCount = 2,
        ParentScopes = ["ms-azure-iot-edge://e1"],
        Configurations = """{"my-config":{"status":"Applied"}}"""u8.ToArray(),
        Tags = Encoding.UTF8.GetBytes("""
            {"n":3,"neg":-2.5,"big":4503599627370496,"s":"Hello","empty":"","t":true,"f":false,"nul":null,"num":"42",
             "o":{"s":"in","deep":{"x":1}},"list":[1,"two",[3],{"a":4}],"esc":"a\"b\u00e9\n","h\u00e9":1,"my key":7,"half":"\ud800","u":"é","emoji":"\ud83d\ude00","group":"g","5g":1}
            """),
        Desired = """{"a":1,"b":{"c":"x"}}"""u8.ToArray(),
        DesiredMetadata = """{"$lastUpdated":"2026-01-02T00:00:00.0000000Z","$lastUpdatedVersion":4,"a":{"$lastUpdatedVersion":3}}"""u8.ToArray(),
        DesiredVersion = 4,
        Reported = """{"a":1.0,"temp":21.5,"$version":9,"$metadata":{"$lastUpdated":"2026-01-03T00:00:00Z"}}"""u8.ToArray(),
    };

    [Theory]
    [InlineData("tags.n = 3", true)]
    [InlineData("tags.n = 3.0", true)]
    [InlineData("tags.n = 0x3", true)]
    [InlineData("3 = tags.n", true)]
    [InlineData("tags.n != 4", true)]
    [InlineData("tags.n <> 3", false)]
    [InlineData("tags.n > 2 AND tags.n >= 3 AND tags.n < 4 AND tags.n <= 3", true)]
    [InlineData("tags.n < 10", true)]
    [InlineData("tags.neg = -2.5", true)]
    [InlineData("tags.big = 4503599627370496", true)]
    [InlineData("tags.s = 'Hello'", true)]
    [InlineData("tags.s = 'hello'", false)]
    [InlineData("tags.S = 'Hello'", false)]
    [InlineData("tags.s < 'a'", true)]
    [InlineData("tags.s > 'Hell'", true)]
    [InlineData("tags.u > 'z'", true)]
    [InlineData("tags.emoji > '\uffff'", true)]
    [InlineData("tags.emoji = '\\ud83d\\ude00'", true)]
    [InlineData("tags.esc = 'a\"b\\u00e9\\n'", true)]
    [InlineData("tags.hé = 1", true)]
    [InlineData("tags['my key'] = 7", true)]
    [InlineData("tags.[[my key]] = 7", true)]
    [InlineData("tags.half != 'x'", true)]
    [InlineData("tags.t", true)]
    [InlineData("tags.t = true", true)]
    [InlineData("tags.f", false)]
    [InlineData("NOT tags.f", true)]
    [InlineData("NOT tags.n", false)]
    [InlineData("NOT NOT tags.t", true)]
    [InlineData("tags.n", false)]
    [InlineData("tags.s", false)]
    [InlineData("tags.n AND true", false)]
    [InlineData("tags.n OR true", true)]
    [InlineData("tags.nul = null", true)]
    [InlineData("tags.nul != null", false)]
    [InlineData("tags.n = null", false)]
    [InlineData("tags.n != null", true)]
    [InlineData("tags.missing = null", false)]
    [InlineData("tags.missing != null", false)]
    [InlineData("tags.missing = 1", false)]
    [InlineData("tags.missing != 1", false)]
    [InlineData("NOT (tags.missing = 1)", true)]
    [InlineData("tags.missing = undefined", false)]
    [InlineData("tags.n = undefined", false)]
    [InlineData("tags.n = '3'", false)]
    [InlineData("tags.n != '3'", false)]
    [InlineData("tags.n < '4'", false)]
    [InlineData("tags.num > 41", false)]
    [InlineData("as_number(tags.num) > 41", true)]
    [InlineData("tags.t > false", true)]
    [InlineData("tags.o = tags.o", false)]
    [InlineData("tags.o != tags.o", false)]
    [InlineData("tags.o.deep.x = 1", true)]
    [InlineData("tags.o.deep.x.y = 1", false)]
    [InlineData("tags.list[0] = 1 AND tags.list[1] = 'two' AND tags.list[2][0] = 3 AND tags.list[3].a = 4", true)]
    [InlineData("is_defined(tags.list[4])", false)]
    [InlineData("tags.n[0] = 3", false)]
    [InlineData("tags.[[group]] = 'g' AND tags.group = 'g' AND tags.5g = 1", true)]
    [InlineData("TAGS.n = 3", false)]
    [InlineData("properties.desired.a = properties.reported.a", true)]
    [InlineData("properties.desired.b.c = 'x'", true)]
    [InlineData("properties.desired.$version = 4 AND properties.reported.$version = 9", true)]
    [InlineData("properties.desired.$metadata.$lastUpdated < '2026-01-03'", true)]
    [InlineData("properties.desired.$metadata.a.$lastUpdatedVersion = 3", true)]
    [InlineData("properties.reported.$metadata.$lastUpdated >= '2026-01-03'", true)]
    [InlineData("is_object(properties) AND is_object(properties.desired) AND is_object(tags)", true)]
    [InlineData("is_defined(properties.other)", false)]
    public void Comparisons_and_paths(string condition, bool expected) => Matches(condition).ShouldBe(expected);

    [Theory]
    [InlineData("deviceId = 'dev1' AND DeviceId = 'dev1' AND devices.deviceId = 'dev1'", true)]
    [InlineData("deviceId = 'DEV1'", false)]
    [InlineData("etag = 'AAAAAAAAAAE=' AND deviceEtag = 'MQ==' AND version = 5", true)]
    [InlineData("status = 'enabled' AND connectionState = 'Connected' AND authenticationType = 'selfSigned'", true)]
    [InlineData("statusUpdateTime = '0001-01-01T00:00:00Z' AND lastActivityTime > '2026-01-02T03' AND cloudToDeviceMessageCount = 2", true)]
    [InlineData("is_defined(moduleId) OR is_defined(statusReason) OR is_defined(deviceScope) OR is_defined(nonsense)", false)]
    [InlineData("modelId = 'dtmi:x;1' AND capabilities.iotEdge AND is_object(capabilities)", true)]
    [InlineData("x509Thumbprint.primaryThumbprint = 'AB' AND is_null(x509Thumbprint.secondaryThumbprint)", true)]
    [InlineData("configurations.[[my-config]].status = 'Applied' AND parentScopes[0] = 'ms-azure-iot-edge://e1'", true)]
    [InlineData("deviceId.x = 'dev1'", false)]
    public void Members_of_the_twin(string condition, bool expected) => Matches(condition).ShouldBe(expected);

    [Theory]
    [InlineData("tags.s IN ['x', 'Hello']", true)]
    [InlineData("tags.s NIN ['x', 'Hello']", false)]
    [InlineData("tags.s NOT IN ['x']", true)]
    [InlineData("NOT tags.s IN ['x']", true)]
    [InlineData("tags.n IN [1, 2, 3.0]", true)]
    [InlineData("tags.neg IN [-2.5]", true)]
    [InlineData("tags.n IN ['3']", false)]
    [InlineData("tags.n IN []", false)]
    [InlineData("tags.n NIN []", true)]
    [InlineData("tags.nul IN [null]", true)]
    [InlineData("tags.t IN [true]", true)]
    [InlineData("tags.missing IN [undefined]", false)]
    [InlineData("tags.missing NIN [1]", false)]
    [InlineData("tags.esc IN ['a\"b\\u00e9\\n']", true)]
    [InlineData("'two' IN tags.list", true)]
    [InlineData("'three' NIN tags.list", true)]
    [InlineData("1 IN tags.n", false)]
    public void Lists(string condition, bool expected) => Matches(condition).ShouldBe(expected);

    [Theory]
    [InlineData("1 + 2 * 3 = 7", true)]
    [InlineData("(1 + 2) * 3 = 9", true)]
    [InlineData("10 - 2 - 3 = 5", true)]
    [InlineData("7 % 4 = 3", true)]
    [InlineData("12 / 4 / 3 = 1", true)]
    [InlineData("-tags.n = -3", true)]
    [InlineData("--3 = 3", true)]
    [InlineData("tags.n*2-1=5", true)]
    [InlineData("is_defined(1 / 0)", false)]
    [InlineData("is_defined(tags.n + tags.s)", false)]
    [InlineData("is_defined(-tags.s)", false)]
    [InlineData("1 = 1 AND 1 = 2 OR 1 = 1", true)]
    [InlineData("1 = 1 OR 1 = 1 AND 1 = 2", true)]
    [InlineData("(1 = 1 OR 1 = 1) AND 1 = 2", false)]
    [InlineData("NOT 1 = 2", true)]
    [InlineData("NOT 1 = 1 OR 1 = 1", true)]
    public void Arithmetic_and_priorities(string condition, bool expected) => Matches(condition).ShouldBe(expected);

    [Theory]
    [InlineData("IS_DEFINED(tags.nul) AND is_null(tags.nul) AND NOT is_null(tags.missing)", true)]
    [InlineData("is_string(tags.s) AND is_number(tags.n) AND is_bool(tags.t) AND is_object(tags.o) AND is_array(tags.list)", true)]
    [InlineData("is_string(tags.n) OR is_number(tags.s) OR is_bool(tags.n) OR is_object(tags.list) OR is_array(tags.o)", false)]
    [InlineData("is_primitive(tags.n) AND is_primitive(tags.nul) AND NOT is_primitive(tags.o) AND NOT is_primitive(tags.missing)", true)]
    [InlineData("startswith(tags.s, 'He') AND starts_with(deviceId, 'dev') AND endswith(tags.s, 'lo') AND ends_with(tags.s, '')", true)]
    [InlineData("startswith(tags.s, 'he')", false)]
    [InlineData("startswith(tags.n, '3')", false)]
    [InlineData("contains(tags.s, 'ell') AND contains(tags.esc, 'é') AND NOT contains(tags.s, 'z')", true)]
    [InlineData("length(tags.s) = 5 AND length(tags.empty) = 0 AND lower(tags.s) = 'hello' AND upper(tags.s) = 'HELLO'", true)]
    [InlineData("substring(tags.s, 1) = 'ello' AND substring(tags.s, 1, 2) = 'el' AND substring(tags.s, 9, 9) = '' AND substring(tags.s, -1, 1) = 'H'", true)]
    [InlineData("index_of(tags.s, 'l') = 2 AND index_of(tags.s, 'z') = -1", true)]
    [InlineData("concat(tags.s, ' ', deviceId, '!') = 'Hello dev1!' AND concat('a') = 'a'", true)]
    [InlineData("is_defined(concat(tags.s, tags.n))", false)]
    [InlineData("abs(tags.neg) = 2.5 AND ceiling(tags.neg) = -2 AND floor(tags.neg) = -3 AND sign(tags.neg) = -1", true)]
    [InlineData("power(2, 10) = 1024 AND sqrt(9) = 3 AND square(tags.n) = 9 AND exp(0) = 1", true)]
    [InlineData("is_defined(sqrt(-1)) OR is_defined(abs(tags.s)) OR is_defined(as_number('x')) OR is_defined(power(10, 999))", false)]
    [InlineData("array_contains(tags.list, 'two') AND array_length(tags.list) = 4 AND NOT array_contains(tags.list, 9)", true)]
    public void Functions(string condition, bool expected) => Matches(condition).ShouldBe(expected);

    [Fact]
    public void A_row_of_JSON_is_read_by_its_own_names()
    {
        var row = new JsonRow(new QueryKey("d", "j1"), """{"deviceId":"d","jobId":"j1","status":"completed","outcome":{"deviceMethodResponse":{"status":200}}}"""u8.ToArray());
        bool On(string where) => HubQuery.Parse("SELECT * FROM devices.jobs WHERE " + where).Value!.Condition.Matches(row);
        On("devices.jobs.jobId = 'j1' AND status = 'completed' AND devices.jobs.outcome.deviceMethodResponse.status = 200").ShouldBeTrue();
        On("devices.jobs.status = 'failed'").ShouldBeFalse();
    }

    [Fact]
    public void An_empty_section_is_an_empty_object()
    {
        var row = new TwinRow { DeviceId = "d" };
        HubQuery.ParseCondition("is_object(tags) AND is_object(properties.reported) AND NOT is_defined(tags.a) AND NOT is_defined(properties.desired.$version)")
            .Value!.Matches(row).ShouldBeTrue();
    }

    private static bool Matches(string condition)
    {
        var outcome = HubQuery.ParseCondition(condition);
        outcome.Refusal.ShouldBeNull();
        return outcome.Value!.Matches(Row);
    }
}
