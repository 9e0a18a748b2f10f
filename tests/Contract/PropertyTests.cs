using System.Text;
using Homeport.Contract;
using Homeport.Contract.Messages;

namespace Homeport.Tests.Contract;

/// <summary>Property bags and their percent-encoding.</summary>
public sealed class PropertyTests
{
    [Theory]
    [InlineData("", "")]
    [InlineData("a=1", "a=1")]
    [InlineData("a=1&b=2", "a=1|b=2")]
    [InlineData("a", "a=<null>")]
    [InlineData("a=", "a=")]
    [InlineData("a&b=&c=3", "a=<null>|b=|c=3")]
    [InlineData("a=1=2", "a=1=2")]
    [InlineData("&&a=1&&", "a=1")]
    [InlineData("=1&a=2", "a=2")]
    [InlineData("%24.mid=mid-1&%24.ct=application%2Fjson&p%201=v%2F1", "$.mid=mid-1|$.ct=application/json|p 1=v/1")]
    [InlineData("%24.cid=a b/c", "$.cid=a b/c")]
    [InlineData("$.mid=1+1", "$.mid=1+1")]
    [InlineData("a=100%&b=%zz&c=%4", "a=100%|b=%zz|c=%4")]
    [InlineData("a%3Db=c%26d", "a=b=c&d")]
    [InlineData("%C3%A4=%c3%b6", "ä=ö")]
    [InlineData("a=1&a=2", "a=1|a=2")]
    public void A_bag_is_split_before_it_is_decoded(string bag, string expected) => Read(bag).ShouldBe(expected);

    [Theory]
    [InlineData("%24.to", "/devices/dev1/messages/deviceBound", "%24.to=%2Fdevices%2Fdev1%2Fmessages%2FdeviceBound")]
    public void A_bag_of_the_service_is_encoded_as_the_SDKs_want_it(string nameOnTheWire, string value, string expected)
    {
        var bag = PropertyBag.Encode([new("$.to", value)]);
        bag.ShouldStartWith(nameOnTheWire);
        bag.ShouldBe(expected);
    }

    [Fact]
    public void Separators_and_spaces_inside_names_and_values_are_encoded()
    {
        PropertyBag.Encode([new("p 1", "v/1"), new("a=b&c", "#%+"), new("empty", ""), new("none", null)])
            .ShouldBe("p%201=v%2F1&a%3Db%26c=%23%25%2B&empty=&none");
        PropertyBag.Encode([]).ShouldBe("");
    }

    [Fact]
    public void What_is_encoded_reads_back()
    {
        string[] texts = ["$.mid", "a", " ", "&", "=", "%", "%25", "/", "ä", "\U0001F4A1", "a&b=c%20d", "+", "\n", new string('x', 300)];
        foreach (var name in texts)
        {
            foreach (var value in texts.Append(""))
                Read(PropertyBag.Encode([new(name, value), new("next", null)])).ShouldBe($"{name}={value}|next=<null>");
        }
    }

    [Theory]
    [InlineData("", "")]
    [InlineData("plain", "plain")]
    [InlineData("%41%62", "Ab")]
    [InlineData("%2f%2F", "//")]
    [InlineData("%", "%")]
    [InlineData("%4", "%4")]
    [InlineData("%%41", "%A")]
    [InlineData("%4%41", "%4A")]
    [InlineData("%g1", "%g1")]
    [InlineData("%1g", "%1g")]
    [InlineData("%+1", "%+1")]
    [InlineData("a+b", "a+b")]
    [InlineData("%252F", "%2F")]
    [InlineData("%FF", "\uFFFD")]
    [InlineData("ä%20ö", "ä ö")]
    public void Percent_encoding_is_decoded_once_and_leniently(string text, string expected) => PercentEncoding.Decode(text).ShouldBe(expected);

    [Fact]
    public void Every_byte_can_be_encoded_in_both_cases()
    {
        Span<byte> target = stackalloc byte[3];
        for (var b = 0; b <= 255; b++)
        {
            foreach (var text in (string[])[$"%{b:X2}", $"%{b:x2}"])
            {
                PercentEncoding.Decode(Encoding.ASCII.GetBytes(text), target).ShouldBe(1);
                target[0].ShouldBe((byte)b);
            }
        }
    }

    [Theory]
    [InlineData("$.mid", "message-id")]
    [InlineData("$.cid", "correlation-id")]
    [InlineData("$.uid", "user-id")]
    [InlineData("$.to", "to")]
    [InlineData("$.exp", "absolute-expiry-time")]
    [InlineData("$.ct", "content-type")]
    [InlineData("$.ce", "content-encoding")]
    [InlineData("$.on", "iothub-outputname")]
    [InlineData("$.ctime", "iothub-creation-time-utc")]
    [InlineData("$.schema", "iothub-message-schema")]
    [InlineData("$.ifid", "iothub-interface-id")]
    [InlineData("$.sub", "dt-subject")]
    [InlineData("$.diagid", "Diagnostic-Id")]
    [InlineData("$.diagctx", "Correlation-Context")]
    [InlineData("mid", null)]
    [InlineData("$.MID", null)]
    [InlineData("temperature", null)]
    public void System_properties_have_long_names(string name, string? longName) => SystemProperty.LongName(name).ShouldBe(longName);

    private static string Read(string bag)
    {
        var found = new List<string>();
        var reader = new PropertyBag.Reader(Encoding.UTF8.GetBytes(bag));
        while (reader.Read())
        {
            var name = PercentEncoding.Decode(Encoding.UTF8.GetString(reader.Name));
            found.Add($"{name}={(reader.HasValue ? PercentEncoding.Decode(Encoding.UTF8.GetString(reader.Value)) : "<null>")}");
        }
        return string.Join('|', found);
    }
}
