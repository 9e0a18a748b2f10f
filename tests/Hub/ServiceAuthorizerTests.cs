using Homeport.Contract.Access;
using Homeport.Contract.Errors;
using Homeport.Hub.Access;

namespace Homeport.Tests.Hub;

/// <summary>Who may call the service API.</summary>
public sealed class ServiceAuthorizerTests
{
    private const string Host = "hub.example";
    private readonly FakeTimeProvider _time = new();
    private readonly Dictionary<string, SharedAccessPolicy> _policies = SharedAccessPolicy.HubDefaults().ToDictionary(p => p.Name);
    private readonly ServiceAuthorizer _authorizer;

    public ServiceAuthorizerTests()
        => _authorizer = new ServiceAuthorizer(_policies, new TokenRules(new HashSet<string> { Host }, _time), HubErrors.IotHubUnauthorized, HubErrors.IotHubUnauthorizedAccess);

    // The table of permissions: registry write implies read.
    [Theory]
    [InlineData("iothubowner", Rights.RegistryRead, true)]
    [InlineData("iothubowner", Rights.RegistryWrite, true)]
    [InlineData("iothubowner", Rights.ServiceConnect, true)]
    [InlineData("iothubowner", Rights.DeviceConnect, true)]
    [InlineData("service", Rights.ServiceConnect, true)]
    [InlineData("service", Rights.RegistryRead, false)]
    [InlineData("service", Rights.DeviceConnect, false)]
    [InlineData("device", Rights.DeviceConnect, true)]
    [InlineData("device", Rights.ServiceConnect, false)]
    [InlineData("registryRead", Rights.RegistryRead, true)]
    [InlineData("registryRead", Rights.RegistryWrite, false)]
    [InlineData("registryReadWrite", Rights.RegistryWrite, true)]
    [InlineData("registryReadWrite", Rights.RegistryRead, true)]
    [InlineData("registryReadWrite", Rights.ServiceConnect, false)]
    public void Policies_have_their_documented_rights(string policy, Rights needed, bool allowed)
    {
        foreach (var key in (byte[][])[_policies[policy].PrimaryKey, _policies[policy].SecondaryKey])
        {
            var outcome = _authorizer.Authorize(Token(Host, key, policy), needed, "devices", "dev1");
            if (allowed)
                outcome.Value!.Name.ShouldBe(policy);
            else
                outcome.Refusal!.Error.ShouldBe(HubErrors.IotHubUnauthorizedAccess);
        }
    }

    [Theory]
    [InlineData("hub.example", true)]
    [InlineData("HUB.example:443", true)]
    [InlineData("https://hub.example/", true)]
    [InlineData("hub.example/devices", true)]
    [InlineData("hub.example/devices/dev1", true)]
    [InlineData("hub.example/devices/dev2", false)]
    [InlineData("hub.example/devices/dev1/modules/m1", false)]
    [InlineData("hub.example/twins", false)]
    [InlineData("other.example", false)]
    public void A_token_works_for_its_audience_and_below(string audience, bool allowed)
        => (_authorizer.Authorize(Token(audience, _policies["service"].PrimaryKey, "service"), Rights.ServiceConnect, "devices", "dev1").Refusal is null).ShouldBe(allowed);

    [Theory]
    [InlineData(1, true)]
    [InlineData(-300, true)]
    [InlineData(-301, false)]
    [InlineData(365 * 86400, true)]
    public void Time_counts(int seconds, bool allowed)
        => (_authorizer.Authorize(Token(Host, _policies["service"].PrimaryKey, "service", seconds), Rights.ServiceConnect).Refusal is null).ShouldBe(allowed);

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("Bearer abc")]
    [InlineData("SharedAccessSignature garbage")]
    public void What_is_no_token_is_refused(string? header)
        => _authorizer.Authorize(header, Rights.RegistryRead).Refusal!.Error.ShouldBe(HubErrors.IotHubUnauthorized);

    [Fact]
    public void A_token_needs_a_known_policy_and_its_key()
    {
        var policy = _policies["service"];
        _authorizer.Authorize(Token(Host, policy.PrimaryKey, null), Rights.ServiceConnect).Refusal!.Text.ShouldContain("skn");
        _authorizer.Authorize(Token(Host, policy.PrimaryKey, "nosuch"), Rights.ServiceConnect).Refusal!.Text.ShouldContain("nosuch");
        _authorizer.Authorize(Token(Host, policy.PrimaryKey, "iothubowner"), Rights.ServiceConnect).Refusal!.Error.ShouldBe(HubErrors.IotHubUnauthorized);
        _authorizer.Authorize(Token(Host, policy.PrimaryKey, "SERVICE"), Rights.ServiceConnect).Refusal.ShouldNotBeNull();
    }

    [Fact]
    public void Refusals_keep_keys_to_themselves()
    {
        var refusal = _authorizer.Authorize(Token(Host, new byte[32], "service"), Rights.ServiceConnect).Refusal!;
        var text = refusal + string.Join('|', refusal.Tried!);
        text.ShouldNotContain(Convert.ToBase64String(_policies["service"].PrimaryKey));
        _policies["service"].ToString().ShouldBe("service");
    }

    private string Token(string audience, byte[] key, string? policy, int seconds = 3600) => SharedAccessSignature.Create(audience, key, _time.GetUtcNow().AddSeconds(seconds), policy);
}
