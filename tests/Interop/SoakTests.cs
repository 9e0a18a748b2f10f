using Homeport.Tests.Interop.Harness;

namespace Homeport.Tests.Interop;

/// <summary>The soak in a short form; the long one is a verb of the benchmarks.</summary>
public sealed class SoakTests
{
    [Fact]
    public async Task Devices_that_are_cut_off_and_restarted_lose_nothing_and_keep_the_order()
    {
        var result = await ExternalProgram.RunAsync(
            "dotnet", [ServerProcess.Benchmarks, "soak", "--minutes", "0.3", "--devices", "2", "--rate", "100", "--server-dll", ServerProcess.Assembly], TimeSpan.FromMinutes(5));
        result.ExitCode.ShouldBe(0, result.ToString());
        result.Output.ShouldContain("| soak-1, Amqp_Tcp_Only |");
    }
}
