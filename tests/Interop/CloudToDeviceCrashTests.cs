using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json.Nodes;
using Homeport.Tests.Interop.Harness;

namespace Homeport.Tests.Interop;

/// <summary>
/// Messages to devices over kill -9: every one that the hub took is delivered, and none after its completion was acknowledged.
/// </summary>
public sealed class CloudToDeviceCrashTests : IDisposable
{
    private const int Devices = 6;
    private const int Rounds = 3;
    private const int CompletedPerRound = 150;
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Every_message_that_was_taken_is_delivered_and_none_that_was_completed_comes_again()
    {
        var settings = new ServerSettings(_folder.Path).WithFreePorts();
        var queues = new List<Queue>();
        for (var round = 0; round < Rounds; round++)
        {
            await using var server = await ServerProcess.StartAsync(settings);
            for (var i = queues.Count; i < Devices; i++)
                queues.Add(new Queue(await server.Hub.CreateDeviceAsync($"queue-{i}")));
            var goal = queues.Sum(q => q.Completed.Count) + CompletedPerRound;
            using var stop = new CancellationTokenSource();
            var running = queues.SelectMany(q => (Task[])[q.SendAsync(server, stop.Token), q.ReceiveAsync(server, stop.Token)]).ToList();
            var watch = Stopwatch.StartNew();
            while (queues.Sum(q => q.Completed.Count) < goal)
            {
                watch.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(60), server.Printed);
                await Task.Delay(5, TestContext.Current.CancellationToken);
            }
            await server.KillAsync();
            await stop.CancelAsync();
            await Task.WhenAll(running).WaitAsync(TimeSpan.FromSeconds(70));
        }

        await using var last = await ServerProcess.StartAsync(settings);
        foreach (var queue in queues)
        {
            await queue.DrainAsync(last);
            queue.CameAgain.ShouldBeEmpty($"{queue.Device.Id}: delivered after the completion was acknowledged");
            queue.Sent.Except(queue.Delivered).ShouldBeEmpty($"{queue.Device.Id}: taken and not delivered");
            queue.Completed.Count.ShouldBeGreaterThan(0);
        }
    }

    /// <summary>A service that sends numbers and a device that fetches and completes them.</summary>
    private sealed class Queue(TestDevice device)
    {
        private readonly ConcurrentDictionary<int, bool> _completed = new();
        private int _next;

        public TestDevice Device { get; } = device;

        /// <summary>Numbers that the hub took.</summary>
        public ConcurrentBag<int> Sent { get; } = [];

        public ConcurrentBag<int> Delivered { get; } = [];

        /// <summary>Numbers whose completion the hub acknowledged.</summary>
        public ICollection<int> Completed => _completed.Keys;

        /// <summary>Completed ones that were delivered once more.</summary>
        public ConcurrentBag<int> CameAgain { get; } = [];

        private string Path => $"devices/{Device.Id}/messages/devicebound";

        public Task SendAsync(ServerProcess server, CancellationToken stop) => UntilTheEndAsync(async () =>
        {
            var number = ++_next;
            var answer = await server.Hub.SendAsync(HttpMethod.Post, Path, JsonValue.Create(number));
            if (answer.Status == 204)
                Sent.Add(number);
            else
                answer.Status.ShouldBe(403, "the queue is full");
        }, stop);

        public Task ReceiveAsync(ServerProcess server, CancellationToken stop) => UntilTheEndAsync(async () => await ReceiveOneAsync(server), stop);

        public async Task DrainAsync(ServerProcess server)
        {
            while (await ReceiveOneAsync(server))
            {
            }
        }

        private async Task<bool> ReceiveOneAsync(ServerProcess server)
        {
            var token = SasToken.ForDevice(server.Ready.Hub.HostName, Device.Id, Device.PrimaryKey);
            var message = await server.Hub.SendAsync(HttpMethod.Get, Path, token: token);
            if (message.Status is 204 or 429)
                return message.Status == 429;
            message.Status.ShouldBe(200, message.Body);
            var number = (int)message.Json;
            Delivered.Add(number);
            if (_completed.ContainsKey(number))
                CameAgain.Add(number);
            var completed = await server.Hub.SendAsync(HttpMethod.Delete, $"{Path}/{message.Header("ETag")!.Trim('"')}", token: token);
            completed.Status.ShouldBe(204, completed.Body);
            _completed[number] = true;
            return true;
        }

        private static async Task UntilTheEndAsync(Func<Task> step, CancellationToken stop)
        {
            try
            {
                while (!stop.IsCancellationRequested)
                    await step();
            }
            catch (Exception e) when (e is HttpRequestException or System.Net.Sockets.SocketException)
            {
                // The server was killed.
            }
        }
    }
}
