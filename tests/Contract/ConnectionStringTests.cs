using Homeport.Contract.Access;

namespace Homeport.Tests.Contract;

/// <summary>Connection strings as users copy them.</summary>
public sealed class ConnectionStringTests
{
    [Theory]
    [InlineData("HostName=hub.example;SharedAccessKeyName=iothubowner;SharedAccessKey=QUJDRA==", "hub.example", null, null, "iothubowner", "QUJDRA==")]
    [InlineData("HostName=hub.example;DeviceId=d1;SharedAccessKey=QUJDRA==", "hub.example", "d1", null, null, "QUJDRA==")]
    [InlineData("HostName=hub.example;DeviceId=d=1;ModuleId=m1;SharedAccessKey=A+/=", "hub.example", "d=1", "m1", null, "A+/=")]
    [InlineData("sharedaccesskey=QUJDRA==;deviceid=d1;HOSTNAME=hub.example", "hub.example", "d1", null, null, "QUJDRA==")]
    [InlineData(" HostName=hub.example ; DeviceId=d1 ;; x509=true ; ", "hub.example", "d1", null, null, null)]
    [InlineData("HostName=hub.example:8883;Unknown=1", "hub.example:8883", null, null, null, null)]
    public void Fields_are_found_in_any_order_and_case(string text, string host, string? device, string? module, string? policy, string? key)
    {
        ConnectionString.TryParse(text, out var found, out var reason).ShouldBeTrue(reason);
        (found!.HostName, found.DeviceId, found.ModuleId, found.SharedAccessKeyName, found.SharedAccessKey).ShouldBe((host, device, module, policy, key));
    }

    [Fact]
    public void A_token_and_a_gateway_are_fields_as_well()
    {
        const string Token = "SharedAccessSignature sr=hub.example%2Fdevices%2Fd1&sig=x%3D&se=1";
        ConnectionString.TryParse($"HostName=hub.example;DeviceId=d1;SharedAccessSignature={Token};GatewayHostName=gateway.example", out var found, out _).ShouldBeTrue();
        found!.SharedAccessSignature.ShouldBe(Token);
        found.GatewayHostName.ShouldBe("gateway.example");
    }

    [Theory]
    [InlineData(null, "HostName")]
    [InlineData("", "HostName")]
    [InlineData(";;;", "HostName")]
    [InlineData("HostName=", "HostName")]
    [InlineData("DeviceId=d1;SharedAccessKey=QUJDRA==", "HostName")]
    [InlineData("HostName=a;HostName=b", "HostName")]
    [InlineData("HostName=a;hostname=b", "twice")]
    [InlineData("hub.example", "Name=")]
    [InlineData("HostName=a;=b", "Name=")]
    [InlineData("HostName=a;garbage", "Name=")]
    public void What_is_wrong_is_said(string? text, string expected)
    {
        ConnectionString.TryParse(text, out var found, out var reason).ShouldBeFalse();
        found.ShouldBeNull();
        reason!.ShouldContain(expected, Case.Insensitive);
    }

    [Fact]
    public void The_text_for_logs_has_no_secret_and_the_revealed_one_reads_back()
    {
        var device = new ConnectionString("hub.example", "c2VjcmV0", DeviceId: "d1", GatewayHostName: "g.example");
        device.ToString().ShouldNotContain("c2VjcmV0");
        $"{device}".ShouldBe("HostName=hub.example;DeviceId=d1;SharedAccessKey=***;GatewayHostName=g.example");
        ConnectionString.TryParse(device.Reveal(), out var again, out _).ShouldBeTrue();
        again.ShouldBe(device);

        var withToken = new ConnectionString("hub.example", DeviceId: "d1", SharedAccessSignature: "SharedAccessSignature sr=a&sig=c2VjcmV0&se=1");
        withToken.ToString().ShouldNotContain("c2VjcmV0");
        ConnectionString.TryParse(withToken.Reveal(), out again, out _).ShouldBeTrue();
        again.ShouldBe(withToken);
    }

    [Fact]
    public void A_reason_repeats_no_value()
    {
        ConnectionString.TryParse("HostName=a;SharedAccessKey=c2VjcmV0;SharedAccessKey=c2VjcmV0", out _, out var reason).ShouldBeFalse();
        reason!.ShouldNotContain("c2VjcmV0");
        ConnectionString.TryParse("c2VjcmV0", out _, out reason).ShouldBeFalse();
        reason!.ShouldNotContain("c2VjcmV0");
    }
}
