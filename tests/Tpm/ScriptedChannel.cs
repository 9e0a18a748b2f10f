using Homeport.Tpm.Channels;

namespace Homeport.Tests.Tpm;

/// <summary>Answers exactly the requests of a script, in its order, and fails at the first that differs.</summary>
internal sealed class ScriptedChannel : ITpmChannel
{
    private readonly Queue<(string Request, string Response)> _script = new();

    public string Name => "script";

    public int Remaining => _script.Count;

    public static ScriptedChannel Of(params IEnumerable<(string Request, string Response)> lines)
    {
        var channel = new ScriptedChannel();
        foreach (var line in lines)
            channel._script.Enqueue(line);
        return channel;
    }

    public byte[] Submit(ReadOnlySpan<byte> command)
    {
        _script.Count.ShouldBeGreaterThan(0, $"unexpected command {Convert.ToHexStringLower(command)}");
        var (request, response) = _script.Dequeue();
        Masked(Convert.ToHexStringLower(command)).ShouldBe(Masked(request));
        return Convert.FromHexString(response);
    }

    public void Dispose()
    {
    }

    /// <summary>Hides the 20 random bytes of TPM2_StartAuthSession.</summary>
    private static string Masked(string hex)
        => hex.StartsWith("80010000002f00000176", StringComparison.Ordinal) ? hex[..40] + new string('.', 40) + hex[80..] : hex;
}
