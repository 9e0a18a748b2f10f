using System.Security.Cryptography;
using System.Text;
using Homeport.Contract.Access;

namespace Homeport.Tests.Contract;

/// <summary>Security tokens, from the spellings that the SDKs use. Keys and signatures of the worked examples are published ones.</summary>
public sealed class SharedAccessSignatureTests
{
    private const string Upper = "hub1.example%2Fdevices%2Fdev1";
    private const string UpperSignature = "zU6qWBM/nlWppUt8xxIzLDuTPu2AJJ0liRPv8UKhhMg=";
    private static readonly byte[] Zeros = new byte[32];

    [Theory]
    [InlineData(Upper, UpperSignature)]
    [InlineData("hub1.example%2fdevices%2fdev1", "fPVDeBPGZ9AI0Pr4P6jERu0CDxVvwhcxSSE3xNL5wvQ=")]
    [InlineData("hub1.example/devices/dev1", "qDPIJNP4u7DO4yo7vRC9eK5aVfjidhVsoSG9w66Vu+c=")]
    public void Each_spelling_of_the_audience_has_its_own_signature(string resource, string signature)
    {
        var token = Read($"SharedAccessSignature sr={resource}&sig={Uri.EscapeDataString(signature)}&se=1767225600");
        token.IsSignedBy(Zeros).ShouldBeTrue();
        token.RawResource.ShouldBe(resource);
        token.Resource.ShouldBe("hub1.example/devices/dev1");
        token.Expiry.ShouldBe(1767225600);
        token.KeyName.ShouldBeNull();
    }

    [Fact]
    public void A_signature_of_one_spelling_is_none_of_another()
    {
        Read($"SharedAccessSignature sr=hub1.example%2fdevices%2fdev1&sig={Uri.EscapeDataString(UpperSignature)}&se=1767225600").IsSignedBy(Zeros).ShouldBeFalse();
        Read($"SharedAccessSignature sr={Upper}&sig={Uri.EscapeDataString(UpperSignature)}&se=1767225601").IsSignedBy(Zeros).ShouldBeFalse();
        Read($"SharedAccessSignature sr={Upper}&sig={Uri.EscapeDataString(UpperSignature)}&se=1767225600").IsSignedBy(new byte[31]).ShouldBeTrue("HMAC pads keys with zeros: the same key");
        Read($"SharedAccessSignature sr={Upper}&sig={Uri.EscapeDataString(UpperSignature)}&se=1767225600").IsSignedBy([1, .. new byte[31]]).ShouldBeFalse();
    }

    [Theory]
    [InlineData("sr={r}&sig={s}&se={e}&skn=policy", "policy", "C#, Python, C")]
    [InlineData("sr={r}&sig={s}&skn=policy&se={e}", "policy", "Node service")]
    [InlineData("sig={s}&se={e}&skn=policy&sr={r}", "policy", "samples of the documentation")]
    [InlineData("sr={r}&skn=policy&sig={s}&se={e}", "policy", "samples of the documentation")]
    [InlineData("se={e}&sig={s}&sr={r}", null, "any other")]
    [InlineData("sr={r}&sig={s}&se={e}&skn=", null, "C over HTTP ends with an empty skn")]
    [InlineData("sr={r}&sig={s}&se={e}&skn=my%20policy", "my policy", "encoded name")]
    [InlineData("sr={r}&sig={s}&se={e}&unknown=1", null, "a field of a later version")]
    public void The_order_of_the_fields_is_free(string form, string? policy, string who)
    {
        var token = Read("SharedAccessSignature " + Fill(form, Upper, Uri.EscapeDataString(UpperSignature), "1767225600"));
        token.IsSignedBy(Zeros).ShouldBeTrue(who);
        token.KeyName.ShouldBe(policy, who);
    }

    [Theory]
    [InlineData("zU6qWBM%2FnlWppUt8xxIzLDuTPu2AJJ0liRPv8UKhhMg%3D")]
    [InlineData("zU6qWBM%2fnlWppUt8xxIzLDuTPu2AJJ0liRPv8UKhhMg%3d")]
    [InlineData("zU6qWBM/nlWppUt8xxIzLDuTPu2AJJ0liRPv8UKhhMg=")]
    [InlineData("zU6qWBM/nlWppUt8xxIzLDuTPu2AJJ0liRPv8UKhhMg%3D")]
    public void Signatures_come_encoded_and_raw(string signature)
        => Read($"SharedAccessSignature sr={Upper}&sig={signature}&se=1767225600").IsSignedBy(Zeros).ShouldBeTrue();

    [Theory]
    [InlineData("qDPIJNP4u7DO4yo7vRC9eK5aVfjidhVsoSG9w66Vu+c=")]
    [InlineData("qDPIJNP4u7DO4yo7vRC9eK5aVfjidhVsoSG9w66Vu%2Bc%3D")]
    [InlineData("qDPIJNP4u7DO4yo7vRC9eK5aVfjidhVsoSG9w66Vu%2bc=")]
    public void A_raw_plus_is_no_space(string signature)
        => Read($"SharedAccessSignature sr=hub1.example/devices/dev1&sig={signature}&se=1767225600").IsSignedBy(Zeros).ShouldBeTrue();

    [Theory]
    [InlineData("1767225600.5", 1767225600)]
    [InlineData("1767225600.0", 1767225600)]
    [InlineData("0", 0)]
    [InlineData("253402300799", 253402300799)]
    [InlineData("01767225600", 1767225600)]
    public void The_expiry_is_a_number_of_seconds_and_signed_as_it_stands(string expiry, long seconds)
    {
        var token = Read(Signed(Upper, expiry, Zeros));
        token.Expiry.ShouldBe(seconds);
        token.IsSignedBy(Zeros).ShouldBeTrue();
    }

    [Theory]
    [InlineData("NaN")]
    [InlineData("nan")]
    [InlineData("Infinity")]
    [InlineData("-1")]
    [InlineData("+5")]
    [InlineData("1e9")]
    [InlineData("1,767,225,600")]
    [InlineData("0x69")]
    [InlineData("253402300800")]
    [InlineData("99999999999999999999999999999999")]
    [InlineData("tomorrow")]
    [InlineData(" 1767225600")]
    [InlineData("%31")]
    public void Another_expiry_is_refused(string expiry) => Refuse(Signed(Upper, expiry, Zeros)).ShouldContain("se");

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData(" ")]
    [InlineData("SharedAccessSignature")]
    [InlineData("SharedAccessSignature ")]
    [InlineData("SharedAccessSignature garbage")]
    [InlineData("SharedAccessSignature &&&")]
    [InlineData("SharedAccessSignature ====")]
    [InlineData("sharedaccesssignature sr=a&sig=zU6qWBM/nlWppUt8xxIzLDuTPu2AJJ0liRPv8UKhhMg=&se=1")]
    [InlineData("SharedAccessSignaturesr=a&sig=zU6qWBM/nlWppUt8xxIzLDuTPu2AJJ0liRPv8UKhhMg=&se=1")]
    [InlineData("Bearer eyJhbGciOi")]
    [InlineData("HostName=hub.example;DeviceId=d;SharedAccessKey=AAAA")]
    [InlineData("SharedAccessSignature sig=zU6qWBM/nlWppUt8xxIzLDuTPu2AJJ0liRPv8UKhhMg=&se=1")]
    [InlineData("SharedAccessSignature sr=&sig=zU6qWBM/nlWppUt8xxIzLDuTPu2AJJ0liRPv8UKhhMg=&se=1")]
    [InlineData("SharedAccessSignature sr=a&se=1")]
    [InlineData("SharedAccessSignature sr=a&sig=&se=1")]
    [InlineData("SharedAccessSignature sr=a&sig=zU6qWBM/nlWppUt8xxIzLDuTPu2AJJ0liRPv8UKhhMg=")]
    [InlineData("SharedAccessSignature sr=a&sig=zU6qWBM/nlWppUt8xxIzLDuTPu2AJJ0liRPv8UKhhMg=&se=")]
    [InlineData("SharedAccessSignature sr=a&sig=AAAA&se=1")]
    [InlineData("SharedAccessSignature sr=a&sig=zU6qWBM_nlWppUt8xxIzLDuTPu2AJJ0liRPv8UKhhMg=&se=1")]
    [InlineData("SharedAccessSignature sr=a&sig=zU6qWBM/nlWppUt8xxIzLDuTPu2AJJ0liRPv8UKhhMgAAAA=&se=1")]
    public void What_is_no_token_gets_a_reason(string? text) => Refuse(text).ShouldNotBeNullOrWhiteSpace();

    [Fact]
    public void A_token_of_the_longest_length_is_read_and_a_longer_one_refused()
    {
        var token = Signed("h/" + new string('x', SharedAccessSignature.MaxLength), "1", Zeros);
        Refuse(token).ShouldContain("longer");
        var cut = token.Length - SharedAccessSignature.MaxLength;
        Signed("h/" + new string('x', SharedAccessSignature.MaxLength - cut), "1", Zeros).Length.ShouldBeInRange(SharedAccessSignature.MaxLength - 4, SharedAccessSignature.MaxLength);
        Read(Signed("h/" + new string('x', SharedAccessSignature.MaxLength - cut - 8), "1", Zeros)).IsSignedBy(Zeros).ShouldBeTrue();
    }

    [Theory]
    [InlineData("SharedAccessSignature sr=secret-place&sig=c2VjcmV0&se=1")]
    [InlineData("SharedAccessSignature sr=secret-place&sig=zU6qWBM/nlWppUt8xxIzLDuTPu2AJJ0liRPv8UKhhMg=&se=secret-time")]
    [InlineData("secret sr=a")]
    public void A_reason_repeats_nothing_of_the_token(string text) => Refuse(text).ShouldNotContain("secret");

    [Theory]
    [InlineData("hub1.example/devices/dev1", null, "SharedAccessSignature sr=hub1.example%2Fdevices%2Fdev1&sig=zU6qWBM%2FnlWppUt8xxIzLDuTPu2AJJ0liRPv8UKhhMg%3D&se=1767225600")]
    public void A_made_token_is_the_published_one(string resource, string? policy, string expected)
        => SharedAccessSignature.Create(resource, Zeros, DateTimeOffset.FromUnixTimeSeconds(1767225600), policy).ShouldBe(expected);

    [Theory]
    [InlineData("hub1.example", "iothubowner")]
    [InlineData("hub1.example/devices/d 1#+ä", null)]
    [InlineData("0ne00000000/registrations/r:1", "registration")]
    public void A_made_token_reads_back(string resource, string? policy)
    {
        byte[] key = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];
        var token = Read(SharedAccessSignature.Create(resource, key, DateTimeOffset.FromUnixTimeSeconds(1767225600), policy));
        token.IsSignedBy(key).ShouldBeTrue();
        token.Resource.ShouldBe(resource);
        token.KeyName.ShouldBe(policy);
    }

    [Fact]
    public void A_signer_from_elsewhere_gets_the_text_that_is_checked()
    {
        byte[]? signed = null;
        var text = SharedAccessSignature.Create("hub1.example/devices/dev1", bytes => HMACSHA256.HashData(Zeros, signed = bytes), DateTimeOffset.FromUnixTimeSeconds(1767225600));
        Encoding.UTF8.GetString(signed!).ShouldBe("hub1.example%2Fdevices%2Fdev1\n1767225600");
        Read(text).IsSignedBy(Zeros).ShouldBeTrue();
    }

    // The formula of the documentation, written down again: base64(hmac(key, sr + LF + se)).
    private static string Signed(string resource, string expiry, byte[] key)
    {
        var signature = Convert.ToBase64String(HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(resource + "\n" + expiry)));
        return $"SharedAccessSignature sr={resource}&sig={Uri.EscapeDataString(signature)}&se={expiry}";
    }

    private static string Fill(string form, string resource, string signature, string expiry)
        => form.Replace("{r}", resource, StringComparison.Ordinal).Replace("{s}", signature, StringComparison.Ordinal).Replace("{e}", expiry, StringComparison.Ordinal);

    private static SharedAccessSignature Read(string text)
    {
        SharedAccessSignature.TryParse(text, out var token, out var reason).ShouldBeTrue(reason);
        return token!;
    }

    private static string Refuse(string? text)
    {
        SharedAccessSignature.TryParse(text, out var token, out var reason).ShouldBeFalse();
        token.ShouldBeNull();
        return reason!;
    }
}
