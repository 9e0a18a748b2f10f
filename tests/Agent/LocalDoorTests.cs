using System.Net;
using System.Security.Cryptography;
using System.Text.Json;
using Homeport.Agent.Identity;
using Homeport.Contract.Access;
using Homeport.Contract.Rest;
using Homeport.Device.Identity;

namespace Homeport.Tests.Agent;

/// <summary>What local programs get over the Unix socket.</summary>
public sealed class LocalDoorTests : IAsyncLifetime
{
    private readonly RunningAgent _agent = new(static s => s.Portal.Port = 0);
    private readonly byte[] _key = RandomNumberGenerator.GetBytes(32);

    public async ValueTask InitializeAsync()
    {
        new TpmDevice(0, _agent.Source).Provision(Convert.ToBase64String(_key), "hub.example.test", "pump");
        await _agent.StartAsync();
    }

    public ValueTask DisposeAsync() => _agent.DisposeAsync();

    [Fact]
    public async Task A_token_is_signed_by_the_key_in_the_tpm_and_kept_for_the_next_who_asks()
    {
        var first = await TokenAsync("token?lifetime=600");
        SharedAccessSignature.TryParse(first.Token, out var token, out var reason).ShouldBeTrue(reason);
        token!.IsSignedBy(_key).ShouldBeTrue();
        token.Resource.ShouldBe("hub.example.test/devices/pump");
        (token.Expiry - TimeProvider.System.GetUtcNow().ToUnixTimeSeconds()).ShouldBeInRange(590, 600);
        (await TokenAsync("token?lifetime=600")).ShouldBe(first);
        (await TokenAsync("token?lifetime=700")).Token.ShouldNotBe(first.Token);
        (await _agent.Local.GetStringAsync("token?lifetime=600&format=text")).ShouldBe(first.Token);
        (await _agent.Local.GetStringAsync("token?lifetime=600&format=lines")).ShouldBe($"hostName=hub.example.test\ndeviceId=pump\nexpiry={first.Expiry}\ntoken={first.Token}\n");
    }

    [Fact]
    public async Task A_fresh_token_shows_what_another_program_imprinted()
    {
        await TokenAsync("token");
        new TpmDevice(0, _agent.Source).Provision(Convert.ToBase64String(new byte[32]), "other.example.test", "pump");
        (await TokenAsync("token?fresh=true")).HostName.ShouldBe("other.example.test");
        (await TokenAsync("token")).HostName.ShouldBe("other.example.test");
    }

    [Theory]
    [InlineData("token?device=16", 400, "0 to 15")]
    [InlineData("token?device=-1", 400, "0 to 15")]
    [InlineData("token?lifetime=59", 400, "60 to 86400")]
    [InlineData("token?lifetime=1e9", 400, "60 to 86400")]
    [InlineData("token?device=3", 409, "Logical device 3")]
    [InlineData("tokens", 404, "GET / lists")]
    public async Task What_cannot_be_given_is_refused_by_name_and_fix(string path, int status, string text)
    {
        var answer = await _agent.Local.GetAsync(path);
        ((int)answer.StatusCode).ShouldBe(status);
        var error = JsonSerializer.Deserialize(await answer.Content.ReadAsStringAsync(), AgentJson.Default.AgentError)!;
        error.Message.ShouldContain(text);
        error.Error.ShouldNotBeEmpty();
    }

    [Theory]
    [InlineData("{\"endpoint\":\"https://dps.example\",\"idScope\":\"0ne1\"}", "This is a URL")]
    [InlineData("{\"endpoint\":\"dps.example\"}", "endpoint and idScope")]
    [InlineData("{\"endpoint\":\"dps.example\",\"idScope\":\"0ne/1\"}", "letters and digits")]
    [InlineData("{\"endpoint\":\"dps.example\",\"idScope\":\"0ne1\",\"registrationId\":\"a b\"}", "position 2")]
    [InlineData("{\"unknown\":1}", "unknown")]
    [InlineData("no json", "no JSON")]
    public async Task A_registration_that_cannot_work_is_refused_before_it_begins(string body, string text)
    {
        using var content = new StringContent(body, System.Text.Encoding.UTF8, "application/json");
        var answer = await _agent.Local.PostAsync("registrations", content);
        answer.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        (await answer.Content.ReadAsStringAsync()).ShouldContain(text);
        (await _agent.Local.GetAsync("registrations/current")).StatusCode.ShouldBe(HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task The_status_names_everything_and_holds_no_secret()
    {
        var text = await _agent.Local.GetStringAsync("status");
        var status = JsonSerializer.Deserialize(text, AgentJson.Default.AgentStatus)!;
        status.Tpm.IsSoftware.ShouldBe(true);
        status.Tpm.RegistrationId!.Length.ShouldBe(52);
        status.LogicalDevices.ShouldBe([new AgentLogicalDevice(0, "hub.example.test", "pump", HasKey: true)]);
        text.ShouldNotContain("SharedAccessSignature");
        text.ShouldNotContain("setup code");
    }

    [Fact]
    public async Task Many_who_ask_at_once_share_one_token()
    {
        var tokens = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => TokenAsync("token?lifetime=900")));
        tokens.Distinct().Count().ShouldBe(1);
    }

    [Fact]
    public void A_token_leaves_the_cache_when_half_of_its_life_is_over_or_the_clock_moved()
    {
        var time = new ManualTime();
        var cache = new TokenCache(time);
        var token = new AgentToken("t", time.GetUtcNow().ToUnixTimeSeconds() + 600, "h", "d", "");
        cache.Keep(0, 600, token);
        cache.Find(0, 600).ShouldBe(token);
        time.Now += TimeSpan.FromSeconds(301);
        cache.Find(0, 600).ShouldBeNull();
        time.Now -= TimeSpan.FromDays(365);
        cache.Find(0, 600).ShouldBeNull("a token that ends later than it may was made by another clock");
    }

    private async Task<AgentToken> TokenAsync(string path)
        => JsonSerializer.Deserialize(await _agent.Local.GetStringAsync(path), AgentJson.Default.AgentToken)!;
}

/// <summary>A clock that a test moves.</summary>
internal sealed class ManualTime : TimeProvider
{
    public DateTimeOffset Now { get; set; } = new(2026, 5, 1, 12, 0, 0, TimeSpan.Zero);

    public override DateTimeOffset GetUtcNow() => Now;
}
