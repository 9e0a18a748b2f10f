using Homeport.Tests.Interop.Harness;

namespace Homeport.Tests.Interop;

/// <summary>The command line tool, run as an operator does, against a real server.</summary>
public sealed class ToolTests : IAsyncLifetime
{
    private readonly TempFolder _folder = new();
    private ServerProcess _server = null!;

    public async ValueTask InitializeAsync() => _server = await ServerProcess.StartAsync(new ServerSettings(_folder.Path));

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task Messages_are_read_back_by_partition_and_offset()
    {
        var device = await _server.Hub.CreateDeviceAsync("teller");
        var (wire, _) = await MqttWire.ConnectAsync(_server, device);
        for (var i = 1; i <= 3; i++)
            await wire.PublishAndWaitAsync("teller", $"number {i}", i);
        await wire.DisposeAsync();

        var all = await RunAsync("messages");
        for (var i = 1; i <= 3; i++)
            all.Output.ShouldContain($"number {i}");
        var partition = all.Output.Split(':')[0];
        var rest = await RunAsync("messages", "--partition", partition, "--from", "2", "--json");
        rest.Output.Trim().Split('\n').ShouldHaveSingleItem().ShouldContain("\"offset\":2");
        (await RunAsync("messages", "--from", "latest")).Output.Trim().ShouldBeEmpty();
    }

    [Fact]
    public async Task A_refusal_is_explained_by_its_tracking_id()
    {
        var refused = await _server.Hub.SendAsync(HttpMethod.Get, "devices/nobody");
        var trackingId = ((string)refused.Json["ExceptionMessage"]!).Split("Tracking ID:")[1].Split('-')[0];
        var explained = await RunAsync("explain", trackingId);
        explained.Output.ShouldContain("DeviceNotFound");
        explained.Output.ShouldContain("'nobody'");
        (await RunAsync("explain", "no-such-id", expected: 1)).Error.ShouldContain("There is no explanation");
    }

    private Task<ProgramResult> RunAsync(string command, string argument, int expected) => RunAsync([command, argument], expected);

    private Task<ProgramResult> RunAsync(params string[] arguments) => RunAsync(arguments, 0);

    private async Task<ProgramResult> RunAsync(string[] arguments, int expected)
    {
        var result = await ExternalProgram.RunAsync("dotnet", [ServerProcess.Tool, .. arguments, "--ready-file", _server.ReadyPath], TimeSpan.FromSeconds(30));
        result.ExitCode.ShouldBe(expected, result.Output + result.Error);
        return result;
    }
}
