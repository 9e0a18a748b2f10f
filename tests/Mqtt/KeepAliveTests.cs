using Homeport.Mqtt;

namespace Homeport.Tests.Mqtt;

/// <summary>The longest silence of a client: below, at and above the service's limit.</summary>
public sealed class KeepAliveTests
{
    [Theory]
    [InlineData(1, 1.5)]
    [InlineData(60, 90)]
    [InlineData(1177, 1765.5)]
    [InlineData(1178, 1767)]
    [InlineData(1179, 1767)]
    [InlineData(65_535, 1767)]
    [InlineData(0, 1767)]
    public void A_client_may_be_silent_for_one_and_a_half_times_its_keep_alive_up_to_the_limit(int announced, double seconds)
        => KeepAlive.TimeoutOf(announced).TotalSeconds.ShouldBe(seconds);
}
