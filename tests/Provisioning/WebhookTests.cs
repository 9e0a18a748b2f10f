using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Homeport.Contract.Errors;
using Homeport.Contract.Rest;
using Homeport.Hub.Trust;
using Homeport.Provisioning.Allocation;
using Homeport.Provisioning.Registrations;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Homeport.Tests.Provisioning;

/// <summary>Custom allocation by a webhook: the contract of the Azure function, and what happens when it fails, hangs or lies.</summary>
public sealed class WebhookTests : IAsyncLifetime
{
    private readonly TestApplication _app = new("a.test", "b.test");
    private readonly List<JsonNode> _asked = [];
    private WebApplication _web = null!;
    private X509Certificate2 _certificate = null!;
    private Func<HttpContext, Task> _answer = Answer("""{"iotHubHostName":"b.test"}""");
    private string _address = "";

    public async ValueTask InitializeAsync()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        request.CertificateExtensions.Add(names.Build());
        using var made = request.CreateSelfSigned(DateTimeOffset.Now.AddDays(-1), DateTimeOffset.Now.AddDays(1));
        _certificate = X509CertificateLoader.LoadPkcs12(made.Export(X509ContentType.Pkcs12), null);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelHttpsConfiguration().UseKestrel(k => k.Listen(IPAddress.Loopback, 0, l => l.UseHttps(_certificate)));
        _web = builder.Build();
        _web.Run(async context =>
        {
            var body = (await JsonNode.ParseAsync(context.Request.Body, cancellationToken: context.RequestAborted))!;
            lock (_asked)
                _asked.Add(body);
            await _answer(context);
        });
        await _web.StartAsync();
        var port = new Uri(_web.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First()).Port;
        _address = $"https://localhost:{port}/api/allocate?code=secret";
        Use(new WebhookSettings { Networks = [IPNetwork.Parse("127.0.0.0/8"), IPNetwork.Parse("::1/128")], Trust = Trust(), Patience = TimeSpan.FromSeconds(10) });
    }

    public async ValueTask DisposeAsync()
    {
        _app.Webhook?.Dispose();
        await _web.DisposeAsync();
        _certificate.Dispose();
    }

    [Fact]
    public async Task It_is_asked_with_the_enrollment_and_the_device_and_its_answer_counts()
    {
        _answer = Answer("""{"iotHubHostName":"B.test","initialTwin":{"tags":{"by":"webhook"},"properties":{"desired":{"x":1}}},"payload":{"note":[1,2]}}""");
        var call = (await EnrolledAsync()) with { Payload = JsonDocument.Parse("""{"modelId":"dtmi:a;1"}""").RootElement };
        var registration = (await _app.RegisterAsync(call)).Good().Registration;
        registration.AssignedHub.ShouldBe("b.test");
        RegistrationForm.ShowToDevice(new RegistrationView(registration, null)).Payload!.Value.GetRawText().ShouldBe("""{"note":[1,2]}""");
        (await _app.Hub("b.test").ReadTwinAsync("d1", default)).Good().Twin!.Tags!.ToJsonString().ShouldBe("""{"by":"webhook"}""");

        var asked = _asked.Single();
        asked["individualEnrollment"]!["registrationId"]!.GetValue<string>().ShouldBe("d1");
        asked["individualEnrollment"]!["attestation"]!.ToJsonString().ShouldBe("""{"type":"symmetricKey"}""");
        asked["individualEnrollment"]!["customAllocationDefinition"]!["webhookUrl"]!.GetValue<string>().ShouldEndWith("/api/allocate?****");
        asked["enrollmentGroup"].ShouldBeNull();
        asked["deviceRuntimeContext"]!.ToJsonString().ShouldBe("""{"registrationId":"d1","symmetricKey":{},"payload":{"modelId":"dtmi:a;1"}}""");
        asked["linkedHubs"]!.ToJsonString().ShouldBe("""["a.test","b.test"]""");
    }

    [Fact]
    public async Task It_is_asked_again_at_every_registration_with_the_present_hub()
    {
        var call = await EnrolledAsync(new ReprovisionPolicyDescription(false, false));
        (await _app.RegisterAsync(call)).Good();
        _answer = Answer("""{"iotHubHostName":"a.test","payload":"still here"}""");
        var again = (await _app.RegisterAsync(call)).Good().Registration;
        again.AssignedHub.ShouldBe("b.test", "the policy lets it stay");
        again.Payload.ShouldBe("\"still here\"");
        _asked[1]["deviceRuntimeContext"]!["currentIotHubHostName"]!.GetValue<string>().ShouldBe("b.test");
        _asked[1]["deviceRuntimeContext"]!["currentDeviceId"]!.GetValue<string>().ShouldBe("d1");
    }

    public static TheoryData<string, int, string> Failures => new()
    {
        { "401", 400207, "Custom allocation failed with status code: 401" },
        { "500", 400207, "Custom allocation failed with status code: 500" },
        { "redirect", 400207, "Custom allocation failed with status code: 302" },
        { "rubbish", 400207, "not the expected JSON" },
        { """{}""", 400208, "without iotHubHostName" },
        { """{"iotHubHostName":"evil.test"}""", 400207, "'evil.test', which it was not offered" },
        { """{"iotHubHostName":"a.test","initialTwin":{"tags":[]}}""", 400207, "initialTwin that cannot be used" },
        { """{"iotHubHostName":"a.test","payload":"\ud800"}""", 400207, "no Unicode text" },
        { "large", 400207, "cannot be called" },
        { "hang", 400207, "did not answer within 1 seconds" },
        { "cut", 400207, "cannot be called" },
    };

    [Theory]
    [MemberData(nameof(Failures))]
    public async Task What_goes_wrong_fails_the_registration_with_its_cause(string kind, int code, string seen)
    {
        Use(new WebhookSettings { Networks = [IPNetwork.Parse("127.0.0.0/8"), IPNetwork.Parse("::1/128")], Trust = Trust(), Patience = TimeSpan.FromSeconds(kind == "hang" ? 1 : 20) });
        _answer = kind switch
        {
            "401" or "500" => Do(c => c.Response.StatusCode = int.Parse(kind)),
            "redirect" => Do(c => c.Response.Redirect("https://localhost/elsewhere")),
            "large" => Answer($$"""{"iotHubHostName":"a.test","payload":"{{new string('x', 300_000)}}"}"""),
            "hang" => context => Task.Delay(Timeout.Infinite, context.RequestAborted),
            "cut" => Do(c => c.Abort()),
            _ => Answer(kind),
        };
        await FailsAsync(await EnrolledAsync(), code, seen);
    }

    private static Func<HttpContext, Task> Do(Action<HttpContext> act) => context =>
    {
        act(context);
        return Task.CompletedTask;
    };

    [Fact]
    public async Task An_address_inside_of_the_servers_network_is_called_only_where_it_is_allowed()
    {
        Use(new WebhookSettings { Trust = Trust() });
        await FailsAsync(await EnrolledAsync(), 400207, "inside of the server's own network");
        _asked.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_server_that_is_not_trusted_gets_nothing()
    {
        Use(new WebhookSettings { Networks = [IPNetwork.Parse("127.0.0.0/8"), IPNetwork.Parse("::1/128")] });
        await FailsAsync(await EnrolledAsync(), 400207, "SecureConnectionError");
        _asked.ShouldBeEmpty();
    }

    [Theory]
    [InlineData(null, "it is missing")]
    [InlineData("http://example.test/", "it is no https address")]
    [InlineData("file:///etc/passwd", "it is no https address")]
    [InlineData("/api", "it is no https address")]
    [InlineData("https://user:pw@example.test/", "it has a user name")]
    public async Task An_address_that_cannot_be_one_is_refused_with_the_enrollment(string? address, string reason)
    {
        var sent = TestApplication.Individual("d1") with { AllocationPolicy = "custom", CustomAllocationDefinition = new CustomAllocationDescription(address, "2019-03-31") };
        (await _app.PutAsync(sent)).Bad().Seen.ShouldContain(reason);
    }

    [Theory]
    [InlineData("10.1.2.3", false)]
    [InlineData("169.254.169.254", false)]
    [InlineData("::ffff:127.0.0.1", false)]
    [InlineData("64:ff9b::7f00:1", false)]
    [InlineData("fe80::1", false)]
    [InlineData("192.168.7.7", true)]
    [InlineData("20.30.40.50", true)]
    [InlineData("2a01:111::1", true)]
    public void Inner_addresses_are_no_place_for_a_webhook(string address, bool allowed)
        => new WebhookSettings { Networks = [IPNetwork.Parse("192.168.7.0/24")] }.Allows(IPAddress.Parse(address)).ShouldBe(allowed);

    [Fact]
    public async Task A_webhook_that_hangs_holds_up_some_registrations_of_its_own_and_no_others()
    {
        var gate = new TaskCompletionSource();
        _answer = async context =>
        {
            await gate.Task.WaitAsync(context.RequestAborted);
            await Answer("""{"iotHubHostName":"a.test"}""")(context);
        };
        Use(new WebhookSettings { Networks = [IPNetwork.Parse("127.0.0.0/8"), IPNetwork.Parse("::1/128")], Trust = Trust(), Patience = TimeSpan.FromSeconds(30) });
        var group = await _app.EnrollAsync(TestApplication.Group("g1") with { AllocationPolicy = "custom", CustomAllocationDefinition = new CustomAllocationDescription(_address, "2019-03-31") });
        var key = group.Attestation.PrimaryKey!;
        var calls = Enumerable.Range(0, 33).Select(i => _app.Registrations.RegisterAsync(_app.Call($"h{i}", Homeport.Contract.Access.DerivedKey.FromGroupKey(key, $"h{i}")), default)).ToList();
        var first = await Task.WhenAny(calls);
        var refusal = (await first).Bad();
        refusal.Error.ShouldBe(ProvisioningErrors.TooManyRequests);
        refusal.RetryAfter.ShouldNotBeNull();

        var other = await _app.EnrollAsync(TestApplication.Individual("free") with { IotHubHostName = "a.test" });
        (await _app.RegisterAsync(_app.Call("free", other.Attestation.PrimaryKey!))).Good();
        gate.SetResult();
        (await Task.WhenAll(calls)).Count(c => c.Refusal is null).ShouldBe(32);
    }

    private void Use(WebhookSettings settings)
    {
        _app.Webhook?.Dispose();
        _app.Webhook = new AllocationWebhook(settings);
        _app.Link("a.test", "b.test");
    }

    private PeerTrust Trust() => PeerTrust.FromPem(_certificate.ExportCertificatePem());

    private async Task<RegistrationCall> EnrolledAsync(ReprovisionPolicyDescription? policy = null)
    {
        var enrolled = await _app.EnrollAsync(TestApplication.Individual("d1") with
        {
            AllocationPolicy = "custom",
            CustomAllocationDefinition = new CustomAllocationDescription(_address, "2019-03-31"),
            ReprovisionPolicy = policy,
        });
        return _app.Call("d1", enrolled.Attestation.PrimaryKey!);
    }

    private async Task FailsAsync(RegistrationCall call, int code, string seen)
    {
        var reply = (await _app.Registrations.RegisterAsync(call, default)).Good();
        var failure = reply.Failure.ShouldNotBeNull();
        failure.Seen.ShouldContain(seen);
        failure.Error.Code.ShouldBe(code);
        failure.Seen.ShouldNotContain("secret");
        (await _app.Registrations.PollAsync(call, reply.OperationId!, default)).Good().Registration.Status.ShouldBe(RegistrationStatus.Failed);
    }

    private static Func<HttpContext, Task> Answer(string json) => async context =>
    {
        context.Response.ContentType = "application/json";
        await context.Response.Body.WriteAsync(Encoding.UTF8.GetBytes(json), context.RequestAborted);
    };
}
