using System.Text.Json.Nodes;
using Homeport.Tpm;
using Homeport.Tpm.Commands;
using Homeport.Tpm.Structures;

namespace Homeport.Tests.Tpm;

/// <summary>The commands that leave this library are, byte for byte, those that a TPM accepted when the vectors were recorded.</summary>
public sealed class TranscriptTests
{
    private const string NoSuchObject = "80010000000a0000028b";

    public static TheoryData<string> Exchanges => Vectors.TpmExchangeNames;

    public static TheoryData<int> Cases => Vectors.Cases;

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void Endorsement_and_storage_root_key_are_made_and_kept_with_the_recorded_commands(int index)
    {
        var tpmCase = Vectors.Case(index);
        var channel = ScriptedChannel.Of(Lines(tpmCase["keySetupTranscript"]!));
        var keys = new TpmKeys(new Tpm2(channel));
        keys.GetEndorsementKey().Name.ShouldBe(tpmCase.Hex("ekName"));
        keys.GetStorageRootKey().Name.ShouldBe(tpmCase.Hex("srkName"));
        channel.Remaining.ShouldBe(0);
    }

    [Fact]
    public void The_template_of_the_C_and_Node_SDKs_gives_the_recorded_key()
    {
        var tpmCase = Vectors.Case(2);
        var creation = Lines(tpmCase["keySetupTranscript"]!).First(static line => line.Request.Contains("000001314000000b", StringComparison.Ordinal));
        var channel = ScriptedChannel.Of(creation, ("80010000000e0000016580000000", "80010000000a00000000"));
        new TpmKeys(new Tpm2(channel)).DeriveEndorsementKey(TemplateForm.EmptyUnique).Name.ShouldBe(tpmCase.Hex("ekName"));
        channel.Remaining.ShouldBe(0);
    }

    [Theory]
    [MemberData(nameof(Exchanges))]
    public void A_blob_is_activated_and_signs_with_the_recorded_commands(string name)
    {
        var exchange = Vectors.Exchanges[name];
        var inputs = exchange["inputs"]!;
        var recorded = exchange["tpm"]!;
        var channel = ScriptedChannel.Of(
            [ReadPublic("81010001", inputs.Base64("ekPub2bBase64")), ReadPublic("81000001", inputs.Base64("srkPub2bBase64")), .. Lines(recorded["transcript"]!)]);
        var keys = new TpmKeys(new Tpm2(channel));
        keys.Activate(exchange.Base64("authenticationKeyBase64"));
        keys.Sign(System.Text.Encoding.ASCII.GetBytes(recorded.Text("hmacMessage"))).ShouldBe(recorded.Hex("hmacResult"));
        channel.Remaining.ShouldBe(0);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_logical_device_is_imprinted_and_read_with_the_recorded_commands(int index)
    {
        var imprint = Vectors.Case(index)["limpetImprint"]!;
        var storageRootKey = Vectors.Case(index)["exchanges"]![0]!["inputs"]!.Base64("srkPub2bBase64");
        var lines = Lines(imprint["transcript"]!);
        var channel = ScriptedChannel.Of(
            [
                .. lines[..2],
                ReadPublic("81000001", storageRootKey),
                .. lines[2..4],
                ("8002000000230000012040000001810001030000000940000009000000000081000103", NoSuchObject),
                .. lines[4..],
            ]);
        var tpm = new Tpm2(channel);
        var storage = new TpmStorage(tpm);
        var content = System.Text.Encoding.UTF8.GetBytes(imprint.Text("nvContentUtf8"));
        storage.Create(0x01400103, content);
        new TpmKeys(tpm).Imprint(imprint.Base64("sharedAccessKeyBase64"), 0x81000103);
        storage.Read(0x01400103).ShouldBe(content);
        channel.Remaining.ShouldBe(0);
    }

    [Theory]
    [InlineData("00000922")]
    [InlineData("00000908")]
    [InlineData("0000090a")]
    [InlineData("00000920")]
    public void A_busy_TPM_is_asked_again_with_the_same_command(string code)
    {
        const string Command = "80010000000c0000017b0004";
        var channel = ScriptedChannel.Of(
            (Command, "80010000000a" + code), (Command, "80010000000a" + code), (Command, "8001000000100000000000040a0b0c0d"));
        new TpmStatus(new Tpm2(channel)).GetRandom(4).ShouldBe([10, 11, 12, 13]);
        channel.Remaining.ShouldBe(0);
    }

    [Fact]
    public void Fewer_random_bytes_than_asked_for_are_completed()
    {
        var channel = ScriptedChannel.Of(
            ("80010000000c0000017b0004", "80010000000f0000000000030a0b0c"), ("80010000000c0000017b0001", "80010000000d0000000000010d"));
        new TpmStatus(new Tpm2(channel)).GetRandom(4).ShouldBe([10, 11, 12, 13]);
    }

    [Fact]
    public void The_session_is_flushed_when_the_credential_is_refused()
    {
        var exchange = Vectors.Exchanges["swtpm-A/1"];
        var inputs = exchange["inputs"]!;
        var lines = Lines(exchange["tpm"]!["transcript"]!);
        var session = lines[0].Response[20..28];
        var channel = ScriptedChannel.Of(
            ReadPublic("81010001", inputs.Base64("ekPub2bBase64")),
            ReadPublic("81000001", inputs.Base64("srkPub2bBase64")),
            lines[0],
            lines[1],
            (lines[2].Request, "80010000000a000001df"),
            ("80010000000e00000165" + session, "80010000000a00000000"));
        var act = () => new TpmKeys(new Tpm2(channel)).Activate(exchange.Base64("authenticationKeyBase64"));
        var error = act.ShouldThrow<TpmException>();
        error.Code.ShouldBe(TpmResponseCode.Integrity);
        error.Message.ShouldContain("TPM2_ActivateCredential: TPM_RC_INTEGRITY (0x1df), parameter 1");
        error.Message.ShouldContain("another TPM or for another storage root key");
        channel.Remaining.ShouldBe(0);
    }

    [Fact]
    public void The_loaded_key_is_flushed_when_it_cannot_be_kept()
    {
        var exchange = Vectors.Exchanges["swtpm-A/1"];
        var inputs = exchange["inputs"]!;
        var lines = Lines(exchange["tpm"]!["transcript"]!);
        var channel = ScriptedChannel.Of(
            [
                ReadPublic("81010001", inputs.Base64("ekPub2bBase64")),
                ReadPublic("81000001", inputs.Base64("srkPub2bBase64")),
                .. lines[..6],
                (lines[6].Request, "80010000000a0000014b"),
                lines[7],
            ]);
        var act = () => new TpmKeys(new Tpm2(channel)).Activate(exchange.Base64("authenticationKeyBase64"));
        act.ShouldThrow<TpmException>().Code.ShouldBe(TpmResponseCode.NvSpace);
        channel.Remaining.ShouldBe(0);
    }

    [Theory]
    [InlineData("8001000000", TpmFailure.Malformed)]
    [InlineData("80010000000b00000000", TpmFailure.Malformed)]
    [InlineData("80010000000a00000000", TpmFailure.Malformed)]
    [InlineData("8001000000110000000000040a0b0c0d0e", TpmFailure.Malformed)]
    [InlineData("8002000000100000000000040a0b0c0d", TpmFailure.Malformed)]
    [InlineData("80010000000f0000000000040a0b0c", TpmFailure.Malformed)]
    [InlineData("80010000000a00000101", TpmFailure.Refused)]
    public void A_response_of_another_form_is_the_typed_failure(string response, TpmFailure failure)
    {
        var channel = ScriptedChannel.Of(("80010000000c0000017b0004", response));
        var act = () => new TpmStatus(new Tpm2(channel)).GetRandom(4);
        act.ShouldThrow<TpmException>().Failure.ShouldBe(failure);
    }

    [Theory]
    [InlineData(0x18Bu, TpmResponseCode.Handle, "TPM_RC_HANDLE (0x18b), handle 1: nothing exists")]
    [InlineData(0x28Bu, TpmResponseCode.Handle, "handle 2")]
    [InlineData(0x3C7u, TpmResponseCode.KeySize, "TPM_RC_KEY_SIZE (0x3c7), parameter 3")]
    [InlineData(0x9A2u, TpmResponseCode.BadAuth, "TPM_RC_BAD_AUTH (0x9a2), session 1")]
    [InlineData(0x98Eu, TpmResponseCode.AuthFail, "TPM_RC_AUTH_FAIL (0x98e), session 1")]
    [InlineData(0x14Cu, TpmResponseCode.NvDefined, "remove it first")]
    [InlineData(0x921u, TpmResponseCode.Lockout, "locked")]
    [InlineData(0x12Fu, TpmResponseCode.AuthUnavailable, "policy session")]
    [InlineData(0x28Au, TpmResponseCode.Type, "--allow-signing")]
    [InlineData(0x000B0143u, TpmResponseCode.CommandCode, "software layer 11")]
    [InlineData(0x0BFu, (TpmResponseCode)0x0BF, "TPM_RC_unnamed (0x0bf)")]
    public void Response_codes_are_named_with_position_and_fix(uint rawCode, TpmResponseCode code, string text)
    {
        TpmErrors.Normalize(rawCode).ShouldBe(code);
        TpmErrors.Describe(rawCode).ShouldContain(text);
    }

    [Fact]
    public void What_is_no_blob_never_reaches_the_TPM()
    {
        var act = () => new TpmKeys(new Tpm2(ScriptedChannel.Of())).Activate([1, 2, 3]);
        act.ShouldThrow<TpmException>().Message.ShouldContain("Field 1 of 6");
    }

    internal static (string Request, string Response) ReadPublic(string handle, byte[] area)
    {
        TpmPublic.TryParse(area, out var key, out var error).ShouldBeTrue(error);
        var body = new TpmWriter().Bytes(area).Sized(key!.Name).Sized(key.Name).ToArray();
        return ("80010000000e00000173" + handle, Convert.ToHexStringLower(new TpmWriter().U16(0x8001).U32((uint)(10 + body.Length)).U32(0).Bytes(body).ToArray()));
    }

    internal static (string Request, string Response)[] Lines(JsonNode transcript)
        => [.. transcript.AsArray().Select(static line => (line!.Text("request"), line!.Text("response")))];
}
