using System.Text.Json.Nodes;
using Homeport.Tests.Interop.Harness;

namespace Homeport.Tests.Interop;

/// <summary>
/// Messages to devices over AMQP and kill -9, sent and completed by rhea: every one that the hub accepted is delivered, and none whose
/// completion it settled comes again.
/// </summary>
public sealed class AmqpCrashTests : IDisposable
{
    private const int Devices = 4;
    private const int Rounds = 2;
    private const int CompletedPerRound = 200;
    private const int NumbersPerRound = 1_000_000;
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Every_message_that_was_accepted_is_delivered_and_none_that_was_settled_comes_again()
    {
        var settings = new ServerSettings(_folder.Path).WithFreePorts();
        var devices = new List<TestDevice>();
        var books = Enumerable.Range(0, Devices).Select(_ => new Book()).ToList();
        for (var round = 0; round < Rounds; round++)
        {
            await using var server = await ServerProcess.StartAsync(settings);
            for (var i = devices.Count; i < Devices; i++)
                devices.Add(await server.Hub.CreateDeviceAsync($"queue-{i}"));
            await using var running = Start(server, devices, books, first: 1 + (round * NumbersPerRound));
            await running.WaitForLineAsync($"\"completed\":{CompletedPerRound}");
            await server.KillAsync();
            Note(books, await running.ResultAsync(TimeSpan.FromSeconds(60)));
        }

        await using var last = await ServerProcess.StartAsync(settings);
        await using var draining = Start(last, devices, books, first: null);
        foreach (var device in devices)
            await EmptyAsync(last, device);
        draining.Stop();
        Note(books, await draining.ResultAsync(TimeSpan.FromSeconds(60)));
        foreach (var book in books)
        {
            book.CameAgain.ShouldBeEmpty("delivered after the completion was settled");
            book.Sent.Except(book.Delivered).ShouldBeEmpty("accepted and not delivered");
            book.Sent.Count.ShouldBeGreaterThan(0);
            book.Completed.Count.ShouldBeGreaterThan(0);
        }
    }

    private static RunningScenario Start(ServerProcess server, List<TestDevice> devices, List<Book> books, int? first)
    {
        var credential = server.Hub.Credential;
        var host = credential.HostName;
        return new NodeClient(server.Ready.CaFile).Start("queue-crash.mjs", new
        {
            host,
            port = server.Ready.Ports.Amqp,
            service = first is null ? null : new { user = $"{credential.Policy}@sas.root.{host.Split('.')[0]}", token = SasToken.ForService(credential) },
            first,
            devices = devices.Select(d => new { id = d.Id, token = SasToken.ForDevice(host, d.Id, d.PrimaryKey) }),
            completed = books.Select(b => b.Completed),
        });
    }

    private static void Note(List<Book> books, JsonNode result)
    {
        for (var i = 0; i < books.Count; i++)
        {
            IEnumerable<int> Numbers(string name) => result[i]![name]!.AsArray().Select(n => (int)n!);
            books[i].Sent.UnionWith(Numbers("sent"));
            books[i].Delivered.UnionWith(Numbers("delivered"));
            books[i].Completed.UnionWith(Numbers("completed"));
            books[i].CameAgain.AddRange(Numbers("again"));
        }
    }

    private static async Task EmptyAsync(ServerProcess server, TestDevice device)
    {
        for (var i = 0; i < 600; i++)
        {
            if ((await server.Hub.SendAsync(HttpMethod.Get, $"homeport/v1/devices/{device.Id}/commands")).Json.AsArray().Count == 0)
                return;
            await Task.Delay(100, TestContext.Current.CancellationToken);
        }
        throw new TimeoutException($"messages of {device.Id} are still in the queue after a minute\n{server.Printed}");
    }

    /// <summary>What service and device know of a queue.</summary>
    private sealed class Book
    {
        public HashSet<int> Sent { get; } = [];

        public HashSet<int> Delivered { get; } = [];

        public HashSet<int> Completed { get; } = [];

        public List<int> CameAgain { get; } = [];
    }
}
