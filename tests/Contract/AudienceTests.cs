using Homeport.Contract.Access;

namespace Homeport.Tests.Contract;

/// <summary>What a token's audience covers: a URI prefix by whole segments.</summary>
public sealed class AudienceTests
{
    private static readonly string[] Device = ["devices", "dev1"];
    private static readonly string[] Module = ["devices", "dev1", "modules", "m1"];

    [Theory]
    [InlineData("hub.example", "hub.example", 0)]
    [InlineData("HUB.Example/devices/dev1", "hub.example", 2)]
    [InlineData("hub.example/devices/dev1/", "hub.example", 2)]
    [InlineData("https://hub.example/devices/dev1", "hub.example", 2)]
    [InlineData("amqps://hub.example:5671/devices/dev1", "hub.example", 2)]
    [InlineData("sb://hub.example/messages/events", "hub.example", 2)]
    [InlineData("localhost:8883/devices/dev1", "localhost", 2)]
    [InlineData("https://localhost:443", "localhost", 0)]
    [InlineData("hub.example/devices/dev1/api-version=2016-11-14", "hub.example", 2)]
    [InlineData("hub.example/devices/dev1/modules/m1/API-Version=2021-04-12", "hub.example", 4)]
    [InlineData("[::1]:8883/devices/dev1", "[::1]", 2)]
    [InlineData("[::1]/devices/dev1", "[::1]", 2)]
    [InlineData("", "", 0)]
    [InlineData("///", "", 0)]
    [InlineData("https://", "", 0)]
    public void Scheme_port_and_version_are_left_out(string resource, string host, int depth)
    {
        var audience = Audience.Parse(resource);
        audience.Host.ShouldBe(host);
        audience.Depth.ShouldBe(depth);
    }

    [Theory]
    [InlineData("hub.example", true, true)]
    [InlineData("hub.example/devices/dev1", true, true)]
    [InlineData("hub.example/Devices/dev1", true, true)]
    [InlineData("hub.example/devices", true, true)]
    [InlineData("hub.example/devices/dev1/modules/m1", false, true)]
    [InlineData("hub.example/devices/dev1/MODULES/m1", false, true)]
    [InlineData("hub.example/devices/dev", false, false)]
    [InlineData("hub.example/devices/dev11", false, false)]
    [InlineData("hub.example/devices/DEV1", false, false)]
    [InlineData("hub.example/devices/dev1/modules/M1", false, false)]
    [InlineData("hub.example/devices/dev1/modules/m", false, false)]
    [InlineData("hub.example/devices/dev1/messages", false, false)]
    [InlineData("hub.example/device/dev1", false, false)]
    [InlineData("hub.example/devices/dev1/modules/m1/x", false, false)]
    [InlineData("hub.example/devices/dev1/api-version=2016-11-14", true, true)]
    public void A_prefix_of_whole_segments_covers(string resource, bool device, bool module)
    {
        var audience = Audience.Parse(resource);
        audience.Covers(Device).ShouldBe(device);
        audience.Covers(Module).ShouldBe(module);
    }

    [Theory]
    [InlineData("hub.example/devices/dev%231", "dev#1", true)]
    [InlineData("hub.example/devices/dev#1", "dev#1", true)]
    [InlineData("hub.example/devices/a%252b", "a%2b", true)]
    [InlineData("hub.example/devices/a%2b", "a%2b", true)]
    [InlineData("hub.example/devices/a%2525", "a%", false)]
    [InlineData("hub.example/devices/dev%2", "dev%2", true)]
    [InlineData("hub.example/devices/dev+1", "dev 1", false)]
    public void Ids_may_be_encoded_twice(string resource, string id, bool covers) => Audience.Parse(resource).Covers("devices", id).ShouldBe(covers);

    [Fact]
    public void An_encoded_slash_does_not_make_two_segments()
        => Audience.Parse("hub.example/devices/dev1%2Fmodules%2Fm1").Covers(Module).ShouldBeFalse();

    [Fact]
    public void A_whole_hub_covers_an_empty_path_and_a_device_does_not()
    {
        Audience.Parse("hub.example").Covers().ShouldBeTrue();
        Audience.Parse("hub.example/devices/dev1").Covers().ShouldBeFalse();
    }
}
