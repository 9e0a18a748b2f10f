using System.Net;
using Homeport.Contract.Access;
using Homeport.Contract.Errors;
using Homeport.Contract.Rest;
using Homeport.Hub.Live;
using Homeport.Hub.Registry;
using Homeport.Hub.Twins;
using Homeport.Provisioning.Allocation;
using Homeport.Provisioning.Attestation;
using Homeport.Provisioning.Attestation.Tpm;
using Homeport.Provisioning.Certificates;
using Homeport.Provisioning.Enrollments;
using Homeport.Provisioning.Lifecycle;
using Homeport.Provisioning.Registrations;
using Homeport.Storage;
using Homeport.Storage.Sqlite;

namespace Homeport.Tests.Provisioning;

/// <summary>The devices of an application over the real store, with a hub and two groups: one lets devices in, the other has them wait.</summary>
public sealed class LifeCycleFixture : IAsyncLifetime
{
    public const string Automatic = "automatic";
    public const string Manual = "manual";
    private const string Operator = "ada";
    private static readonly CancellationToken None = CancellationToken.None;
    private readonly string _folder = Directory.CreateTempSubdirectory("homeport-life-").FullName;
    private readonly byte[] _groupKey = [.. Enumerable.Range(0, 64).Select(i => (byte)i)];
    private SqliteDatabase _database = null!;
    private SecretSeal _seal = null!;
    private int _last;

    internal ManualTime Time { get; } = new();

    internal LiveConnections Live { get; } = new();

    internal SqliteDeviceStore Store { get; private set; } = null!;

    internal IdentityRegistry Registry { get; private set; } = null!;

    internal DeviceTwins Twins { get; private set; } = null!;

    internal EnrollmentService Enrollments { get; private set; } = null!;

    internal RegistrationService Registrations { get; private set; } = null!;

    internal DeviceApproval Approval { get; private set; } = null!;

    internal DeviceLifecycle Lifecycle { get; private set; } = null!;

    internal ConnectionCredentials Connection { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        _database = SqliteDatabase.Open(Path.Combine(_folder, "homeport.db"));
        _seal = SecretSeal.Open(Path.Combine(_folder, "seal.key"));
        Store = new SqliteDeviceStore(_database, "default");
        Registry = new IdentityRegistry(new SqliteIdentityStore(_database, _seal, "hub1"), Live, Time);
        Twins = new DeviceTwins(new SqliteTwinStore(_database, "hub1"), Registry, Live, Time);
        var own = new OwnHub(Registry, Twins);
        var allocator = new HubAllocator([new LinkedHub("hub1.test", own)]);
        Enrollments = new EnrollmentService(new SqliteEnrollmentStore(_database, _seal, "default"), new SqliteEndorsementStore(_database, "default"), allocator, Time);
        var authorities = new ProvisioningAuthorities(new SqliteCertificateStore(_database, "provisioning of default"), new SqliteRevocationStore(_database, "default"), Time);
        Approval = new DeviceApproval(Store, Time);
        Registrations = new RegistrationService(new DeviceAttestation(Enrollments, authorities, new ChallengeKeys(Time), Time), new SqliteRegistrationStore(_database, "default"), allocator, Time) { Approval = Approval };
        Lifecycle = new DeviceLifecycle(Store, own, allocator, Registrations, Enrollments, Time);
        Connection = new ConnectionCredentials(TestApplication.IdScope, Enrollments, authorities);
        await PutGroupAsync(Automatic, "automatic");
        await PutGroupAsync(Manual, "manual");
    }

    /// <summary>An id that no other test uses.</summary>
    public string NewId() => $"d-{Interlocked.Increment(ref _last)}";

    /// <summary>Makes a group; its key is its own.</summary>
    internal async Task PutGroupAsync(string id, string? approval)
    {
        var key = Convert.ToBase64String(DerivedKey.FromGroupKey(_groupKey, id));
        (await Enrollments.PutAsync(EnrollmentKind.Group, id, new EnrollmentDescription
        {
            Attestation = new AttestationDescription { Type = "symmetricKey", SymmetricKey = new SymmetricKeyDescription(key, key) },
            Approval = approval,
        }, IfMatch.Parse("*"), None)).Good();
    }

    /// <summary>A device of a group registers. Gives its result, or the error of the call.</summary>
    internal Task<int> RegisterAsync(string deviceId, string group) => RegisterAsync(deviceId, DerivedKey.FromGroupKey(DerivedKey.FromGroupKey(_groupKey, group), deviceId));

    /// <summary>A device with a key registers. Gives 0 when it is assigned, else the number of the error that it reads.</summary>
    internal async Task<int> RegisterAsync(string deviceId, byte[] key)
    {
        var view = await RegisterForViewAsync(deviceId, key);
        return view.Refusal?.Error.Code ?? view.Value!.Registration.ErrorCode ?? 0;
    }

    internal async Task<Outcome<RegistrationView>> RegisterForViewAsync(string deviceId, byte[] key)
    {
        var call = new RegistrationCall
        {
            IdScope = TestApplication.IdScope,
            RegistrationId = deviceId,
            Authorization = SharedAccessSignature.Create($"{TestApplication.IdScope}/registrations/{deviceId}", key, Time.Now.AddHours(1), "registration"),
            ApiVersion = "2019-03-31",
            Address = IPAddress.Parse("192.0.2.7"),
        };
        if (!(await Registrations.RegisterAsync(call, None)).Succeeded(out var reply, out var refusal))
            return refusal;
        return await Registrations.PollAsync(call, reply.OperationId!, None);
    }

    internal byte[] KeyOf(string group, string deviceId) => DerivedKey.FromGroupKey(DerivedKey.FromGroupKey(_groupKey, group), deviceId);

    /// <summary>Brings a new device into a state: NX, W, R, P, or one of these in B( ).</summary>
    internal async Task<string> PrepareAsync(string state)
    {
        var id = NewId();
        if (state.StartsWith("B(", StringComparison.Ordinal))
        {
            await PrepareAsync(id, state[2..^1]);
            (await Lifecycle.BlockAsync(id, Operator, None)).Good();
        }
        else
        {
            await PrepareAsync(id, state);
        }
        (await StateOfAsync(id)).ShouldBe(state, "the state to begin with");
        return id;
    }

    /// <summary>The state of a device, in the same words.</summary>
    internal async Task<string> StateOfAsync(string id)
    {
        if (await Store.FindAsync(id, None) is not { } device)
            return "NX";
        var below = device with { Blocked = false, Disabled = false };
        var letter = below.Status switch
        {
            DeviceStatus.WaitingForApproval => "W",
            DeviceStatus.Registered => "R",
            _ => "P",
        };
        return device.Status == DeviceStatus.Blocked ? $"B({letter})" : letter;
    }

    private async Task PrepareAsync(string id, string state)
    {
        switch (state)
        {
            case "W":
                (await RegisterAsync(id, Manual)).ShouldBe(ProvisioningErrors.NotAdmitted.Code);
                break;
            case "R":
                (await Lifecycle.CreateAsync(new DeviceFacts { DeviceId = id }, Operator, None)).Good();
                break;
            case "P":
                (await RegisterAsync(id, Automatic)).ShouldBe(0);
                break;
        }
    }

    public ValueTask DisposeAsync()
    {
        _database.Dispose();
        _seal.Dispose();
        Directory.Delete(_folder, recursive: true);
        return ValueTask.CompletedTask;
    }
}
