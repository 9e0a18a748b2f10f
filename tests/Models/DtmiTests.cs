using Homeport.Models;

namespace Homeport.Tests.Models;

public sealed class DtmiTests
{
    [Theory]
    [InlineData("dtmi:com:example:Thermostat;1", "dtmi/com/example/thermostat-1.json")]
    [InlineData("dtmi:a;1", "dtmi/a-1.json")]
    [InlineData("dtmi:a_b:c9;999999999", "dtmi/a_b/c9-999999999.json")]
    [InlineData("dtmi:com:example:Thermostat;1.2", "dtmi/com/example/thermostat-1.2.json")]
    [InlineData("dtmi:com:example:Thermostat", "dtmi/com/example/thermostat.json")]
    public void An_id_is_read_and_has_a_place_in_a_repository(string text, string path)
    {
        Dtmi.TryParse(text, out var dtmi).ShouldBeTrue();
        dtmi.Text.ShouldBe(text);
        dtmi.RepositoryPath.ShouldBe(path);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("dtmi")]
    [InlineData("dtmi:")]
    [InlineData("dtmi:;1")]
    [InlineData("dtmi:a;0")]
    [InlineData("dtmi:a;01")]
    [InlineData("dtmi:a;")]
    [InlineData("dtmi:a;1.0")]
    [InlineData("dtmi:a;1.")]
    [InlineData("dtmi:a;1234567890")]
    [InlineData("dtmi:a;1.1234567")]
    [InlineData("dtmi:a;1;2")]
    [InlineData("dtmi:a::b;1")]
    [InlineData("dtmi:a_;1")]
    [InlineData("dtmi:_a;1")]
    [InlineData("dtmi:1a;1")]
    [InlineData("dtmi:a b;1")]
    [InlineData("dtmi:../../etc;1")]
    [InlineData("dtmi:ä;1")]
    [InlineData("DTMI:a;1")]
    [InlineData("urn:a;1")]
    [InlineData(" dtmi:a;1")]
    [InlineData("dtmi:a;1\n")]
    public void What_is_no_id_is_none(string? text) => Dtmi.TryParse(text, out _).ShouldBeFalse();

    [Fact]
    public void An_id_may_have_2048_characters()
    {
        Dtmi.TryParse("dtmi:" + new string('a', 2041) + ";1", out _).ShouldBeTrue();
        Dtmi.TryParse("dtmi:" + new string('a', 2042) + ";1", out _).ShouldBeFalse();
    }
}
