using Homeport.Mqtt;

namespace Homeport.Tests.Mqtt;

/// <summary>CONNECT and CONNACK, MQTT 3.1.1 sections 3.1 and 3.2.</summary>
public sealed class ConnectTests
{
    private const string Good = "'MQTT' 04 c2 003c 'dev1' 'user' 'word'";

    [Theory]
    [InlineData("dev1", "host/dev1/?api-version=2021-04-12", "SharedAccessSignature sr=a&sig=b&se=1", false, 180)]
    [InlineData("dev1/m1", "host/dev1/m1/?api-version=2021-04-12", null, true, 0)]
    [InlineData("", null, null, true, 65535)]
    [InlineData("ä\U0001F4A1", "ü", "ö", false, 1)]
    [InlineData("dev1", "", "", false, 60)]
    public void What_is_written_reads_back(string clientId, string? user, string? password, bool clean, int keepAlive)
    {
        var connect = new ConnectPacket(clientId, user, password, clean, keepAlive);
        Status(connect.ToBytes(), out var again).ShouldBe(ConnectStatus.Ok);
        again.ShouldBe(connect);
    }

    [Fact]
    public void A_CONNECT_of_the_standard_is_read_field_by_field()
    {
        Status(Wire.Packet(0x10, Wire.Bytes("'MQTT' 04 ee 000a 'dev1' 'devices/dev1/messages/events/' 0003 00ff07 'user' 'word'")), out var connect).ShouldBe(ConnectStatus.Ok);
        (connect!.ClientId, connect.UserName, connect.Password, connect.CleanSession, connect.KeepAlive).ShouldBe(("dev1", "user", "word", true, 10));
        var will = connect.Will!;
        (will.Topic, will.Qos, will.Retain).ShouldBe(("devices/dev1/messages/events/", 1, true));
        will.Body.ShouldBe(new byte[] { 0, 0xFF, 7 });
    }

    [Theory]
    [InlineData("'MQTT' 04 c4 003c 'dev1' 't' 0000 'user' 'word'", 0, false)]
    [InlineData("'MQTT' 04 d4 003c 'dev1' 't' 0000 'user' 'word'", 2, false)]
    [InlineData("'MQTT' 04 e4 003c 'dev1' 't' 0000 'user' 'word'", 0, true)]
    public void Wills_have_flags(string body, int qos, bool retain)
    {
        Status(Wire.Packet(0x10, Wire.Bytes(body)), out var connect).ShouldBe(ConnectStatus.Ok);
        (connect!.Will!.Qos, connect.Will.Retain, connect.Will.Body.Length).ShouldBe((qos, retain, 0));
    }

    [Fact]
    public void The_captured_CONNECT_of_a_Node_client_is_read()
    {
        var bytes = Convert.FromHexString(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Fixtures", "node-connect.hex")).Trim());
        Status(bytes, out var connect).ShouldBe(ConnectStatus.Ok);
        connect!.ClientId.ShouldBe("dev1");
        connect.UserName.ShouldBe("localhost/dev1/?api-version=2021-04-12&DeviceClientType=azure-iot-device%2F1.18.4%20(node%20v20.20.2%3B%20Debian%2012%3B%20x64)");
        connect.Password.ShouldBe("SharedAccessSignature sr=localhost%2Fdevices%2Fdev1&sig=L7Wo5B%2B%2F4Cxl2Hfx6X24RcZH5KOtaYNTR3zW0B%2FA2eI%3D&se=1795328459");
        (connect.CleanSession, connect.KeepAlive, connect.Will).ShouldBe((false, 180, null));
        connect.ToBytes().ShouldBe(bytes, "what the client wrote is what we would write");
    }

    [Theory]
    [InlineData("'MQTT' 03 c2 003c 'dev1' 'user' 'word'")]
    [InlineData("'MQTT' 05 c2 003c 00 'dev1' 'user' 'word'")]
    [InlineData("'MQTT' 00")]
    [InlineData("'MQTT' ff")]
    [InlineData("'MQIsdp' 03 c2 003c 'dev1' 'user' 'word'")]
    [InlineData("'MQTT' 84 c2 003c 'dev1' 'user' 'word'")]
    public void Other_versions_are_told_apart_from_garbage(string body) => Status(Wire.Packet(0x10, Wire.Bytes(body)), out _).ShouldBe(ConnectStatus.OtherVersion);

    [Theory]
    [InlineData("", "empty")]
    [InlineData("'MQTX' 04 c2 003c 'dev1' 'user' 'word'", "protocol name")]
    [InlineData("'mqtt' 04 c2 003c 'dev1' 'user' 'word'", "protocol name in small letters")]
    [InlineData("'' 04 c2 003c 'dev1' 'user' 'word'", "no protocol name")]
    [InlineData("ffff 4d515454 04 c2 003c", "protocol name longer than the packet")]
    [InlineData("'MQTT'", "no level")]
    [InlineData("'MQTT' 04 c3 003c 'dev1' 'user' 'word'", "reserved connect flag, MQTT-3.1.2-3")]
    [InlineData("'MQTT' 04 42 003c 'dev1' 'word'", "password without user name, MQTT-3.1.2-22")]
    [InlineData("'MQTT' 04 ca 003c 'dev1' 'user' 'word'", "will QoS without will, MQTT-3.1.2-13")]
    [InlineData("'MQTT' 04 e2 003c 'dev1' 'user' 'word'", "will retain without will, MQTT-3.1.2-15")]
    [InlineData("'MQTT' 04 de 003c 'dev1' 't' 0000 'user' 'word'", "will QoS 3, MQTT-3.1.2-14")]
    [InlineData("'MQTT' 04 c6 003c 'dev1' '' 0000 'user' 'word'", "empty will topic, MQTT-4.7.3-1")]
    [InlineData("'MQTT' 04 c6 003c 'dev1' 'a/+' 0000 'user' 'word'", "wildcard in a will topic, MQTT-4.7.1-1")]
    [InlineData("'MQTT' 04 c6 003c 'dev1' '#' 0000 'user' 'word'", "wildcard in a will topic, MQTT-4.7.1-1")]
    [InlineData("'MQTT' 04 c2 003c 'dev1' 'user' 'word' 00", "bytes behind the end")]
    [InlineData("'MQTT' 04 02 003c 'dev1' 'user' 'word'", "fields that no flag announces")]
    [InlineData("'MQTT' 04 c2 003c 0004 64006531 'user' 'word'", "U+0000 in the client id, MQTT-1.5.3-2")]
    [InlineData("'MQTT' 04 c2 003c 0002 c328 'user' 'word'", "client id is no UTF-8, MQTT-1.5.3-1")]
    [InlineData("'MQTT' 04 c2 003c 0003 eda080 'user' 'word'", "surrogate in the client id, MQTT-1.5.3-1")]
    [InlineData("'MQTT' 04 c2 003c 'dev1' 0002 c0af 'word'", "overlong form in the user name")]
    public void A_malformed_CONNECT_is_refused(string body, string why) => Status(Wire.Packet(0x10, Wire.Bytes(body)), out _).ShouldBe(ConnectStatus.Malformed, why);

    [Theory]
    [InlineData(0x11)]
    [InlineData(0x12)]
    [InlineData(0x18)]
    [InlineData(0x1F)]
    public void Flags_of_the_fixed_header_are_reserved(int first) => Status(Wire.Packet(first, Wire.Bytes(Good)), out _).ShouldBe(ConnectStatus.Malformed);

    [Fact]
    public void Every_cut_CONNECT_is_malformed()
    {
        var body = Wire.Bytes("'MQTT' 04 ee 000a 'dev1' 'devices/dev1/messages/events/' 0003 00ff07 'user' 'word'");
        for (var length = 0; length < body.Length; length++)
            Status(Wire.Packet(0x10, body[..length]), out _).ShouldBe(ConnectStatus.Malformed, $"{length} bytes");
    }

    [Fact]
    public void A_CONNECT_in_two_segments_is_the_same()
    {
        var bytes = new ConnectPacket("dev1", "user", "word", false, 60).ToBytes();
        for (var cut = 0; cut <= bytes.Length; cut++)
        {
            var buffer = Wire.Split(bytes, cut);
            Frame.TryRead(ref buffer, 1024, out var frame).ShouldBe(FrameStatus.Complete);
            ConnectPacket.TryParse(frame, out var connect).ShouldBe(ConnectStatus.Ok);
            connect!.Password.ShouldBe("word");
        }
    }

    [Fact]
    public void The_password_is_in_no_text() => new ConnectPacket("dev1", "user", "secret", false, 60).ToString().ShouldNotContain("secret");

    [Theory]
    [InlineData(false, ConnectReturnCode.Accepted, "20 02 00 00")]
    [InlineData(true, ConnectReturnCode.Accepted, "20 02 01 00")]
    [InlineData(false, ConnectReturnCode.UnacceptableProtocolVersion, "20 02 00 01")]
    [InlineData(false, ConnectReturnCode.IdentifierRejected, "20 02 00 02")]
    [InlineData(false, ConnectReturnCode.ServerUnavailable, "20 02 00 03")]
    [InlineData(false, ConnectReturnCode.BadUserNameOrPassword, "20 02 00 04")]
    [InlineData(false, ConnectReturnCode.NotAuthorized, "20 02 00 05")]
    public void CONNACK_has_four_bytes(bool present, ConnectReturnCode code, string bytes)
    {
        var packet = new ConnackPacket(present, code);
        packet.ToBytes().ShouldBe(Wire.Bytes(bytes));
        ConnackPacket.TryParse(packet.ToBytes().AsSpan(2), out var again).ShouldBeTrue();
        again.ShouldBe(packet);
    }

    [Theory]
    [InlineData("")]
    [InlineData("00")]
    [InlineData("02 00")]
    [InlineData("80 00")]
    [InlineData("00 00 00")]
    public void A_malformed_CONNACK_is_refused(string body) => ConnackPacket.TryParse(Wire.Bytes(body), out _).ShouldBeFalse();

    private static ConnectStatus Status(byte[] packet, out ConnectPacket? connect) => ConnectPacket.TryParse(Wire.Read(packet), out connect);
}
