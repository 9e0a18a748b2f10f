using System.Text;
using Homeport.Amqp.Encoding;

namespace Homeport.Tests.Amqp;

/// <summary>The type system: exact bytes out, all permitted forms in, clean failures.</summary>
public sealed class EncodingTests
{
    public static TheoryData<object?, string> Smallest => new()
    {
        { null, "40" },
        { true, "41" },
        { false, "42" },
        { (byte)7, "5007" },
        { (ushort)258, "600102" },
        { 0u, "43" },
        { 200u, "52c8" },
        { 256u, "7000000100" },
        { 0ul, "44" },
        { 255ul, "53ff" },
        { 256ul, "800000000000000100" },
        { (sbyte)-1, "51ff" },
        { (short)-2, "61fffe" },
        { 127, "547f" },
        { -128, "5480" },
        { 200, "71000000c8" },
        { -1L, "55ff" },
        { 128L, "810000000000000080" },
        { 1.5f, "723fc00000" },
        { -2d, "82c000000000000000" },
        { new Rune('A'), "7300000041" },
        { DateTimeOffset.UnixEpoch.AddMilliseconds(1), "830000000000000001" },
        { new Guid("00112233-4455-6677-8899-aabbccddeeff"), "9800112233445566778899aabbccddeeff" },
        { new byte[] { 1, 2 }, "a0020102" },
        { "é", "a102c3a9" },
        { new Symbol("ab"), "a3026162" },
        { new List<object?>(), "45" },
        { new List<object?> { null, 1 }, "c00402405401" },
        { new AmqpMap { ["k"] = true }, "c10502a3016b41" },
        { new AmqpArray([new Symbol("a"), new Symbol("b")]), "e00c02b300000001610000000162" },
        { new AmqpArray([1, 2]), "e00a027100000001" + "00000002" },
        { new Described(0x77ul, null), "00537740" },
    };

    [Theory]
    [MemberData(nameof(Smallest))]
    public void A_value_is_written_in_its_smallest_form_and_read_back(object? value, string hex)
    {
        var writer = new AmqpWriter();
        writer.WriteValue(value);
        Convert.ToHexStringLower(writer.Written).ShouldBe(hex);
        var reader = new AmqpReader(writer.Written);
        Values.Same(reader.ReadValue(), value).ShouldBeTrue();
        reader.More.ShouldBeFalse();
    }

    [Theory]
    [InlineData("5601", true)]
    [InlineData("70000000c8", 200u)]
    [InlineData("8000000000000000c8", 200ul)]
    [InlineData("7100000001", 1)]
    [InlineData("8100000000000000ff", 255L)]
    [InlineData("b100000001" + "61", "a")]
    public void Longer_forms_are_read_as_well(string hex, object expected)
    {
        var reader = new AmqpReader(Convert.FromHexString(hex));
        reader.ReadValue().ShouldBe(expected);
        reader.Failed.ShouldBeFalse();
    }

    [Fact]
    public void Every_fixed_type_keeps_its_bytes()
    {
        foreach (var width in new[] { 4, 8, 16 })
        {
            var bytes = Enumerable.Range(1, width).Select(i => (byte)i).ToArray();
            var writer = new AmqpWriter();
            writer.WriteValue(new AmqpDecimal(bytes));
            writer.Written[1..].SequenceEqual(bytes).ShouldBeTrue();
            var reader = new AmqpReader(writer.Written);
            reader.ReadValue().ShouldBe(new AmqpDecimal(bytes));
        }
    }

    [Theory]
    [InlineData("a105616263", "5 bytes")] // lies about its length
    [InlineData("b1ffffffff61", "4294967295")]
    [InlineData("d000000008ffffffff40404040", "4294967295 items")]
    [InlineData("c00540414141", "bytes")]
    [InlineData("c10402" + "a3016b", "")]
    [InlineData("c1040341" + "4141", "without a value")]
    [InlineData("f000000005ffffffff40", "elements")] // 4 billion nulls in one byte
    [InlineData("f000000008000000ff71000000", "elements")]
    [InlineData("e00102", "")]
    [InlineData("7300110000", "scalar")]
    [InlineData("83ffffffffffffff00000000", null)]
    [InlineData("a101ff", "UTF-8")]
    [InlineData("99", "0x99")]
    [InlineData("00", "middle")]
    [InlineData("", null)]
    public void What_is_wrong_is_said_and_nothing_is_thrown(string hex, string? reason)
    {
        var reader = new AmqpReader(Convert.FromHexString(hex));
        var value = reader.ReadValue();
        if (reason is null)
            return;
        reader.Failed.ShouldBeTrue($"it is {value}");
        reader.Error!.ShouldContain(reason);
    }

    [Fact]
    public void Nesting_is_bounded()
    {
        var deep = new byte[4096];
        deep.AsSpan().Fill(0);
        new AmqpReader(deep).ReadValue();
        var reader = new AmqpReader(deep);
        reader.ReadValue();
        reader.Error.ShouldNotBeNull().ShouldContain("deep");
        var lists = new List<object?>();
        for (var i = 0; i < 40; i++)
            lists = [lists];
        var writer = new AmqpWriter();
        writer.WriteValue(lists);
        reader = new AmqpReader(writer.Written);
        reader.ReadValue();
        reader.Error.ShouldNotBeNull().ShouldContain("deep");
    }

    [Fact]
    public void Fields_that_are_not_there_are_null()
    {
        var fields = new AmqpReader(Convert.FromHexString("c0030141" + "00")).ReadList(out var isNull);
        isNull.ShouldBeFalse();
        fields.ReadBoolean().ShouldBe(true);
        fields.ReadUInt().ShouldBeNull();
        fields.ReadString().ShouldBeNull();
        fields.Failed.ShouldBeFalse();
    }

    [Fact]
    public void A_list_grows_to_the_long_form_with_its_content()
    {
        var writer = new AmqpWriter();
        writer.WriteValue(new List<object?> { new string('x', 253) });
        writer.Written[0].ShouldBe((byte)0xd0);
        writer.Clear();
        writer.WriteValue(new List<object?> { new string('x', 252) });
        writer.Written[0].ShouldBe((byte)0xc0);
    }
}
