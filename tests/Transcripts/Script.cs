using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Homeport.Hub.Limits;
using Homeport.Hub.Registry;

namespace Homeport.Tests.Transcripts;

/// <summary>Runs one transcript against a hub of its own.</summary>
/// <remarks><code>
/// # a comment
/// > packet            the client sends it; the first line of a connection opens it
/// &lt; packet            the server sends it next; * stands for anything; "nothing" for silence
/// ! reason            the server ends the connection for this reason, and had nothing more to say ("unread" after it: it had)
/// b> ... b&lt; ... b! ... a second connection, by any letters
/// * action            advance 90s | disk hangs | disk goes on | disk fails | disable dev1 | delete dev1 | new key dev1 | stop | registry fails | ...
/// = dev1 [p="v"] body the next stored message of dev1
/// ? text              the newest explanation has this text
/// ~ 1001              an error that the server is expected to log, once or more
/// * limit TwinRead 60 restarts with this limit for each device, in a minute
/// * faults on         restarts so that messages may order faults
/// * restart           stops the server and starts another on the same files
/// * twin dev1 {"tags":{}}, * replace twin dev1 {...}, * show twin dev1 {...}
///                     a service patches, replaces, reads a twin; "-> PreconditionFailed" at the end: is refused. Read: desired and reported, each with its version
/// * method dev1 reboot connect=60 response=10 {"delay":5}
///                     a service calls a method (times in seconds, and payload, as wanted); "-> DeviceNotOnline" at the end: is refused at once
/// * result 200 {"r":1}, * result GatewayTimeout, * no result
///                     what the call gave. Letters before the star, as in "b* method", keep several calls apart
/// {rid}               in an expected packet: any text of a topic or name, noted; in a packet to send: what was noted. {x*500} is 500 letters x
/// </code></remarks>
internal sealed partial class Script(HubFixture hub)
{
    private readonly Dictionary<string, Client> _clients = [];
    private readonly Dictionary<string, int> _stored = [];
    private readonly List<int> _expectedProblems = [];
    private readonly Service _service = new(hub);
    private readonly Dictionary<string, string> _noted = [];

    public async Task RunAsync(IEnumerable<string> lines)
    {
        var number = 0;
        foreach (var line in lines)
        {
            number++;
            try
            {
                await RunLineAsync(line);
            }
            catch (Exception e)
            {
                throw new InvalidOperationException($"line {number}, '{line}': {e.Message}\nThe log:\n{string.Join('\n', hub.LogLines)}", e);
            }
        }
        _clients.ShouldBeEmpty("every connection of a transcript has its end");
        _service.OpenCalls.ShouldBe(0, "every call of a transcript has its result");
        hub.OpenConnections.ShouldBe(0);
        hub.Live.Count.ShouldBe(0);
        hub.Problems.Distinct().ShouldBe(_expectedProblems, ignoreOrder: true, string.Join('\n', hub.LogLines));
    }

    private async Task RunLineAsync(string line)
    {
        if (string.IsNullOrWhiteSpace(line) || line[0] == '#')
            return;
        var parts = Line().Match(line);
        parts.Success.ShouldBeTrue("not a line of a transcript");
        var (name, text) = (parts.Groups["name"].Value, parts.Groups["text"].Value);
        switch (parts.Groups["sign"].Value)
        {
            case ">": await SendAsync(name, Filled(text)); break;
            case "<": await ExpectAsync(_clients[name], text); break;
            case "!": await ExpectEndAsync(name, text); break;
            case "*": await ActAsync(name, Filled(text)); break;
            case "=": await ExpectStoredAsync(text); break;
            case "?": hub.Explanations.Newest(1).Single().Refusal.Text.ShouldContain(text, Case.Sensitive); break;
            default: _expectedProblems.Add(int.Parse(text, CultureInfo.InvariantCulture)); break;
        }
    }

    private async Task SendAsync(string name, string text)
    {
        var words = text.Split(' ');
        if (!_clients.TryGetValue(name, out var client))
        {
            var certificate = words is ["open", "certificate", _] ? HubFixture.Certificate(words[2]) : null;
            client = _clients[name] = new Client(hub.Door, certificate);
            if (words is [.., var known] && certificate is not null && !known.StartsWith("stranger", StringComparison.Ordinal))
                await hub.RegisterAsync(known, authentication: new Authentication(AuthenticationType.SelfSigned, null, null, certificate.GetCertHashString()));
        }
        switch (words)
        {
            case ["open", ..]: break;
            case ["end"]: client.Hang(); break;
            case ["repeat", var times, ..]: await client.SendAsync(Repeat(PacketText.Encode(string.Join(' ', words[2..])), times)); break;
            case ["CONNECT", ..]: await client.SendAsync(Connect(words)); break;
            default: await client.SendAsync(PacketText.Encode(text)); break;
        }
    }

    /// <summary><c>CONNECT dev1 user={name} token={which} expires={seconds} keepalive={seconds} clean=1 will={qos}:{topic}</c>, the will saying gone; without options as an SDK does it.</summary>
    private byte[] Connect(string[] words)
    {
        var clientId = words.ElementAtOrDefault(1)?.Trim('\'') ?? "";
        var (user, token, expires, keepAlive) = ($"{HubFixture.Host}/{clientId}/?api-version=2021-04-12&DeviceClientType=test%2F1.0%20(x)", "own", 86400, 180);
        string? will = null;
        var clean = false;
        foreach (var word in words[2..])
        {
            var value = word[(word.IndexOf('=', StringComparison.Ordinal) + 1)..];
            switch (word.Split('=')[0])
            {
                case "user": user = value; break;
                case "token": token = value; break;
                case "expires": expires = int.Parse(value, CultureInfo.InvariantCulture); break;
                case "keepalive": keepAlive = int.Parse(value, CultureInfo.InvariantCulture); break;
                case "will": will = value; break;
                case "clean": clean = value == "1"; break;
                default: throw new InvalidDataException($"'{word}' is no option of CONNECT");
            }
        }
        var ids = clientId.Split('/');
        var audience = $"{HubFixture.Host}/devices/{ids[0]}{(ids.Length > 1 ? "/modules/" + ids[1] : "")}";
        var password = token.Split(':', 2) switch
        {
            ["own"] => hub.Token(audience, HubFixture.KeyOf(clientId), expires),
            ["second"] => hub.Token(audience, HubFixture.KeyOf("second " + clientId), expires),
            ["text"] => hub.Token(audience, Encoding.UTF8.GetBytes(Convert.ToBase64String(HubFixture.KeyOf(clientId))), expires),
            ["of", var other] => hub.Token(audience, HubFixture.KeyOf(other), expires),
            ["audience", var other] => hub.Token(other, HubFixture.KeyOf(clientId), expires),
            ["policy", var policy] => hub.Token(HubFixture.Host, hub.Policies[policy].PrimaryKey, expires, policy),
            ["none"] => null,
            ["empty"] => "",
            _ => token,
        };
        return PacketText.Connect(clientId, user == "none" ? null : user, password, keepAlive, will, clean);
    }

    private async Task ExpectAsync(Client client, string text)
    {
        if (text == "nothing")
        {
            (await client.IsQuietAsync()).ShouldBeTrue("the server sent something");
            return;
        }
        var actual = await client.ReceiveAsync();
        var pattern = Place().Replace(Regex.Escape(Lengthened(text)), "(?<${name}>[^/?&#\\s]+)").Replace("\\*", ".*", StringComparison.Ordinal);
        var match = Regex.Match(actual, $"^{pattern}$", RegexOptions.Singleline, TimeSpan.FromSeconds(5));
        match.Success.ShouldBeTrue($"the server sent '{actual}'");
        foreach (var group in match.Groups.Values.Where(g => char.IsLetter(g.Name[0])))
            _noted[group.Name] = group.Value;
    }

    /// <summary>Puts in what was noted, and the long texts.</summary>
    private string Filled(string text) => _noted.Aggregate(Lengthened(text), (filled, noted) => filled.Replace($"{{{noted.Key}}}", noted.Value, StringComparison.Ordinal));

    private static string Lengthened(string text) => Long().Replace(text, m => new string(m.Groups["letter"].Value[0], int.Parse(m.Groups["count"].Value, CultureInfo.InvariantCulture)));

    private async Task ExpectEndAsync(string name, string text)
    {
        _clients.Remove(name, out var client).ShouldBeTrue();
        var words = text.Split(' ');
        (await client!.EndAsync()).ToString().ShouldBe(words[0]);
        if (words is not [_, "unread"])
            (await client.ReceiveAsync()).ShouldBe("(end)");
    }

    private async Task ActAsync(string name, string text)
    {
        switch (text.Split(' '))
        {
            case ["advance", var time]: hub.Time.Advance(TimeSpan.FromSeconds(int.Parse(time.TrimEnd('s'), CultureInfo.InvariantCulture))); break;
            case ["disk", "hangs"]: hub.Disk.Hang(); break;
            case ["disk", "goes", "on"]: hub.Disk.GoOn(); break;
            case ["disk", "fails"]: hub.Disk.Fail(true); break;
            case ["disk", "mended"]: hub.Disk.Fail(false); break;
            case ["register", var key]: await hub.RegisterAsync(key); break;
            case ["disable", var id]: await DisableAsync(id); break;
            case ["disable", var id, "while", "it", "connects"]: hub.Store.AfterFind = () => DisableAsync(id); break;
            case ["delete", var id, "while", "it", "connects"]: hub.Store.AfterFind = () => DeleteAsync(id); break;
            case ["delete", var id]: await DeleteAsync(id); break;
            case ["new", "key", var id]: await ChangeAsync(id, i => i with { Authentication = new Authentication(AuthenticationType.Sas, HubFixture.KeyOf("new"), HubFixture.KeyOf("new")) }); break;
            case ["rename", "reason", "of", var id]: await ChangeAsync(id, i => i with { StatusReason = "moved" }); break;
            case ["registry", "fails"]: hub.Store.AfterFind = () => throw new InvalidOperationException("a fault made by the test"); break;
            case ["stop"]: await hub.StopAsync(); break;
            case ["restart"]: await hub.RestartAsync(); break;
            case ["faults", "on"]: await hub.TakeFaultsAsync(); break;
            case ["limit", var operation, var perMinute]: await hub.LimitAsync(Enum.Parse<HubOperation>(operation), int.Parse(perMinute, CultureInfo.InvariantCulture)); break;
            case ["enable", var id]: await ChangeAsync(id, i => i with { Enabled = true }); break;
            default: (await _service.TryActAsync(name, text)).ShouldBeTrue("not an action"); break;
        }
    }

    private Task DisableAsync(string id) => ChangeAsync(id, i => i with { Enabled = false });

    private async Task DeleteAsync(string id) => (await hub.Registry.DeleteAsync(id, null, IfMatch.Absent, default)).ShouldBeNull();

    private async Task ChangeAsync(string id, Func<Identity, Identity> change)
    {
        var identity = (await hub.Registry.GetAsync(id, null, default)).Value!;
        (await hub.Registry.PutAsync(change(identity), IfMatch.Parse("*"), default)).Refusal.ShouldBeNull();
    }

    private async Task ExpectStoredAsync(string text)
    {
        var space = text.IndexOf(' ', StringComparison.Ordinal);
        var (key, expected) = (text[..space], text[(space + 1)..]);
        var at = _stored.GetValueOrDefault(key);
        var stored = await hub.StoredAsync(key);
        // A message of quality of service 0 has no acknowledgement to wait for; one that should not be there gets a moment to show up.
        for (var i = 0; i < (expected == "nothing more" ? 10 : 500) && stored.Count <= at; i++)
        {
            await Task.Delay(20);
            stored = await hub.StoredAsync(key);
        }
        if (expected == "nothing more")
        {
            stored.Count.ShouldBe(at);
            return;
        }
        stored.Count.ShouldBeGreaterThan(at, "nothing was stored");
        stored[at].ShouldBe(expected);
        _stored[key] = at + 1;
    }

    private static byte[] Repeat(byte[] bytes, string times) => [.. Enumerable.Repeat(bytes, int.Parse(times, CultureInfo.InvariantCulture)).SelectMany(b => b)];

    [GeneratedRegex("^(?<name>[a-z]*)(?<sign>[><!*=?~]) (?<text>.+)$", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Line();

    [GeneratedRegex(@"\\\{(?<name>[a-z]+)}", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Place();

    [GeneratedRegex(@"\{(?<letter>[a-z])\*(?<count>\d+)}", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Long();
}
