namespace Homeport.Tests.Provisioning;

/// <summary>A clock that a test moves. It starts shortly after the recorded tokens were made.</summary>
internal sealed class ManualTime : TimeProvider
{
    public static readonly DateTimeOffset Start = DateTimeOffset.FromUnixTimeSeconds(1795328000);

    public DateTimeOffset Now { get; set; } = Start;

    public override DateTimeOffset GetUtcNow() => Now;
}
