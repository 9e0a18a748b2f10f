using Homeport.Tpm.Attestation;
using Homeport.Tpm.Structures;

namespace Homeport.Tests.Tpm;

/// <summary>Parsers of untrusted bytes on a fixed number of mutated inputs: they answer true or false, and what they accept encodes to the same bytes.</summary>
public sealed class ParserMutationTests
{
    private const int Rounds = 60_000;

    [Fact]
    public void TpmPublic_never_throws_and_what_it_accepts_round_trips()
    {
        var inputs = Vectors.Root["softwareKeys"]!["inputs"]!;
        byte[][] seeds =
        [
            inputs.Base64("ekPub2bBase64"),
            inputs.Base64("srkPub2bBase64"),
            [0, 48, .. Vectors.Root["genuineAzureBlobs"]![0]!.Hex("idKeyPublic")],
        ];
        var accepted = 0;
        foreach (var bytes in Mutation.Of(seeds, Rounds))
        {
            if (!TpmPublic.TryParse(bytes, out var key, out var error))
            {
                error.ShouldNotBeNullOrEmpty();
                continue;
            }

            accepted++;
            key.Encode().ShouldBe(bytes);
            key.Name.Length.ShouldBeGreaterThan(20);
            _ = TpmKeyCheck.CheckEndorsementKey(key);
            _ = TpmKeyCheck.CheckStorageRootKey(key);
        }

        accepted.ShouldBeInRange(100, Rounds - 100);
    }

    [Fact]
    public void AuthenticationKeyBlob_never_throws_and_what_it_accepts_round_trips()
    {
        byte[][] seeds = [.. Vectors.Exchanges.Values.Take(4).Select(static exchange => exchange.Base64("authenticationKeyBase64"))];
        var accepted = 0;
        foreach (var bytes in Mutation.Of(seeds, Rounds))
        {
            if (!AuthenticationKeyBlob.TryParse(bytes, out var blob, out var error))
            {
                error.ShouldNotBeNullOrEmpty();
                continue;
            }

            accepted++;
            blob.Encode().ShouldBe(bytes);
        }

        accepted.ShouldBeInRange(100, Rounds - 100);
    }

    [Fact]
    public void A_blob_that_lies_about_its_size_costs_no_memory()
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1000; i++)
            AuthenticationKeyBlob.TryParse([0xFF, 0xFF, 1, 2, 3], out _, out _).ShouldBeFalse();
        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBeLessThan(2_000_000);
    }
}

/// <summary>Repeatable mutations: flipped bits, cut ends, repeated and removed parts, boundary values.</summary>
internal static class Mutation
{
    private static readonly byte[] Boundaries = [0x00, 0x01, 0x7F, 0x80, 0xFE, 0xFF];

    public static IEnumerable<byte[]> Of(byte[][] seeds, int count)
    {
        var state = 0x9E3779B97F4A7C15UL;
        int Next(int below)
        {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            return below <= 1 ? 0 : (int)(state % (ulong)below);
        }

        for (var i = 0; i < count; i++)
        {
            var bytes = seeds[Next(seeds.Length)].ToList();
            for (var times = 1 + Next(3); times > 0 && bytes.Count > 0; times--)
            {
                var at = Next(Next(2) == 0 ? bytes.Count : Math.Min(bytes.Count, 24));
                switch (Next(6))
                {
                    case 0: bytes[at] ^= (byte)(1 << Next(8)); break;
                    case 1: bytes[at] = Boundaries[Next(Boundaries.Length)]; break;
                    case 2: bytes.RemoveRange(at, Next(bytes.Count - at)); break;
                    case 3: bytes.InsertRange(at, bytes.GetRange(at, Next(Math.Min(64, bytes.Count - at)))); break;
                    case 4: bytes[at] = (byte)Next(256); break;
                    default: bytes.RemoveAt(at); break;
                }
            }

            yield return [.. bytes];
        }
    }
}
