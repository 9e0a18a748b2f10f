using Homeport.Hub.Files;

namespace Homeport.Tests.Hub.Files;

/// <summary>Names of containers and blobs, and conditions of writes.</summary>
public sealed class BlobAddressTests
{
    [Theory]
    [InlineData("abc", true)]
    [InlineData("uploads-hub1", true)]
    [InlineData("ab", false)]
    [InlineData("Abc", false)]
    [InlineData("a--b", false)]
    [InlineData("-ab", false)]
    [InlineData("ab-", false)]
    [InlineData("../", false)]
    [InlineData("_new", false)]
    [InlineData(null, false)]
    public void Containers_have_plain_names(string? name, bool good) => (BlobAddress.CheckContainer(name) is null).ShouldBe(good);

    [Fact]
    public void Containers_have_63_characters_at_most()
    {
        BlobAddress.CheckContainer(new string('a', 63)).ShouldBeNull();
        BlobAddress.CheckContainer(new string('a', 64)).ShouldNotBeNull();
    }

    [Theory]
    [InlineData("a", true)]
    [InlineData("../../etc/passwd", true)]
    [InlineData("a/b c/ü🚢%2F?#", true)]
    [InlineData("", false)]
    [InlineData("a\nb", false)]
    [InlineData("a\0b", false)]
    [InlineData("a\ufffeb", false)]
    public void Blobs_have_any_name_that_a_list_can_show(string name, bool good) => (BlobAddress.CheckName(name) is null).ShouldBe(good);

    [Theory]
    [InlineData(0xd83d, 0x61)]
    [InlineData(0x61, 0xd83d)]
    [InlineData(0xdea2, 0xd83d)]
    public void Half_a_character_is_no_name(int first, int second) => BlobAddress.CheckName(new string([(char)first, (char)second])).ShouldNotBeNull();

    [Fact]
    public void Names_end_at_their_limits()
    {
        BlobAddress.CheckName(new string('a', BlobAddress.MaxNameLength)).ShouldBeNull();
        BlobAddress.CheckName(new string('a', BlobAddress.MaxNameLength + 1)).ShouldNotBeNull();
        BlobAddress.CheckName(string.Join('/', Enumerable.Repeat("a", BlobAddress.MaxSegments))).ShouldBeNull();
        BlobAddress.CheckName(string.Join('/', Enumerable.Repeat("a", BlobAddress.MaxSegments + 1))).ShouldNotBeNull();
    }

    [Theory]
    [InlineData(null, null, false, true, null)]
    [InlineData("*", null, false, true, null)]
    [InlineData("\"e1\"", null, false, true, null)]
    [InlineData("e2", null, false, true, "ConditionNotMet")]
    [InlineData("*", null, false, false, "ConditionNotMet")]
    [InlineData(null, "*", false, true, "BlobAlreadyExists")]
    [InlineData(null, "*", false, false, null)]
    [InlineData(null, "e1", false, true, "ConditionNotMet")]
    [InlineData(null, "e2", false, true, null)]
    [InlineData(null, null, true, true, "AuthorizationPermissionMismatch")]
    [InlineData(null, null, true, false, null)]
    public void Conditions_are_those_of_http(string? match, string? noneMatch, bool onlyNew, bool exists, string? error)
    {
        var blob = new BlobProperties { Name = "n", Size = 0, ETag = "e1", LastModified = default, Created = default, Headers = new Dictionary<string, string>() };
        new BlobCondition(match, noneMatch, onlyNew).Check(exists ? blob : null)?.Error.Name.ShouldBe(error);
        (new BlobCondition(match, noneMatch, onlyNew).Check(exists ? blob : null) is null).ShouldBe(error is null);
    }
}
