using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Homeport.Contract.Access;
using Homeport.Contract.Errors;
using Homeport.Contract.Rest;
using Homeport.Hub.Access;
using Homeport.Hub.Access.Certificates;
using Homeport.Hub.Registry;

namespace Homeport.Tests.Provisioning;

/// <summary>
/// The mistakes that people make: what the first line of the explanation names for each. A row is a mistake, how it is made, and the words
/// that name its cause.
/// </summary>
public sealed class MistakeTests
{
    private static readonly DateTimeOffset Now = ManualTime.Start;
    private static readonly byte[] Wrong = [.. Enumerable.Range(1, 32).Select(i => (byte)i)];

    private static readonly Dictionary<string, (Func<Bench, Task<Refusal>> Make, string Cause)> Rows = new(StringComparer.Ordinal)
    {
        // Registration with a symmetric key.
        ["another key"] = (b => b.RegisterAsync("ind", Wrong), "signed by neither key of the individual enrollment 'ind'"),
        ["no enrollment and no group"] = (b => b.RegisterAsync("nobody", Wrong), "There is no individual enrollment for registration 'nobody'"),
        ["key text not decoded"] = (b => b.RegisterAsync("ind", Text(b.Individual)), "with the Base64 text of the primary key of the individual enrollment 'ind'"),
        ["second key text not decoded"] = (b => b.RegisterAsync("ind", Text(b.IndividualSecond)), "with the Base64 text of the secondary key of the individual"),
        ["the group's key in the device"] = (b => b.RegisterAsync("g-1", b.Group), "by the primary key of the enrollment group 'line' itself"),
        ["the group's second key in the device"] = (b => b.RegisterAsync("g-1", b.GroupSecond), "by the secondary key of the enrollment group 'line' itself"),
        ["derived from the text of the group's key"] = (b => b.RegisterAsync("g-1", Derived(Text(b.Group), "g-1")), "derived from the Base64 text of the primary key"),
        ["derived key not decoded"] = (b => b.RegisterAsync("g-1", Text(Derived(b.Group, "g-1"))), "with the Base64 text of the key derived from the enrollment group"),
        ["derived in capital letters"] = (b => b.RegisterAsync("g-1", Derived(b.Group, "G-1")), "for the id in capital letters"),
        ["derived for another device"] = (b => b.RegisterAsync("g-1", Derived(b.Group, "g-2")), "signed by no key derived from a group key"),
        ["derived although there is an individual enrollment"] = (b => b.RegisterAsync("ind", Derived(b.Group, "ind")), "but there is an individual enrollment 'ind', which goes first"),
        ["a key from before the keys were changed"] = (b => b.StaleAsync(second: false), "by the primary key that it had at its last registration"),
        ["a stale second key"] = (b => b.StaleAsync(second: true), "by the secondary key that it had at its last registration"),
        ["disabled enrollment"] = (b => b.FailureAsync("off", b.Disabled), "individual enrollment 'off', which is disabled"),
        ["disabled group"] = (b => b.DisabledGroupAsync(), "enrollment group 'line', which is disabled"),
        ["expired token"] = (b => b.CallAsync("ind", t => b.Token("ind", b.Individual, TimeSpan.FromMinutes(-30))), "the token expired 00:30:00 ago"),
        ["a clock that is an hour late"] = (b => b.CallAsync("ind", t => b.Token("ind", b.Individual, TimeSpan.FromMinutes(-60 + 5))), "the token expired 00:55:00 ago"),
        ["a token for the hub"] = (b => b.CallAsync("ind", _ => SharedAccessSignature.Create("hub.test/devices/ind", b.Individual, Now.AddHours(1))), "the token is for 'hub.test/devices/ind'"),
        ["a token for another registration"] = (b => b.CallAsync("ind", _ => b.Token("other", b.Individual)), "/registrations/other'"),
        ["a token for another scope"] = (b => b.CallAsync("ind", _ => SharedAccessSignature.Create("0ne99999999/registrations/ind", b.Individual, Now.AddHours(1), "registration")), "the token is for '0ne99999999/registrations/ind'"),
        ["a token of a policy"] = (b => b.CallAsync("ind", _ => SharedAccessSignature.Create($"{TestApplication.IdScope}/registrations/ind", b.Individual, Now.AddHours(1), "provisioningserviceowner")), "the token names the policy 'provisioningserviceowner'"),
        ["no token"] = (b => b.CallAsync("ind", _ => null), "came without a token"),
        ["half a token"] = (b => b.CallAsync("ind", _ => "SharedAccessSignature sr=a&sig=b"), "se"),
        ["a password in place of a token"] = (b => b.CallAsync("ind", _ => "letmein"), "SharedAccessSignature"),
        ["a registration id with a blank"] = (b => b.RegisterAsync("a b", Wrong), "The address cannot be used"),
        ["a registration id that ends with a dot"] = (b => b.RegisterAsync("dot.", Wrong), "The address cannot be used"),
        ["another id in the body"] = (b => Body(b, """{"registrationId":"other"}"""), "another registrationId than the address"),
        ["a body that is no JSON"] = (b => Body(b, "hello"), "The body is not the expected JSON"),
        ["a body that is too long"] = (b => Body(b, new string(' ', 100_000)), "The body has 100000 bytes"),

        // Allocation.
        ["a static policy without a hub any more"] = (b => b.GoneHubAsync(), "The static policy does not name one linked hub"),
        ["a hub that is not linked"] = (b => b.EnrollAsync(TestApplication.Individual("x") with { IotHubs = ["strange.test"] }), "'strange.test' is not linked"),
        ["a webhook without TLS"] = (b => b.EnrollAsync(TestApplication.Individual("x") with { AllocationPolicy = "custom", CustomAllocationDefinition = new CustomAllocationDescription("http://a.test", null) }), "it is no https address"),
        ["no webhook"] = (b => b.EnrollAsync(TestApplication.Individual("x") with { AllocationPolicy = "custom" }), "customAllocationDefinition.webhookUrl: it is missing"),
        ["a policy that is not known"] = (b => b.EnrollAsync(TestApplication.Individual("x") with { AllocationPolicy = "nearest" }), "allocationPolicy: 'nearest' is not known"),
        ["a CA that is not known"] = (b => b.EnrollAsync(TestApplication.Individual("x") with { ClientCertificateIssuancePolicy = new IssuancePolicyDescription("mine") }), "there is no CA 'mine'"),
        ["a certificate request without a policy"] = (b => b.CsrAsync(), "names no CA that issues one"),

        // TPM.
        ["a TPM that is not enrolled"] = (b => b.TpmAsync(), "The TPM with the endorsement key"),
        ["a text that is no endorsement key"] = (b => b.BrokenTpmAsync(), "attestation.tpm.endorsementKey"),

        // The hub's doors, with tokens.
        ["hub: another key"] = (b => b.ConnectAsync("dev1", Bench.HubToken("dev1", Wrong)), "signed with neither of its keys"),
        ["hub: key text not decoded"] = (b => b.ConnectAsync("dev1", Bench.HubToken("dev1", Text(b.Individual))), "signed with the Base64 text of the primary key"),
        ["hub: expired"] = (b => b.ConnectAsync("dev1", Bench.HubToken("dev1", b.Individual, TimeSpan.FromHours(-2))), "the token expired 02:00:00 ago"),
        ["hub: unknown device"] = (b => b.ConnectAsync("dev9", Bench.HubToken("dev9", b.Individual)), "device 'dev9' is not registered"),
        ["hub: other letters"] = (b => b.ConnectAsync("DEV1", Bench.HubToken("DEV1", b.Individual)), "device 'DEV1' is not registered"),
        ["hub: token for another device"] = (b => b.ConnectAsync("dev1", Bench.HubToken("dev2", b.Individual)), "the token is for 'hub.test/devices/dev2'"),
        ["hub: token for another host"] = (b => b.ConnectAsync("dev1", SharedAccessSignature.Create("other.test/devices/dev1", b.Individual, Now.AddHours(1))), "the token is for the host 'other.test'"),
        ["hub: disabled device"] = (b => b.ConnectAsync("blocked", Bench.HubToken("blocked", b.Individual)), "Device 'blocked' is disabled (lost)"),
        ["hub: token of the hub without a policy"] = (b => b.ConnectAsync("dev1", SharedAccessSignature.Create("hub.test", b.Individual, Now.AddHours(1))), "and names no policy"),
        ["hub: policy that is not there"] = (b => b.ConnectAsync("dev1", SharedAccessSignature.Create("hub.test/devices/dev1", b.Individual, Now.AddHours(1), "gateway")), "there is no policy 'gateway'"),
        ["hub: policy with another key"] = (b => b.ConnectAsync("dev1", SharedAccessSignature.Create("hub.test/devices/dev1", Wrong, Now.AddHours(1), "device")), "signature was made by neither key of the policy 'device'"),
        ["hub: policy without the right"] = (b => b.ConnectAsync("dev1", SharedAccessSignature.Create("hub.test/devices/dev1", b.Policies["service"].PrimaryKey, Now.AddHours(1), "service")), "policy 'service' has the rights ServiceConnect"),
        ["hub: token of a device that has a certificate"] = (b => b.ConnectAsync("cert", Bench.HubToken("cert", b.Individual)), "registered with authentication type SelfSigned"),
        ["hub: nothing shown"] = (b => b.ConnectAsync("dev1", (string?)null), "sent neither a token nor a client certificate"),
        ["hub: rubbish as token"] = (b => b.ConnectAsync("dev1", "rubbish"), "SharedAccessSignature"),

        // The hub's doors, with certificates.
        ["hub: another certificate"] = (b => b.ConnectAsync("cert", b.Certificate("cert")), "Thumbprint does not match configuration"),
        ["hub: certificate of a device with keys"] = (b => b.ConnectAsync("dev1", b.Certificate("dev1")), "showed a certificate, but is registered with authentication type Sas"),
        ["hub: expired certificate"] = (b => b.ExpiredAsync(), "the certificate is the one that is registered, but it expired"),
        ["hub: certificate that is not valid yet"] = (b => b.ExpiredAsync(early: true), "but it is not valid before"),
        ["hub: unknown CA"] = (b => b.ConnectAsync("chained", b.Issued("chained", b.StrangeRoot)), "no CA certificate for the issuer 'CN=strange'"),
        ["hub: missing intermediate"] = (b => b.ConnectAsync("chained", b.Issued("chained", b.Intermediate)), "no CA certificate for the issuer 'CN=middle'; the client sent 0"),
        ["hub: unverified root"] = (b => b.ConnectAsync("chained", b.Issued("chained", b.UnverifiedRoot)), "CA 'unverified' issued the certificate, but is not verified"),
        ["hub: common name of another device"] = (b => b.ConnectAsync("chained", b.Issued("other", b.Root)), "the certificate is for the common name 'other'"),
        ["hub: common name in other letters"] = (b => b.ConnectAsync("chained", b.Issued("Chained", b.Root)), "the certificate is for the common name 'Chained'"),
        ["hub: expired leaf below a good CA"] = (b => b.ConnectAsync("chained", b.Issued("chained", b.Root, days: -1)), "it expired at"),

        // Calls of services.
        ["service: no token"] = (b => b.ServiceAsync(null, Rights.RegistryRead), "The header Authorization cannot be used"),
        ["service: token of a device"] = (b => b.ServiceAsync(Bench.HubToken("dev1", b.Individual), Rights.RegistryRead), "The token names no policy"),
        ["service: policy without the right"] = (b => b.ServiceAsync(b.PolicyToken("registryRead"), Rights.RegistryWrite), "Policy 'registryRead' has the rights RegistryRead"),
        ["service: another host"] = (b => b.ServiceAsync(b.PolicyToken("iothubowner", "old.test"), Rights.RegistryRead), "the token is for the host 'old.test'"),
        ["service: expired"] = (b => b.ServiceAsync(b.PolicyToken("iothubowner", life: TimeSpan.FromHours(-1)), Rights.RegistryRead), "the token expired 01:00:00 ago"),
    };

    public static TheoryData<string> Mistakes => [.. Rows.Keys];

    [Fact]
    public void There_are_enough_of_them() => Rows.Count.ShouldBeGreaterThanOrEqualTo(60);

    [Theory]
    [MemberData(nameof(Mistakes))]
    public async Task The_first_line_names_the_cause(string mistake)
    {
        var (make, cause) = Rows[mistake];
        await using var bench = await Bench.OpenAsync();
        var refusal = await make(bench);
        refusal.Seen.ShouldContain(cause, Case.Sensitive);
        refusal.Fix.ShouldNotBeNullOrWhiteSpace();
        foreach (var secret in bench.Secrets)
        {
            foreach (var said in (string[])[refusal.Text, .. refusal.Tried ?? []])
                said.ShouldNotContain(secret);
        }
    }

    private static byte[] Text(byte[] key) => Encoding.ASCII.GetBytes(Convert.ToBase64String(key));

    private static byte[] Derived(byte[] key, string id) => DerivedKey.FromGroupKey(key, id);

    private static Task<Refusal> Body(Bench bench, string body)
        => Task.FromResult(bench.App.Call("ind", bench.Individual).WithBody(Encoding.UTF8.GetBytes(body)).Bad());

    /// <summary>An application and a hub in which everything is right, until a row makes its mistake.</summary>
    private sealed class Bench : IAsyncDisposable
    {
        private readonly MemoryIdentityStore _devices = new();
        private readonly CaStore _authorities = new();
        private readonly List<IDisposable> _certificates = [];
        private DeviceAuthenticator _authenticator = null!;
        private ServiceAuthorizer _authorizer = null!;

        public TestApplication App { get; } = new("hub1.test", "hub2.test");

        public byte[] Individual { get; private set; } = [];

        public byte[] IndividualSecond { get; private set; } = [];

        public byte[] Disabled { get; private set; } = [];

        public byte[] Group { get; private set; } = [];

        public byte[] GroupSecond { get; private set; } = [];

        public Dictionary<string, SharedAccessPolicy> Policies { get; } = SharedAccessPolicy.HubDefaults().ToDictionary(p => p.Name);

        public X509Certificate2 Root { get; private set; } = null!;

        public X509Certificate2 Intermediate { get; private set; } = null!;

        public X509Certificate2 StrangeRoot { get; private set; } = null!;

        public X509Certificate2 UnverifiedRoot { get; private set; } = null!;

        public IEnumerable<string> Secrets => new[] { Individual, IndividualSecond, Disabled, Group, GroupSecond }.Select(Convert.ToBase64String);

        public static async Task<Bench> OpenAsync()
        {
            var bench = new Bench();
            var individual = (await bench.App.EnrollAsync(TestApplication.Individual("ind"))).Attestation;
            (bench.Individual, bench.IndividualSecond) = (individual.PrimaryKey!, individual.SecondaryKey!);
            bench.Disabled = (await bench.App.EnrollAsync(TestApplication.Individual("off") with { ProvisioningStatus = "disabled" })).Attestation.PrimaryKey!;
            var group = (await bench.App.EnrollAsync(TestApplication.Group("line"))).Attestation;
            (bench.Group, bench.GroupSecond) = (group.PrimaryKey!, group.SecondaryKey!);
            await bench.FillHubAsync();
            return bench;
        }

        public ValueTask DisposeAsync()
        {
            _certificates.ForEach(c => c.Dispose());
            return ValueTask.CompletedTask;
        }

        public string Token(string id, byte[] key, TimeSpan? life = null) => App.Token(id, key, life);

        public static string HubToken(string id, byte[] key, TimeSpan? life = null) => SharedAccessSignature.Create($"hub.test/devices/{id}", key, Now + (life ?? TimeSpan.FromHours(1)));

        public string PolicyToken(string name, string host = "hub.test", TimeSpan? life = null)
            => SharedAccessSignature.Create(host, Policies[name].PrimaryKey, Now + (life ?? TimeSpan.FromHours(1)), name);

        public async Task<Refusal> RegisterAsync(string id, byte[] key) => (await App.Registrations.RegisterAsync(App.Call(id, key), default)).Bad();

        public async Task<Refusal> CallAsync(string id, Func<string, string?> token)
            => (await App.Registrations.RegisterAsync(App.Call(id, Individual) with { Authorization = token(id) }, default)).Bad();

        public async Task<Refusal> FailureAsync(string id, byte[] key) => (await App.Registrations.RegisterAsync(App.Call(id, key), default)).Good().Failure.ShouldNotBeNull();

        public async Task<Refusal> EnrollAsync(EnrollmentDescription sent) => (await App.PutAsync(sent)).Bad();

        public async Task<Refusal> StaleAsync(bool second)
        {
            (await App.RegisterAsync(App.Call("ind", Individual))).Good();
            var changed = new SymmetricKeyDescription(Convert.ToBase64String(Wrong), Convert.ToBase64String(Wrong));
            await App.EnrollAsync(TestApplication.Individual("ind", new AttestationDescription { Type = "symmetricKey", SymmetricKey = changed }), "*");
            return await RegisterAsync("ind", second ? IndividualSecond : Individual);
        }

        public async Task<Refusal> DisabledGroupAsync()
        {
            await App.EnrollAsync(TestApplication.Group("line") with { ProvisioningStatus = "disabled" }, "*");
            return await FailureAsync("g-1", Derived(Group, "g-1"));
        }

        public async Task<Refusal> GoneHubAsync()
        {
            await App.EnrollAsync(TestApplication.Individual("ind") with { IotHubHostName = "hub2.test" }, "*");
            App.Link("hub1.test");
            return await FailureAsync("ind", Individual);
        }

        public async Task<Refusal> CsrAsync()
        {
            using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
            var request = new CertificateRequest("CN=ind", key, HashAlgorithmName.SHA256).CreateSigningRequest();
            return (await App.Registrations.RegisterAsync(App.Call("ind", Individual) with { CertificateRequest = request }, default)).Bad();
        }

        public async Task<Refusal> TpmAsync()
        {
            var tpm = SoftwareTpm.Known;
            var call = await App.AnswerAsync(TestApplication.Call("tpm", tpm), tpm);
            return (await App.Registrations.RegisterAsync(call, default)).Bad();
        }

        public Task<Refusal> BrokenTpmAsync()
            => EnrollAsync(TestApplication.Individual("tpm", new AttestationDescription { Type = "tpm", Tpm = new TpmAttestationDescription(Convert.ToBase64String(Wrong)) }));

        public Task<Refusal> ConnectAsync(string id, string? token) => ConnectAsync(new DeviceCredentials(id, null, token, null));

        public Task<Refusal> ConnectAsync(string id, X509Certificate2 certificate) => ConnectAsync(new DeviceCredentials(id, null, null, certificate));

        public async Task<Refusal> ExpiredAsync(bool early = false)
        {
            var certificate = Certificate("late", early ? 2 : -10, early ? 20 : -1);
            await AddAsync("late", new Authentication(AuthenticationType.SelfSigned, PrimaryThumbprint: certificate.GetCertHashString(HashAlgorithmName.SHA256)));
            return await ConnectAsync("late", certificate);
        }

        public Task<Refusal> ServiceAsync(string? token, Rights needed) => Task.FromResult(_authorizer.Authorize(token, needed).Bad());

        public X509Certificate2 Certificate(string name, int from = -1, int to = 10) => Keep(Request(name, false, out _).CreateSelfSigned(Now.AddDays(from), Now.AddDays(to)));

        public X509Certificate2 Issued(string name, X509Certificate2 issuer, int days = 5)
        {
            using var key = issuer.GetECDsaPrivateKey()!;
            return Keep(Request(name, false, out _).Create(issuer.SubjectName, X509SignatureGenerator.CreateForECDsa(key), Now.AddDays(-8), Now.AddDays(days), RandomNumberGenerator.GetBytes(8)));
        }

        private async Task FillHubAsync()
        {
            var keys = new Authentication(AuthenticationType.Sas, Individual, IndividualSecond);
            await AddAsync("dev1", keys);
            await AddAsync("dev2", keys);
            await _devices.InsertAsync(new Identity { DeviceId = "blocked", GenerationId = "1", Authentication = keys, Enabled = false, StatusReason = "lost" }, null, default);
            await AddAsync("cert", new Authentication(AuthenticationType.SelfSigned, PrimaryThumbprint: new string('A', 64)));
            await AddAsync("chained", new Authentication(AuthenticationType.CertificateAuthority));
            Root = Authority("root", null);
            Intermediate = Authority("middle", Root);
            StrangeRoot = Authority("strange", null);
            UnverifiedRoot = Authority("unproved", null);
            _authorities.Add("root", Root, verified: true);
            _authorities.Add("unverified", UnverifiedRoot, verified: false);
            var rules = new TokenRules(new HashSet<string> { "hub.test" }, App.Time);
            _authenticator = new DeviceAuthenticator(_devices, Policies, rules, _authorities);
            _authorizer = new ServiceAuthorizer(Policies, rules, HubErrors.IotHubUnauthorized, HubErrors.IotHubUnauthorizedAccess);
        }

        private Task AddAsync(string id, Authentication authentication)
            => _devices.InsertAsync(new Identity { DeviceId = id, GenerationId = "1", Authentication = authentication }, null, default);

        private async Task<Refusal> ConnectAsync(DeviceCredentials shown) => (await _authenticator.AuthenticateAsync(shown, default)).Bad();

        private X509Certificate2 Authority(string name, X509Certificate2? issuer)
        {
            var request = Request(name, true, out var key);
            if (issuer is null)
                return Keep(request.CreateSelfSigned(Now.AddDays(-10), Now.AddDays(50)));
            using var issuerKey = issuer.GetECDsaPrivateKey()!;
            using var issued = request.Create(issuer.SubjectName, X509SignatureGenerator.CreateForECDsa(issuerKey), Now.AddDays(-9), Now.AddDays(40), RandomNumberGenerator.GetBytes(8));
            return Keep(issued.CopyWithPrivateKey(key));
        }

        private CertificateRequest Request(string name, bool isAuthority, out ECDsa key)
        {
            key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
            _certificates.Add(key);
            var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
            request.CertificateExtensions.Add(new X509BasicConstraintsExtension(isAuthority, false, 0, true));
            request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
            return request;
        }

        private X509Certificate2 Keep(X509Certificate2 certificate)
        {
            _certificates.Add(certificate);
            return certificate;
        }
    }

    private sealed class CaStore : ICertificateStore
    {
        private readonly List<CaCertificate> _entries = [];

        public void Add(string name, X509Certificate2 certificate, bool verified)
            => _entries.Add(new CaCertificate { Name = name, ETag = "1", Certificate = certificate.RawData, Verified = verified, Created = Now, Updated = Now });

        public Task<CaCertificate?> FindAsync(string name, CancellationToken token) => Task.FromResult(_entries.FirstOrDefault(e => e.Name == name));

        public Task<IReadOnlyList<CaCertificate>> ListAsync(CancellationToken token) => Task.FromResult<IReadOnlyList<CaCertificate>>(_entries);

        public Task<bool> InsertAsync(CaCertificate certificate, int max, CancellationToken token) => throw new NotSupportedException();

        public Task<bool> ReplaceAsync(CaCertificate certificate, string etag, CancellationToken token) => throw new NotSupportedException();

        public Task<bool> DeleteAsync(string name, string etag, CancellationToken token) => throw new NotSupportedException();
    }
}
