using System.Text.Json;
using Homeport.Provisioning.Enrollments;
using Homeport.Provisioning.Registrations;
using Homeport.Storage;
using Homeport.Storage.Sqlite;

namespace Homeport.Tests.Provisioning;

/// <summary>What every store of enrollments and registration records does.</summary>
public abstract class StoreTests
{
    private static readonly CancellationToken None = CancellationToken.None;
    private static readonly DateTimeOffset Time = DateTimeOffset.FromUnixTimeMilliseconds(1795328000123);

    protected abstract IEnrollmentStore Enrollments(string application);

    protected abstract IRegistrationStore Registrations(string application);

    /// <summary>Certificates that are kept beside their enrollments, and have to go with them.</summary>
    protected virtual int CertificatesLeft() => 0;

    [Fact]
    public async Task An_enrollment_comes_back_whole_in_any_letter_case()
    {
        var store = Enrollments("a");
        var wanted = Enrollment("Device-1");
        (await store.InsertAsync(wanted, 10, None)).ShouldBe(InsertResult.Added);
        var found = (await store.FindAsync(EnrollmentKind.Individual, "dEVICE-1", None)).ShouldNotBeNull();
        found.Id.ShouldBe("Device-1");
        found.ETag.ShouldBe(wanted.ETag);
        found.Created.ShouldBe(Time);
        found.Updated.ShouldBe(Time.AddSeconds(1));
        found.Attestation.Type.ShouldBe(AttestationType.Tpm);
        found.Attestation.PrimaryKey.ShouldBe(wanted.Attestation.PrimaryKey);
        found.Attestation.SecondaryKey.ShouldBe(wanted.Attestation.SecondaryKey);
        found.Attestation.EndorsementKey.ShouldBe(wanted.Attestation.EndorsementKey);
        found.Attestation.StorageRootKey.ShouldBe(wanted.Attestation.StorageRootKey);
        Text(found.Settings).ShouldBe(Text(wanted.Settings));
        (await store.FindAsync(EnrollmentKind.Group, "device-1", None)).ShouldBeNull();
    }

    [Fact]
    public async Task Certificates_come_back_with_their_enrollment_are_exchanged_and_go_with_it()
    {
        var store = Enrollments("a");
        var attestation = new AttestationMechanism(AttestationType.X509, Certificates: new EnrolledCertificates(CertificateUse.Client, [1, 2, 3], [4, 5, 6]));
        var chip = new AttestationMechanism(
            AttestationType.Tpm, EndorsementKey: [9], Certificates: new EnrolledCertificates(CertificateUse.Reference, PrimaryName: "maker"), Tpm: new EnrolledTpm { Certificate = [7, 8], OtherEndorsementKeys = [[6]] });
        await store.InsertAsync(Enrollment("d1") with { Attestation = attestation }, 10, None);
        await store.InsertAsync(Enrollment("d2") with { Attestation = chip }, 10, None);
        await store.InsertAsync(Enrollment("d3") with { Attestation = attestation with { Certificates = new EnrolledCertificates(CertificateUse.Signing, null, [1]) } }, 10, None);
        var listed = await store.ListAsync(EnrollmentKind.Individual, null, 10, None);
        listed.Select(e => e.Attestation.Certificates!.Primary).ShouldBe([[1, 2, 3], null, null]);
        listed.Select(e => e.Attestation.Certificates!.Secondary).ShouldBe([[4, 5, 6], null, [1]]);
        listed[1].Attestation.Certificates!.PrimaryName.ShouldBe("maker");
        listed[1].Attestation.Tpm!.Certificate.ShouldBe([7, 8]);
        listed[1].Attestation.Tpm!.OtherEndorsementKeys.ShouldHaveSingleItem().ShouldBe([6]);

        var renewed = Enrollment("d1") with { ETag = "new", Attestation = attestation with { Certificates = new EnrolledCertificates(CertificateUse.Client, [7]) } };
        (await store.ReplaceAsync(renewed, "stale", None)).ShouldBeFalse();
        (await store.FindAsync(EnrollmentKind.Individual, "d1", None))!.Attestation.Certificates!.Primary.ShouldBe([1, 2, 3]);
        (await store.ReplaceAsync(renewed, "tag-d1", None)).ShouldBeTrue();
        var found = (await store.FindAsync(EnrollmentKind.Individual, "d1", None))!.Attestation.Certificates!;
        found.Primary.ShouldBe([7]);
        found.Secondary.ShouldBeNull();
        (await store.DeleteAsync(EnrollmentKind.Individual, "d1", "new", None)).ShouldBeTrue();
        (await store.ReplaceAsync(Enrollment("d2") with { ETag = "new" }, "tag-d2", None)).ShouldBeTrue();
        (await store.DeleteAsync(EnrollmentKind.Individual, "d3", "tag-d3", None)).ShouldBeTrue();
        CertificatesLeft().ShouldBe(0);
    }

    [Fact]
    public async Task The_first_insertion_wins_up_to_the_limit_of_its_kind()
    {
        var store = Enrollments("a");
        (await store.InsertAsync(Enrollment("d1"), 2, None)).ShouldBe(InsertResult.Added);
        (await store.InsertAsync(Enrollment("D1"), 2, None)).ShouldBe(InsertResult.Exists);
        (await store.InsertAsync(Enrollment("d2"), 2, None)).ShouldBe(InsertResult.Added);
        (await store.InsertAsync(Enrollment("d3"), 2, None)).ShouldBe(InsertResult.LimitReached);
        (await store.InsertAsync(Enrollment("g1", EnrollmentKind.Group), 2, None)).ShouldBe(InsertResult.Added);
        (await store.DeleteAsync(EnrollmentKind.Individual, "d1", "tag-d1", None)).ShouldBeTrue();
        (await store.InsertAsync(Enrollment("d3"), 2, None)).ShouldBe(InsertResult.Added);
        (await store.InsertAsync(Enrollment("d4"), 2, None)).ShouldBe(InsertResult.LimitReached);
    }

    [Fact]
    public async Task Replacing_and_deleting_ask_for_the_ETag()
    {
        var store = Enrollments("a");
        await store.InsertAsync(Enrollment("d1"), 10, None);
        var changed = Enrollment("d1") with { ETag = "new", Settings = new EnrollmentSettings { Enabled = false } };
        (await store.ReplaceAsync(changed, "stale", None)).ShouldBeFalse();
        (await store.ReplaceAsync(changed, "tag-d1", None)).ShouldBeTrue();
        (await store.FindAsync(EnrollmentKind.Individual, "d1", None))!.Settings.Enabled.ShouldBeFalse();
        (await store.DeleteAsync(EnrollmentKind.Individual, "d1", "tag-d1", None)).ShouldBeFalse();
        (await store.DeleteAsync(EnrollmentKind.Individual, "D1", "new", None)).ShouldBeTrue();
        (await store.ReplaceAsync(changed, "new", None)).ShouldBeFalse();
    }

    [Fact]
    public async Task Lists_are_in_order_and_start_behind_an_id()
    {
        var store = Enrollments("a");
        foreach (var id in (string[])["b", "A", "c.1", "c-1", "C"])
            await store.InsertAsync(Enrollment(id), 10, None);
        (await store.ListAsync(EnrollmentKind.Individual, null, 10, None)).Select(e => e.Id).ShouldBe(["A", "b", "C", "c-1", "c.1"]);
        (await store.ListAsync(EnrollmentKind.Individual, "B", 2, None)).Select(e => e.Id).ShouldBe(["C", "c-1"]);
    }

    [Fact]
    public async Task Applications_do_not_see_each_other()
    {
        await Enrollments("a").InsertAsync(Enrollment("d1"), 10, None);
        await Registrations("a").SaveAsync(Registration("d1"), null, None);
        (await Enrollments("b").FindAsync(EnrollmentKind.Individual, "d1", None)).ShouldBeNull();
        (await Enrollments("b").InsertAsync(Enrollment("d1"), 1, None)).ShouldBe(InsertResult.Added);
        (await Registrations("b").FindAsync("d1", None)).ShouldBeNull();
    }

    [Fact]
    public async Task A_record_comes_back_whole()
    {
        var store = Registrations("a");
        var full = Registration("Device-1");
        (await store.SaveAsync(full, null, None)).ShouldBeTrue();
        var found = (await store.FindAsync("DEVICE-1", None)).ShouldNotBeNull();
        (found with { Operations = full.Operations, StorageRootKey = full.StorageRootKey }).ShouldBe(full);
        found.Operations.ShouldBe(full.Operations);
        found.StorageRootKey.ShouldBe(full.StorageRootKey);
        var bare = new Registration { RegistrationId = "bare", ETag = "e", Created = Time, Updated = Time, Status = RegistrationStatus.Failed, Operations = [] };
        (await store.SaveAsync(bare, null, None)).ShouldBeTrue();
        var foundBare = (await store.FindAsync("bare", None)).ShouldNotBeNull();
        (foundBare with { Operations = bare.Operations }).ShouldBe(bare);
    }

    [Fact]
    public async Task Saving_and_deleting_a_record_ask_for_the_ETag()
    {
        var store = Registrations("a");
        (await store.SaveAsync(Registration("d1"), "tag-d1", None)).ShouldBeFalse();
        (await store.SaveAsync(Registration("d1"), null, None)).ShouldBeTrue();
        (await store.SaveAsync(Registration("D1"), null, None)).ShouldBeFalse();
        var changed = Registration("d1") with { ETag = "new", Status = RegistrationStatus.Disabled, EnrollmentGroupId = null, Operations = ["x"] };
        (await store.SaveAsync(changed, "stale", None)).ShouldBeFalse();
        (await store.SaveAsync(changed, "tag-d1", None)).ShouldBeTrue();
        (await store.FindAsync("d1", None))!.Operations.ShouldBe(["x"]);
        (await store.ListAsync("Group-1", null, 10, None)).ShouldBeEmpty();
        (await store.DeleteAsync("d1", "stale", None)).ShouldBeFalse();
        (await store.DeleteAsync("d1", "new", None)).ShouldBeTrue();
        (await store.FindAsync("d1", None)).ShouldBeNull();
    }

    [Fact]
    public async Task Records_of_a_group_are_listed_in_order()
    {
        var store = Registrations("a");
        foreach (var id in (string[])["b", "A", "c"])
            await store.SaveAsync(Registration(id), null, None);
        await store.SaveAsync(Registration("other") with { EnrollmentGroupId = null }, null, None);
        (await store.ListAsync("GROUP-1", null, 10, None)).Select(r => r.RegistrationId).ShouldBe(["A", "b", "c"]);
        (await store.ListAsync("group-1", "a", 1, None)).Select(r => r.RegistrationId).ShouldBe(["b"]);
    }

    [Fact]
    public async Task Of_many_writers_one_wins()
    {
        var (enrollments, registrations) = (Enrollments("a"), Registrations("a"));
        await registrations.SaveAsync(Registration("d1"), null, None);
        var inserted = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => Task.Run(() => enrollments.InsertAsync(Enrollment("d1"), 10, None))));
        inserted.Count(r => r == InsertResult.Added).ShouldBe(1);
        var saved = await Task.WhenAll(Enumerable.Range(0, 20).Select(i => Task.Run(() => registrations.SaveAsync(Registration("d1") with { ETag = $"t{i}" }, "tag-d1", None))));
        saved.Count(s => s).ShouldBe(1);
    }

    private static Enrollment Enrollment(string id, EnrollmentKind kind = EnrollmentKind.Individual) => new()
    {
        Kind = kind,
        Id = id,
        ETag = "tag-" + id,
        Created = Time,
        Updated = Time.AddSeconds(1),
        Attestation = new AttestationMechanism(AttestationType.Tpm, [1, 2, 3], [4, 5], [6], [7, 8]),
        Settings = new EnrollmentSettings
        {
            DeviceId = "d'1",
            Enabled = true,
            IotEdge = true,
            OptionalDeviceInformation = JsonElement.Parse("""{"a":[1,null,"ü"]}"""),
            InitialTwin = JsonElement.Parse("""{"tags":{},"properties":{"desired":{"x":1.50}}}"""),
            IotHubHostName = "h1",
            IotHubs = ["h1", "h2"],
            AllocationPolicy = AllocationPolicy.GeoLatency,
            ReprovisionPolicy = new ReprovisionPolicy(true, false),
            CustomAllocation = new CustomAllocation("https://a.test/", null),
        },
    };

    private static Registration Registration(string id) => new()
    {
        RegistrationId = id,
        ETag = "tag-" + id,
        Created = Time,
        Updated = Time.AddSeconds(1),
        Status = RegistrationStatus.Assigned,
        Substatus = RegistrationSubstatus.DeviceDataReset,
        AssignedHub = "h1",
        DeviceId = "d'1",
        EnrollmentGroupId = "Group-1",
        Attestation = AttestationType.Tpm,
        StorageRootKey = [1, 2, 3],
        ErrorCode = 400208,
        ErrorMessage = "why",
        Operations = ["5.a.b", "5.c.d"],
    };

    private static string Text(EnrollmentSettings settings) => JsonSerializer.Serialize(settings);
}

public sealed class MemoryStoreTests : StoreTests
{
    private readonly Dictionary<string, MemoryEnrollmentStore> _enrollments = [];
    private readonly Dictionary<string, MemoryRegistrationStore> _registrations = [];

    protected override IEnrollmentStore Enrollments(string application)
        => _enrollments.TryGetValue(application, out var store) ? store : _enrollments[application] = new MemoryEnrollmentStore();

    protected override IRegistrationStore Registrations(string application)
        => _registrations.TryGetValue(application, out var store) ? store : _registrations[application] = new MemoryRegistrationStore();
}

public sealed class SqliteStoreTests : StoreTests, IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("homeport-stores-").FullName;
    private readonly SqliteDatabase _database;
    private readonly SecretSeal _seal;

    public SqliteStoreTests()
    {
        _database = SqliteDatabase.Open(Path.Combine(_folder, "homeport.db"));
        _seal = SecretSeal.Open(Path.Combine(_folder, "seal.key"));
    }

    [Fact]
    public async Task Symmetric_keys_are_not_readable_in_the_file()
    {
        var key = System.Text.Encoding.ASCII.GetBytes("a-key-that-can-be-found-in-files");
        var store = Enrollments("a");
        await store.InsertAsync(
            new Enrollment
            {
                Kind = EnrollmentKind.Group,
                Id = "g1",
                ETag = "e",
                Created = ManualTime.Start,
                Updated = ManualTime.Start,
                Attestation = new AttestationMechanism(AttestationType.SymmetricKey, key, key),
                Settings = new EnrollmentSettings(),
            },
            10, CancellationToken.None);
        foreach (var file in Directory.EnumerateFiles(_folder))
        {
            await using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            using var copy = new MemoryStream();
            await stream.CopyToAsync(copy);
            copy.ToArray().AsSpan().IndexOf(key).ShouldBe(-1, file);
        }
        (await store.FindAsync(EnrollmentKind.Group, "g1", CancellationToken.None))!.Attestation.PrimaryKey.ShouldBe(key);
    }

    public void Dispose()
    {
        _database.Dispose();
        _seal.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    protected override IEnrollmentStore Enrollments(string application) => new SqliteEnrollmentStore(_database, _seal, application);

    protected override IRegistrationStore Registrations(string application) => new SqliteRegistrationStore(_database, application);

    protected override int CertificatesLeft() => _database.Read(c =>
    {
        using var command = c.CreateCommand();
        command.CommandText = "SELECT count(*) FROM enrolled_certificates";
        return Convert.ToInt32(command.ExecuteScalar());
    });

    [Fact]
    public async Task An_enrollment_from_before_certificates_had_a_table_of_their_own_is_read_and_written_anew()
    {
        var store = Enrollments("a");
        var attestation = new AttestationMechanism(AttestationType.X509, Certificates: new EnrolledCertificates(CertificateUse.Client));
        var enrollment = new Enrollment { Kind = EnrollmentKind.Individual, Id = "old", ETag = "1", Created = ManualTime.Start, Updated = ManualTime.Start, Attestation = attestation, Settings = new EnrollmentSettings() };
        await store.InsertAsync(enrollment, 10, CancellationToken.None);
        await _database.WriteAsync(c =>
        {
            using var command = c.CreateCommand();
            command.CommandText = """UPDATE enrollments SET certificates='{"use":"Client","primary":"AQID"}'""";
            return command.ExecuteNonQuery();
        }, CancellationToken.None);
        var found = (await store.FindAsync(EnrollmentKind.Individual, "old", CancellationToken.None))!;
        found.Attestation.Certificates!.Primary.ShouldBe([1, 2, 3]);
        (await store.ReplaceAsync(found with { ETag = "2" }, "1", CancellationToken.None)).ShouldBeTrue();
        CertificatesLeft().ShouldBe(1);
        (await store.FindAsync(EnrollmentKind.Individual, "old", CancellationToken.None))!.Attestation.Certificates!.Primary.ShouldBe([1, 2, 3]);
    }
}
