using System.Collections;
using System.Reflection;
using System.Text;
using Homeport.Contract.Errors;
using Homeport.Hub.Live;
using Homeport.Hub.Methods;
using Homeport.Hub.Registry;

namespace Homeport.Tests.Hub.Methods;

/// <summary>Direct methods between a service and connections that only note what they get.</summary>
public sealed class MethodTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly LiveConnections _live = new();
    private readonly MemoryIdentityStore _store = new();
    private readonly DirectMethods _methods;

    public MethodTests() => _methods = new DirectMethods(_live, new IdentityRegistry(_store, _live, _time), _time);

    [Theory]
    [InlineData("{\"a\":1}", 200, "{\"r\":[1,null]}")]
    [InlineData("null", 404, "null")]
    [InlineData("", 500, "")]
    [InlineData("\"text\"", -1, "\"äöü 🚢\"")]
    [InlineData("1.5", int.MaxValue, " {\"a\" : 1 } ")]
    public async Task A_call_reaches_the_device_and_its_answer_the_caller(string payload, int status, string answer)
    {
        var link = await ConnectAsync("dev1");
        var call = InvokeAsync("dev1", payload);
        var request = link.Requests.Single();
        (request.Name, Encoding.UTF8.GetString(request.Payload.Span)).ShouldBe(("reboot", payload));
        request.Id.ShouldNotBeEmpty();
        request.Id.IndexOfAny(['/', '?', '&', '#', '+', '%', ' ']).ShouldBe(-1, "it stands in a topic as it is");
        call.IsCompleted.ShouldBeFalse();
        _methods.Answer(link, request.Id, status, Encoding.UTF8.GetBytes(answer));
        var result = (await Done(call)).Value!;
        (result.Status, Encoding.UTF8.GetString(result.Payload.Span)).ShouldBe((status, answer));
        ShouldKeepNothing();
    }

    [Fact]
    public async Task A_module_is_called_by_its_own_name()
    {
        var (device, module) = (await ConnectAsync("dev1"), await ConnectAsync("dev1/m1"));
        var call = _methods.InvokeAsync("dev1", "m1", Call(), default);
        device.Requests.ShouldBeEmpty();
        _methods.Answer(module, module.Requests.Single().Id, 200, "1"u8);
        (await Done(call)).Value!.Status.ShouldBe(200);
    }

    [Fact]
    public async Task Answers_are_told_apart_by_id_and_connection()
    {
        var (one, two) = (await ConnectAsync("dev1"), await ConnectAsync("dev2"));
        var calls = new[] { InvokeAsync("dev1"), InvokeAsync("dev1"), InvokeAsync("dev2") };
        string[] ids = [.. one.Requests.Select(r => r.Id), .. two.Requests.Select(r => r.Id)];
        ids.ShouldBeUnique();
        _methods.Answer(two, ids[0], 1, "1"u8);
        _methods.Answer(new FakeLink("dev1"), ids[0], 1, "1"u8);
        _methods.Answer(one, "nonsense", 1, "1"u8);
        _methods.Answer(one, "", 1, "1"u8);
        calls.ShouldAllBe(c => !c.IsCompleted);
        _methods.Answer(one, ids[1], 21, "1"u8);
        _methods.Answer(one, ids[1], 22, "1"u8);
        _methods.Answer(two, ids[2], 31, "1"u8);
        _methods.Answer(one, ids[0], 11, "1"u8);
        (await Task.WhenAll(calls.Select(Done))).Select(o => o.Value!.Status).ShouldBe([11, 21, 31]);
        ShouldKeepNothing();
    }

    [Theory]
    [InlineData(5)]
    [InlineData(30)]
    [InlineData(300)]
    public async Task A_silent_device_is_waited_for_as_long_as_the_call_says(int seconds)
    {
        var link = await ConnectAsync("dev1");
        var call = InvokeAsync("dev1", response: seconds);
        _time.Advance(TimeSpan.FromSeconds(seconds) - TimeSpan.FromMilliseconds(1));
        await StillWaiting(call);
        _time.Advance(TimeSpan.FromMilliseconds(2));
        (await Done(call)).Refusal!.Error.ShouldBe(HubErrors.GatewayTimeout);
        ShouldKeepNothing();
        _methods.Answer(link, link.Requests.Single().Id, 200, "1"u8);
        link.Reason.ShouldBe(CloseReason.None);
    }

    [Fact]
    public async Task A_thousand_calls_that_time_out_leave_nothing_behind()
    {
        var links = new List<FakeLink>();
        for (var i = 0; i < 10; i++)
            links.Add(await ConnectAsync($"dev{i}"));
        var calls = links.SelectMany(l => Enumerable.Range(0, 100).Select(_ => InvokeAsync(l.Key, response: 5))).ToList();
        calls.AddRange(Enumerable.Range(0, 100).Select(i => InvokeAsync($"absent{i}", connect: 5)));
        _time.Advance(TimeSpan.FromSeconds(6));
        var errors = (await Task.WhenAll(calls.Select(Done))).Select(o => o.Refusal!.Error).ToList();
        errors.Count(e => e == HubErrors.GatewayTimeout).ShouldBe(1000);
        ShouldKeepNothing();
        // And the devices take calls as before.
        var next = InvokeAsync("dev3");
        _methods.Answer(links[3], links[3].Requests[^1].Id, 200, "1"u8);
        (await Done(next)).Value!.Status.ShouldBe(200);
    }

    [Fact]
    public async Task A_caller_that_gives_up_leaves_nothing_behind()
    {
        await ConnectAsync("dev1");
        using var stop = new CancellationTokenSource();
        var answered = _methods.InvokeAsync("dev1", null, Call(), stop.Token);
        var connected = _methods.InvokeAsync("dev2", null, Call(connect: 60), stop.Token);
        await stop.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(Done(answered));
        await Should.ThrowAsync<OperationCanceledException>(Done(connected));
        ShouldKeepNothing();
    }

    [Fact]
    public async Task A_late_device_is_met_within_the_connect_time()
    {
        await RegisterAsync("dev1");
        var call = InvokeAsync("dev1", connect: 60);
        _time.Advance(TimeSpan.FromSeconds(59));
        await StillWaiting(call);
        // Connected, and deaf: not there yet.
        var link = new FakeLink("dev1");
        _live.Open(link);
        await StillWaiting(call);
        link.TakesMethods = true;
        _methods.Ready("dev1");
        await Eventually(() => link.Requests.Count == 1);
        // The time for the answer starts now.
        _time.Advance(TimeSpan.FromSeconds(29));
        await StillWaiting(call);
        _methods.Answer(link, link.Requests.Single().Id, 200, default);
        (await Done(call)).Value!.Status.ShouldBe(200);
        ShouldKeepNothing();
    }

    [Fact]
    public async Task A_device_that_comes_too_late_is_not_called()
    {
        await RegisterAsync("dev1");
        var call = InvokeAsync("dev1", connect: 60);
        _time.Advance(TimeSpan.FromSeconds(61));
        (await Done(call)).Refusal!.Error.ShouldBe(HubErrors.DeviceNotOnline);
        var link = await ConnectAsync("dev1", register: false);
        _methods.Ready("dev1");
        link.Requests.ShouldBeEmpty();
        ShouldKeepNothing();
    }

    [Fact]
    public async Task Many_calls_wait_for_one_device_and_all_reach_it()
    {
        await RegisterAsync("dev1");
        await RegisterAsync("dev2");
        var calls = Enumerable.Range(0, 50).Select(_ => InvokeAsync("dev1", connect: 60)).ToList();
        var other = InvokeAsync("dev2", connect: 60);
        var link = await ConnectAsync("dev1", register: false);
        _methods.Ready("dev1");
        await Eventually(() => Count(link) == 50);
        link.Requests.Select(r => r.Id).ShouldBeUnique();
        foreach (var request in link.Requests.ToList())
            _methods.Answer(link, request.Id, 200, default);
        (await Task.WhenAll(calls.Select(Done))).ShouldAllBe(o => o.Refusal == null);
        await StillWaiting(other);
        _time.Advance(TimeSpan.FromSeconds(61));
        (await Done(other)).Refusal!.Error.ShouldBe(HubErrors.DeviceNotOnline);
        ShouldKeepNothing();
    }

    [Fact]
    public async Task A_device_that_goes_before_it_answers_ends_its_calls_and_no_others()
    {
        var (one, two) = (await ConnectAsync("dev1"), await ConnectAsync("dev2"));
        var (first, second, other) = (InvokeAsync("dev1"), InvokeAsync("dev1"), InvokeAsync("dev2"));
        _live.Remove(one);
        _methods.Ended(one);
        (await Done(first)).Refusal!.Error.ShouldBe(HubErrors.DeviceConnectionClosedRemotely);
        (await Done(second)).Refusal!.Error.ShouldBe(HubErrors.DeviceConnectionClosedRemotely);
        await StillWaiting(other);
        _methods.Answer(two, two.Requests.Single().Id, 200, default);
        await Done(other);
        _methods.Ended(one);
        ShouldKeepNothing();
    }

    [Fact]
    public async Task A_connection_that_takes_over_does_not_inherit_the_calls()
    {
        var one = await ConnectAsync("dev1");
        var call = InvokeAsync("dev1");
        var two = await ConnectAsync("dev1", register: false);
        _methods.Ended(one);
        (await Done(call)).Refusal!.Error.ShouldBe(HubErrors.DeviceConnectionClosedRemotely);
        two.Requests.ShouldBeEmpty("the first connection may have run the method");
        var next = InvokeAsync("dev1");
        _methods.Answer(two, two.Requests.Single().Id, 200, default);
        (await Done(next)).Value!.Status.ShouldBe(200);
        ShouldKeepNothing();
    }

    /// <summary>Each cause has its own error and its own words.</summary>
    [Fact]
    public async Task What_is_wrong_with_a_device_is_told_apart()
    {
        await RegisterAsync("never");
        await RegisterAsync("off", enabled: false);
        await RegisterAsync("gone", connected: _time.GetUtcNow());
        (await ConnectAsync("deaf")).TakesMethods = false;
        _time.Advance(TimeSpan.FromHours(1));
        Task<Refusal> Refused(string id) => RefusedAsync(InvokeAsync(id));

        (await Refused("nobody")).Error.ShouldBe(HubErrors.DeviceNotFound);
        (await RefusedAsync(_methods.InvokeAsync("never", "m1", Call(), default))).Error.ShouldBe(HubErrors.ModuleNotFound);
        (await Refused("off")).Error.ShouldBe(HubErrors.DeviceNotFound);
        (await Refused("off")).Seen.ShouldContain("disabled");
        (await Refused("never")).Error.ShouldBe(HubErrors.DeviceNotOnline);
        (await Refused("never")).Seen.ShouldContain("never");
        (await Refused("gone")).Error.ShouldBe(HubErrors.DeviceNotOnline);
        (await Refused("gone")).Seen.ShouldContain("2026-01-01T00:00:00");
        (await Refused("deaf")).Error.ShouldBe(HubErrors.DeviceNotOnline);
        (await Refused("deaf")).Seen.ShouldContain("connected");
        new[] { await Refused("never"), await Refused("gone"), await Refused("deaf") }.Select(r => r.Fix).ShouldBeUnique();
        ShouldKeepNothing();
    }

    [Fact]
    public async Task A_device_disabled_while_a_call_waits_for_it_is_not_called()
    {
        await RegisterAsync("dev1");
        var call = InvokeAsync("dev1", connect: 10);
        await _store.DeleteAsync("dev1", null, null, null, default);
        _time.Advance(TimeSpan.FromSeconds(11));
        (await Done(call)).Refusal!.Error.ShouldBe(HubErrors.DeviceNotFound);
    }

    [Theory]
    [InlineData("", false)]
    [InlineData("a", true)]
    [InlineData("with.dots-and_Letters:1~", true)]
    [InlineData("a/b", false)]
    [InlineData("a?b", false)]
    [InlineData("a#b", false)]
    [InlineData("a+b", false)]
    [InlineData("a\0b", false)]
    public async Task A_name_must_stand_in_a_topic(string name, bool allowed) => await ExpectAsync(Call(name), allowed);

    [Theory]
    [InlineData(4, 0, false)]
    [InlineData(5, 0, true)]
    [InlineData(300, 0, true)]
    [InlineData(301, 0, false)]
    [InlineData(0, 0, false)]
    [InlineData(-5, 0, false)]
    [InlineData(30, -1, false)]
    [InlineData(30, 300, true)]
    [InlineData(30, 301, false)]
    public async Task Times_have_bounds(int response, int connect, bool allowed) => await ExpectAsync(Call(response: response, connect: connect), allowed);

    [Fact]
    public async Task A_payload_has_128_KB_each_way()
    {
        var link = await ConnectAsync("dev1");
        byte[] most = [(byte)'"', .. Enumerable.Repeat((byte)'x', 128 * 1024 - 2), (byte)'"'];
        byte[] more = [.. most, (byte)' '];
        var refusal = await RefusedAsync(_methods.InvokeAsync("dev1", null, Call() with { Payload = more }, default));
        refusal.Error.HttpStatus.ShouldBe(413);
        link.Requests.ShouldBeEmpty();

        var call = _methods.InvokeAsync("dev1", null, Call() with { Payload = most }, default);
        link.Requests.Single().Payload.Length.ShouldBe(128 * 1024);
        _methods.Answer(link, link.Requests.Single().Id, 200, most);
        (await Done(call)).Value!.Payload.Length.ShouldBe(128 * 1024);

        call = InvokeAsync("dev1");
        _methods.Answer(link, link.Requests[^1].Id, 200, more);
        var large = (await Done(call)).Refusal!;
        large.Error.ShouldBe(HubErrors.BadDeviceResponse);
        large.Seen.ShouldContain($"{128 * 1024 + 1}");
    }

    [Theory]
    [InlineData("{")]
    [InlineData("{} {}")]
    [InlineData("text")]
    [InlineData("{'a':1}")]
    [InlineData(" ")]
    [InlineData("[1,]")]
    public async Task An_answer_that_is_no_JSON_is_a_bad_answer_of_the_device(string answer) => await ExpectBadAnswerAsync(Encoding.UTF8.GetBytes(answer));

    [Fact]
    public async Task An_answer_in_broken_utf_8_is_a_bad_answer_of_the_device() => await ExpectBadAnswerAsync([(byte)'"', 0xC3, 0x28, (byte)'"']);

    [Fact]
    public async Task A_payload_in_broken_utf_8_does_not_reach_a_device()
    {
        var link = await ConnectAsync("dev1");
        (await RefusedAsync(_methods.InvokeAsync("dev1", null, Call() with { Payload = new byte[] { (byte)'"', 0xC3, 0x28, (byte)'"' } }, default))).Error.HttpStatus.ShouldBe(400);
        link.Requests.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_device_has_a_bounded_number_of_calls_under_way_and_each_its_own()
    {
        var (one, two) = (await ConnectAsync("dev1"), await ConnectAsync("dev2"));
        var calls = Enumerable.Range(0, DirectMethods.MaxInFlight).Select(_ => InvokeAsync("dev1")).ToList();
        (await RefusedAsync(InvokeAsync("dev1"))).Error.ShouldBe(HubErrors.DeviceMaximumInflightMethodExceeded);
        one.Requests.Count.ShouldBe(DirectMethods.MaxInFlight);
        var other = InvokeAsync("dev2");
        _methods.Answer(two, two.Requests.Single().Id, 200, default);
        (await Done(other)).Refusal.ShouldBeNull();
        // One answer makes room for one call.
        _methods.Answer(one, one.Requests[0].Id, 200, default);
        await Done(calls[0]);
        calls.Add(InvokeAsync("dev1"));
        (await RefusedAsync(InvokeAsync("dev1"))).Error.ShouldBe(HubErrors.DeviceMaximumInflightMethodExceeded);
        foreach (var request in one.Requests.Skip(1).ToList())
            _methods.Answer(one, request.Id, 200, default);
        (await Task.WhenAll(calls.Select(Done))).ShouldAllBe(o => o.Refusal == null);
        ShouldKeepNothing();
    }

    [Fact]
    public async Task Many_threads_call_and_every_caller_gets_the_answer_to_its_own_call()
    {
        for (var i = 0; i < 8; i++)
            await RegisterAsync($"dev{i}");
        var links = Enumerable.Range(0, 8).Select(i => new EchoLink($"dev{i}", _methods)).ToList();
        links.ForEach(_live.Open);
        await Task.WhenAll(Enumerable.Range(0, 16).Select(thread => Task.Run(async () =>
        {
            for (var i = 0; i < 500; i++)
            {
                var payload = $"\"{thread} {i}\"";
                var outcome = await Done(InvokeAsync($"dev{i % 8}", payload));
                Encoding.UTF8.GetString(outcome.Value!.Payload.Span).ShouldBe(payload);
            }
        })));
        ShouldKeepNothing();
    }

    /// <summary>A call that races with its device's end gets an answer or an error, and never waits for its time-out.</summary>
    [Fact]
    public async Task A_call_that_races_with_the_end_of_the_connection_ends()
    {
        await RegisterAsync("dev1");
        for (var round = 0; round < 500; round++)
        {
            var link = new FakeLink("dev1") { TakesMethods = true };
            _live.Open(link);
            var ending = Task.Run(() =>
            {
                _live.Remove(link);
                _methods.Ended(link);
            });
            var outcome = await Done(InvokeAsync("dev1"));
            outcome.Refusal!.Error.ShouldBeOneOf(HubErrors.DeviceConnectionClosedRemotely, HubErrors.DeviceNotOnline);
            await ending;
        }
        ShouldKeepNothing();
    }

    /// <summary>A call that waits races with its device's coming, and never misses it.</summary>
    [Fact]
    public async Task A_call_that_races_with_the_coming_of_its_device_finds_it()
    {
        await RegisterAsync("dev1");
        for (var round = 0; round < 500; round++)
        {
            var link = new EchoLink("dev1", _methods);
            var coming = Task.Run(() =>
            {
                _live.Open(link);
                _methods.Ready("dev1");
            });
            (await Done(InvokeAsync("dev1", "1", connect: 10))).Value!.Status.ShouldBe(200);
            await coming;
            _live.Remove(link);
            _methods.Ended(link);
        }
        ShouldKeepNothing();
    }

    private static MethodCall Call(string name = "reboot", string payload = "{}", int response = 30, int connect = 0)
        => new(name, Encoding.UTF8.GetBytes(payload), TimeSpan.FromSeconds(response), TimeSpan.FromSeconds(connect));

    private static Task<Outcome<MethodResult>> Done(Task<Outcome<MethodResult>> call) => call.WaitAsync(TimeSpan.FromSeconds(20));

    private static async Task<Refusal> RefusedAsync(Task<Outcome<MethodResult>> call) => (await Done(call)).Refusal.ShouldNotBeNull();

    private static async Task StillWaiting(Task call)
    {
        await Task.Delay(20);
        call.IsCompleted.ShouldBeFalse();
    }

    private static int Count(FakeLink link)
    {
        lock (link.Requests)
            return link.Requests.Count;
    }

    private static async Task Eventually(Func<bool> condition)
    {
        for (var i = 0; i < 1000 && !condition(); i++)
            await Task.Delay(10);
        condition().ShouldBeTrue();
    }

    private Task<Outcome<MethodResult>> InvokeAsync(string id, string payload = "{}", int response = 30, int connect = 0) => _methods.InvokeAsync(id, null, Call(payload: payload, response: response, connect: connect), default);

    private async Task RegisterAsync(string key, bool enabled = true, DateTimeOffset? connected = null)
    {
        var names = key.Split('/');
        if (await _store.FindAsync(names[0], names.ElementAtOrDefault(1), default) is not null)
            return;
        (await _store.InsertAsync(
            new Identity
            {
                DeviceId = names[0],
                ModuleId = names.ElementAtOrDefault(1),
                GenerationId = "1",
                Enabled = enabled,
                ConnectionTime = connected,
                Authentication = new Authentication(AuthenticationType.Sas, new byte[32], new byte[32]),
            },
            null, default)).ShouldBeTrue();
    }

    private async Task<FakeLink> ConnectAsync(string key, bool register = true)
    {
        if (register)
            await RegisterAsync(key);
        var link = new FakeLink(key) { TakesMethods = true };
        _live.Open(link);
        return link;
    }

    private async Task ExpectAsync(MethodCall call, bool allowed)
    {
        var link = await ConnectAsync("dev1");
        var outcome = _methods.InvokeAsync("dev1", null, call, default);
        link.Requests.Count.ShouldBe(allowed ? 1 : 0);
        if (allowed)
            _methods.Answer(link, link.Requests[0].Id, 200, default);
        var refusal = (await Done(outcome)).Refusal;
        (refusal is null).ShouldBe(allowed);
        refusal?.Error.ShouldBe(HubErrors.ArgumentInvalid);
    }

    private async Task ExpectBadAnswerAsync(byte[] answer)
    {
        var link = await ConnectAsync("dev1");
        var call = InvokeAsync("dev1");
        _methods.Answer(link, link.Requests.Single().Id, 200, answer);
        var refusal = (await Done(call)).Refusal!;
        refusal.Error.ShouldBe(HubErrors.BadDeviceResponse);
        refusal.Error.HttpStatus.ShouldBe(502);
    }

    /// <summary>All tables of calls, of whatever kind, are empty.</summary>
    private void ShouldKeepNothing()
    {
        foreach (var (name, table) in Tables(_methods))
            table.Cast<object>().Count().ShouldBe(0, name);
    }

    private static IEnumerable<(string Name, IEnumerable Table)> Tables(object owner)
    {
        foreach (var field in owner.GetType().GetFields(BindingFlags.Instance | BindingFlags.NonPublic).Where(f => f.FieldType.Namespace is not "Homeport.Hub.Live" and not "Homeport.Hub.Registry"))
        {
            var value = field.GetValue(owner);
            if (value is IEnumerable table and not string)
            {
                yield return ($"{owner.GetType().Name}.{field.Name}", table);
            }
            else if (value is not null && field.FieldType.Namespace == "Homeport.Hub.Methods")
            {
                foreach (var inner in Tables(value))
                    yield return inner;
            }
        }
    }

    /// <summary>A device that answers at once, on the thread of the call, with what it got.</summary>
    private sealed class EchoLink(string key, DirectMethods methods) : IDeviceLink
    {
        public string Key => key;

        public string? Authority => null;

        public DateTimeOffset LastActivity => default;

        public bool TakesMethods => true;

        public void Close(CloseReason reason)
        {
        }

        public void Invoke(MethodRequest request) => methods.Answer(this, request.Id, 200, request.Payload.Span);

        public void DesiredChanged(Homeport.Hub.Twins.DesiredChange change)
        {
        }

        public void MessagesWaiting()
        {
        }
    }
}
