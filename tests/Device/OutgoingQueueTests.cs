using System.Text;
using Homeport.Device.Client;
using Homeport.Device.Client.Errors;
using Homeport.Device.Queue;
using Microsoft.Extensions.Logging.Abstractions;

namespace Homeport.Tests.Device;

public sealed class OutgoingQueueTests : IDisposable
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(30);

    private readonly string _directory = Directory.CreateTempSubdirectory("queue-test-").FullName;

    private string File => Path.Combine(_directory, "below", "queue.db");

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public async Task What_was_accepted_is_there_after_a_restart_in_order_and_with_properties()
    {
        await using (var queue = Open())
        {
            for (var i = 0; i < 50; i++)
                await queue.AddAsync([Text($"{2 * i}"), Text($"{(2 * i) + 1}")]);
            queue.Status.Messages.ShouldBe(100);
            var page = await queue.ReadAsync(0, 10, long.MaxValue, default);
            await queue.RemoveThroughAsync(page[^1].Number);
        }

        await using (var queue = Open())
        {
            queue.Status.Messages.ShouldBe(90);
            queue.Status.Bytes.ShouldBeGreaterThan(0);
            var page = await queue.ReadAsync(0, 1000, long.MaxValue, default);
            page.Select(m => Body(m)).ShouldBe(Enumerable.Range(10, 90).Select(i => $"{i}"));
            page.Select(m => m.Number).ShouldBe(Enumerable.Range(11, 90).Select(i => (long)i));
            var properties = page[0].Message.Properties().ToDictionary(p => p.Key, p => p.Value);
            properties["p 1"].ShouldBe("ä/&=");
            properties.ShouldContainKey("$.mid");
            properties.ShouldContainKey("$.ctime");
            await queue.RemoveThroughAsync(page[^1].Number);
            queue.Status.ShouldBe(new QueueStatus(0, 0, 0));
            await queue.AddAsync([Text("later")]);
            (await queue.ReadAsync(0, 1, 1, default))[0].Number.ShouldBe(101);
        }
    }

    [Fact]
    public async Task The_file_is_for_its_user_alone_and_for_one_program()
    {
        await using var queue = Open();
        if (!OperatingSystem.IsWindows())
        {
            foreach (var path in new[] { File, Path.GetDirectoryName(File)! })
                (System.IO.File.GetUnixFileMode(path) & (UnixFileMode.GroupRead | UnixFileMode.OtherRead)).ShouldBe(UnixFileMode.None);
        }

        Should.Throw<QueueException>(() => Open()).Failure.ShouldBe(QueueFailure.InUse);
    }

    [Fact]
    public void A_file_that_is_no_queue_is_named()
    {
        Directory.CreateDirectory(Path.GetDirectoryName(File)!);
        System.IO.File.WriteAllText(File, new string('x', 5000));
        var failure = Should.Throw<QueueException>(() => Open());
        failure.Failure.ShouldBe(QueueFailure.Damaged);
        failure.Message.ShouldContain("Move the file away");
        System.IO.File.ReadAllText(File).ShouldBe(new string('x', 5000));
    }

    [Fact]
    public async Task A_full_queue_refuses_and_takes_again_when_there_is_room()
    {
        await using var queue = Open(o => o with { MaxMessages = 3 });
        await queue.AddAsync([Text("0"), Text("1")]);
        (await Should.ThrowAsync<QueueException>(() => queue.AddAsync([Text("2"), Text("3")]))).Failure.ShouldBe(QueueFailure.Full);
        queue.Status.Messages.ShouldBe(2);
        await queue.AddAsync([Text("2")]);
        await queue.RemoveThroughAsync(1);
        await queue.AddAsync([Text("3")]);
        (await Bodies(queue)).ShouldBe(["1", "2", "3"]);
    }

    [Fact]
    public async Task The_oldest_make_room_if_that_is_chosen()
    {
        await using var queue = Open(o => o with { MaxBytes = 5000, WhenFull = QueueFullAction.DropOldest });
        for (var i = 0; i < 20; i++)
            await queue.AddAsync([Text($"{i}".PadRight(900))]);
        queue.Status.Bytes.ShouldBeLessThanOrEqualTo(5000);
        queue.Status.Dropped.ShouldBe(20 - queue.Status.Messages);
        (await Bodies(queue))[^1].Trim().ShouldBe("19");
        (await Should.ThrowAsync<QueueException>(() => queue.AddAsync([Text(new string('x', 6000))]))).Failure.ShouldBe(QueueFailure.Full);
    }

    [Fact]
    public async Task The_newest_are_dropped_if_that_is_chosen()
    {
        await using var queue = Open(o => o with { MaxMessages = 2, WhenFull = QueueFullAction.DropNewest });
        for (var i = 0; i < 5; i++)
            await queue.AddAsync([Text($"{i}")]);
        (await Bodies(queue)).ShouldBe(["0", "1"]);
        queue.Status.Dropped.ShouldBe(3);
    }

    [Fact]
    public async Task Age_is_counted_by_a_clock_that_nobody_sets()
    {
        var time = new ManualTime();
        await using (var queue = Open(o => o with { MaxAge = TimeSpan.FromHours(1) }, time))
        {
            await queue.AddAsync([Text("0")]);
            time.Wall += TimeSpan.FromDays(365);
            await queue.AddAsync([Text("1")]);
            queue.Status.Messages.ShouldBe(2);
            time.Pass(TimeSpan.FromMinutes(50));
            await queue.AddAsync([Text("2")]);
            time.Pass(TimeSpan.FromMinutes(20));
            await queue.AddAsync([Text("3")]);
            (await Bodies(queue)).ShouldBe(["2", "3"]);
            queue.Status.Dropped.ShouldBe(2);
        }

        // Set back by two years while the device was off: nothing is dropped for that; then the time goes on.
        time.Wall -= TimeSpan.FromDays(730);
        await using (var queue = Open(o => o with { MaxAge = TimeSpan.FromHours(1) }, time))
        {
            await queue.AddAsync([Text("4")]);
            (await Bodies(queue)).ShouldBe(["2", "3", "4"]);
            time.Pass(TimeSpan.FromMinutes(45));
            await queue.AddAsync([Text("5")]);
            (await Bodies(queue)).ShouldBe(["3", "4", "5"]);
        }
    }

    [Fact]
    public async Task A_full_disk_refuses_what_is_new_keeps_what_was_accepted_and_heals()
    {
        var accepted = new List<string>();
        await using var queue = OutgoingQueue.Open(new OutgoingQueueOptions(File), TimeProvider.System, NullLogger.Instance, maxPages: 60);
        QueueException? failure = null;
        for (var i = 0; failure is null; i++)
        {
            i.ShouldBeLessThan(10_000);
            try
            {
                await queue.AddAsync([Text($"{i}".PadRight(3000))]);
                accepted.Add($"{i}");
            }
            catch (QueueException e)
            {
                failure = e;
            }
        }

        failure.Failure.ShouldBe(QueueFailure.Disk);
        failure.Message.ShouldContain("free space");
        (await Bodies(queue)).Select(b => b.Trim()).ShouldBe(accepted);
        await queue.RemoveThroughAsync(10);
        await queue.AddAsync([Text("again")]);
        (await Bodies(queue)).Select(b => b.Trim()).ShouldBe([.. accepted.Skip(10), "again"]);
    }

    [Fact]
    public async Task Many_callers_share_commits_and_each_keeps_its_order()
    {
        await using var queue = Open();
        await Task.WhenAll(Enumerable.Range(0, 20).Select(async caller =>
        {
            for (var i = 0; i < 100; i++)
                await queue.AddAsync([Text($"{caller}:{i}")]);
        })).WaitAsync(Soon);
        var bodies = await Bodies(queue);
        bodies.Count.ShouldBe(2000);
        foreach (var caller in bodies.GroupBy(b => b.Split(':')[0]))
            caller.Select(b => int.Parse(b.Split(':')[1])).ShouldBe(Enumerable.Range(0, 100));
    }

    [Fact]
    public async Task A_message_that_no_hub_takes_is_refused_at_once()
    {
        await using var queue = Open();
        await Should.ThrowAsync<MessageTooLargeException>(() => queue.AddAsync([new Message(new byte[300_000])]));
        queue.Status.Messages.ShouldBe(0);
    }

    [Fact]
    public async Task The_file_shrinks_when_the_queue_is_empty()
    {
        await using var queue = Open();
        await queue.AddAsync([.. Enumerable.Range(0, 3000).Select(_ => Text(new string('x', 1000)))]);
        await queue.RemoveThroughAsync(queue.Last);
        var deadline = DateTime.UtcNow + Soon;
        while (new FileInfo(File).Length > 500_000 && DateTime.UtcNow < deadline)
            await Task.Delay(20);
        new FileInfo(File).Length.ShouldBeLessThan(500_000);
    }

    private static Message Text(string text) => new(Encoding.UTF8.GetBytes(text)) { Properties = { ["p 1"] = "ä/&=" } };

    private static string Body(QueuedMessage message) => Encoding.UTF8.GetString(message.Message.Body.Span);

    private static async Task<List<string>> Bodies(OutgoingQueue queue) => [.. (await queue.ReadAsync(0, int.MaxValue, long.MaxValue, default)).Select(Body)];

    private OutgoingQueue Open(Func<OutgoingQueueOptions, OutgoingQueueOptions>? change = null, TimeProvider? time = null)
    {
        var options = new OutgoingQueueOptions(File);
        return OutgoingQueue.Open(change?.Invoke(options) ?? options, time ?? TimeProvider.System, NullLogger.Instance);
    }
}
