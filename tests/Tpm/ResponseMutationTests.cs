using Homeport.Tpm;
using Homeport.Tpm.Commands;

namespace Homeport.Tests.Tpm;

/// <summary>Responses of a TPM that errs or lies: decoding them ends with a value or a <see cref="TpmException"/>, never with anything else.</summary>
public sealed class ResponseMutationTests
{
    private const int Rounds = 4000;

    [Fact]
    public void No_mutated_response_breaks_a_decoder()
    {
        var recorded = Recorded();
        recorded.Count.ShouldBeGreaterThan(15);
        var refused = 0;
        foreach (var (decode, response) in recorded)
        {
            decode(response);
            foreach (var bytes in Mutation.Of([response], Rounds))
            {
                try
                {
                    decode(bytes);
                }
                catch (TpmException e)
                {
                    e.Failure.ShouldBe(TpmFailure.Malformed);
                    refused++;
                }
            }
        }

        refused.ShouldBeGreaterThan(Rounds);
    }

    private static List<(Action<byte[]> Decode, byte[] Response)> Recorded()
    {
        var tpmCase = Vectors.Case(0);
        var byCommand = new Dictionary<string, byte[]>(StringComparer.Ordinal);
        foreach (var part in (IEnumerable<System.Text.Json.Nodes.JsonNode>)
            [tpmCase["keySetupTranscript"]!, tpmCase["exchanges"]![0]!["tpm"]!["transcript"]!, tpmCase["limpetImprint"]!["transcript"]!])
        {
            foreach (var line in part.AsArray().Where(static line => line!.Text("response").Length > 20 || line!.Text("response").EndsWith("00000000", StringComparison.Ordinal)))
                byCommand[line!.Text("cmd")] = line!.Hex("response");
        }

        var empty = TpmAuthorization.Empty;
        return
        [
            (Decoder(new CreatePrimaryCommand(TpmHandle.Owner, empty, TpmTemplates.HmacKey)), byCommand["CreatePrimary"]),
            (Decoder(new EvictControlCommand(empty, 1, 2)), byCommand["EvictControl"]),
            (Decoder(new FlushContextCommand(1)), byCommand["FlushContext"]),
            (Decoder(new StartPolicySessionCommand(new byte[20])), byCommand["StartAuthSession"]),
            (Decoder(new PolicySecretCommand(1, empty, 2)), byCommand["PolicySecret"]),
            (Decoder(new ActivateCredentialCommand(1, empty, 2, empty, default, default)), byCommand["ActivateCredential"]),
            (Decoder(new ImportCommand(1, empty) { EncryptionKey = default, Public = default, Duplicate = default, Secret = default }), byCommand["Import"]),
            (Decoder(new LoadCommand(1, empty, default, default)), byCommand["Load"]),
            (Decoder(new HmacCommand(1, empty, default)), byCommand["HMAC"]),
            (Decoder(new NvDefineSpaceCommand(empty, new TpmNvPublic(1, TpmNvAttributes.None, 1))), byCommand["NV_DefineSpace"]),
            (Decoder(new NvWriteCommand(1, default, 0)), byCommand["NV_Write"]),
            (Decoder(new CreateCommand(1, empty, default, TpmTemplates.HmacKey)), byCommand["Create"]),
            (Decoder(new NvReadPublicCommand(1)), byCommand["NV_ReadPublic"]),
            (Decoder(new NvReadCommand(1, empty, 1, 1, 0)), byCommand["NV_Read"]),
            (Decoder(new GetRandomCommand(4)), Convert.FromHexString("8001000000100000000000040a0b0c0d")),
            (Decoder(new GetCapabilityCommand(TpmCapability.Handles, 0, 2)), Convert.FromHexString("80010000001b0000000000000000010000000281000001" + "81010001")),
            (Decoder(new GetCapabilityCommand(TpmCapability.Properties, 0, 1)), Convert.FromHexString("80010000001b00000000000000000600000001000001054942" + "4d00")),
            (Decoder(new PcrReadCommand(new PcrSelection(1))), Convert.FromHexString("80010000002000000000" + "00000001" + "00000001000b03010000" + "00000001" + "00020102")),
            (Decoder(new SequenceCompleteCommand(1, default)), Convert.FromHexString("80020000001f000000000000000c0002aabb80244000000700000000010000")),
        ];
    }

    private static Action<byte[]> Decoder<T>(ITpmCommand<T> command) => response => Tpm2.Decode(command, response);
}
