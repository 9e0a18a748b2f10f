using Homeport.Contract.Access;
using Homeport.Contract.Naming;

namespace Homeport.Tests.Contract;

/// <summary>Ids of devices, modules and registrations, and the key that is derived from one.</summary>
public sealed class NamingTests
{
    private const string DeviceCharacters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-:.+%_#*?!(),=@;$'";

    [Fact]
    public void A_device_id_may_have_exactly_the_documented_characters()
    {
        for (var c = 0; c <= 0x2FF; c++)
            (DeviceIdRules.Check($"a{(char)c}z") is null).ShouldBe(DeviceCharacters.Contains((char)c), $"character U+{c:X4}");
    }

    [Theory]
    [InlineData(1, true)]
    [InlineData(128, true)]
    [InlineData(129, false)]
    [InlineData(0, false)]
    public void A_device_id_has_1_to_128_characters(int length, bool good) => (DeviceIdRules.Check(new string('x', length)) is null).ShouldBe(good);

    [Fact]
    public void A_bad_device_id_is_located()
    {
        DeviceIdRules.Check("ab/d")!.ShouldContain("3");
        DeviceIdRules.Check(null).ShouldNotBeNull();
    }

    [Fact]
    public void A_registration_id_may_have_exactly_the_documented_characters()
    {
        for (var c = 0; c <= 0x2FF; c++)
        {
            var good = c < 128 && (char.IsAsciiLetterOrDigit((char)c) || (char)c is '-' or '.' or '_' or ':');
            (RegistrationIdRules.Check($"a{(char)c}z") is null).ShouldBe(good, $"character U+{c:X4}");
        }
    }

    [Theory]
    [InlineData("a", true)]
    [InlineData("a-", true)]
    [InlineData("-", true)]
    [InlineData("a.", false)]
    [InlineData("a_", false)]
    [InlineData("a:", false)]
    [InlineData("sn-007-888-abc-mac-a1-b2-c3-d4-e5-f6", true)]
    [InlineData("A1", true)]
    [InlineData("", false)]
    [InlineData(null, false)]
    public void The_last_character_of_a_registration_id_is_a_letter_digit_or_dash(string? id, bool good) => (RegistrationIdRules.Check(id) is null).ShouldBe(good);

    [Fact]
    public void A_registration_id_has_at_most_128_characters()
    {
        RegistrationIdRules.Check(new string('x', 128)).ShouldBeNull();
        RegistrationIdRules.Check(new string('x', 129)).ShouldNotBeNull();
    }

    [Fact]
    public void The_derived_key_is_the_documented_one()
    {
        var group = Convert.FromBase64String("8isrFI1sGsIlvvFSSFRiMfCNzv21fjbE/+ah/lSh3lF8e2YG1Te7w1KpZhJFFXJrqYKi9yegxkqIChbqOS9Egw==");
        Convert.ToBase64String(DerivedKey.FromGroupKey(group, "sn-007-888-abc-mac-a1-b2-c3-d4-e5-f6")).ShouldBe("Jsm0lyGpjaVYVP2g3FnmnmG9dI/9qU24wNoykUmermc=");
        DerivedKey.FromGroupKey(group, "SN-007-888-abc-mac-a1-b2-c3-d4-e5-f6").ShouldNotBe(DerivedKey.FromGroupKey(group, "sn-007-888-abc-mac-a1-b2-c3-d4-e5-f6"));
    }
}
