using Homeport.Contract.Errors;
using Homeport.Contract.Rest;
using Homeport.Provisioning.Allocation;
using Homeport.Provisioning.Enrollments;
using Homeport.Provisioning.Registrations;

namespace Homeport.Tests.Provisioning;

public sealed class AllocationTests
{
    private static readonly LinkedHub A = Hub("a.test");
    private static readonly LinkedHub B = Hub("b.test", weight: 3);
    private static readonly LinkedHub Reserved = Hub("reserved.test", applies: false);
    private static readonly HubAllocator Allocator = new([A, B, Reserved]);

    [Fact]
    public void Hashing_follows_the_weights_and_passes_over_reserved_hubs()
    {
        var chosen = Enumerable.Range(0, 4000).Select(i => Allocator.Choose(new EnrollmentSettings(), $"device-{i}").Good()).ToList();
        chosen.ShouldNotContain(Reserved);
        chosen.Count(h => h == B).ShouldBeInRange(2850, 3150);
    }

    [Fact]
    public void Hashing_is_stable_in_any_letter_case_and_when_a_hub_goes()
    {
        var less = new HubAllocator([A, Reserved]);
        for (var i = 0; i < 200; i++)
        {
            var hub = Allocator.Choose(new EnrollmentSettings(), $"Device-{i}").Good();
            Allocator.Choose(new EnrollmentSettings(), $"DEVICE-{i}").Good().ShouldBe(hub);
            if (hub == A)
                less.Choose(new EnrollmentSettings(), $"device-{i}").Good().ShouldBe(A);
        }
    }

    public static TheoryData<AllocationPolicy?, string?, string?, string> Choices => new()
    {
        { AllocationPolicy.Static, "RESERVED.test", null, "reserved.test" },
        { AllocationPolicy.Static, null, "b.test", "b.test" },
        { null, "a.test", null, "a.test" },
        { AllocationPolicy.Hashed, null, "reserved.test", "reserved.test" },
        { AllocationPolicy.GeoLatency, null, "a.test", "a.test" },
        { AllocationPolicy.Static, "gone.test", null, "HubNotSpecified" },
        { AllocationPolicy.Static, null, "a.test,b.test", "HubNotSpecified" },
        { AllocationPolicy.Hashed, null, "gone.test", "HubNotSpecified" },
    };

    [Theory]
    [MemberData(nameof(Choices))]
    public void The_enrollment_names_hubs(AllocationPolicy? policy, string? hostName, string? hubs, string expected)
    {
        var settings = new EnrollmentSettings { AllocationPolicy = policy, IotHubHostName = hostName, IotHubs = hubs?.Split(',') };
        var outcome = Allocator.Choose(settings, "d1");
        (outcome.Value?.HostName ?? outcome.Refusal!.Error.Name).ShouldBe(expected);
    }

    [Theory]
    [InlineData(null, "2017-11-15", false, false)]
    [InlineData(null, "2018-04-01", false, false)]
    [InlineData(null, "2018-09-01-preview", true, true)]
    [InlineData(null, "2021-06-01", true, true)]
    [InlineData(false, "2021-06-01", false, false)]
    [InlineData(true, "2017-11-15", true, false)]
    public void Without_a_policy_the_API_version_decides(bool? update, string version, bool updates, bool migrates)
    {
        var settings = new EnrollmentSettings { ReprovisionPolicy = update is { } u ? new ReprovisionPolicy(u, false) : null };
        Reprovisioning.PolicyOf(settings, version).ShouldBe(new ReprovisionPolicy(updates, migrates));
    }

    [Theory]
    [InlineData(true, true, "new.test", RegistrationSubstatus.DeviceDataMigrated)]
    [InlineData(true, false, "new.test", RegistrationSubstatus.DeviceDataReset)]
    [InlineData(false, false, "old.test", RegistrationSubstatus.InitialAssignment)]
    public async Task A_device_moves_when_its_policy_says_so(bool update, bool migrate, string expected, RegistrationSubstatus substatus)
    {
        var app = new TestApplication("old.test", "new.test");
        var policy = new ReprovisionPolicyDescription(update, migrate);
        var enrolled = await app.EnrollAsync(TestApplication.Individual("d1") with { IotHubHostName = "old.test", ReprovisionPolicy = policy });
        var call = app.Call("d1", enrolled.Attestation.PrimaryKey!);
        (await app.RegisterAsync(call)).Good().Registration.AssignedHub.ShouldBe("old.test");
        await app.EnrollAsync(TestApplication.Individual("d1") with { IotHubHostName = "new.test", ReprovisionPolicy = policy }, "*");
        var moved = (await app.RegisterAsync(call)).Good().Registration;
        moved.AssignedHub.ShouldBe(expected);
        moved.Substatus.ShouldBe(substatus);
        app.HubStores.Where(h => h.Value["d1"] is not null).Select(h => h.Key).ShouldBe([expected]);
        (await app.RegisterAsync(call)).Good().Registration.Substatus.ShouldBe(substatus, "the same hub again keeps it");
    }

    [Fact]
    public async Task A_hub_that_is_not_linked_any_more_fails_the_registration_with_its_reason()
    {
        var app = new TestApplication("old.test", "new.test");
        var enrolled = await app.EnrollAsync(TestApplication.Individual("d1") with { IotHubHostName = "old.test" });
        app.Link("new.test");
        var call = app.Call("d1", enrolled.Attestation.PrimaryKey!);
        var reply = (await app.Registrations.RegisterAsync(call, TestApplication.None)).Good();
        reply.Failure.ShouldNotBeNull().Error.ShouldBe(ProvisioningErrors.HubNotSpecified);
        var failed = (await app.Registrations.PollAsync(call, reply.OperationId!, TestApplication.None)).Good().Registration;
        failed.Status.ShouldBe(RegistrationStatus.Failed);
        failed.ErrorCode.ShouldBe(400208);
    }

    [Fact]
    public async Task A_device_that_an_operator_disabled_in_the_hub_stays_disabled()
    {
        var app = new TestApplication();
        var enrolled = await app.EnrollAsync(TestApplication.Individual("d1"));
        var call = app.Call("d1", enrolled.Attestation.PrimaryKey!);
        (await app.RegisterAsync(call)).Good();
        var identity = app.HubStore["d1"]!;
        (await app.HubStore.ReplaceAsync(identity with { Enabled = false, Version = identity.Version + 1 }, identity.Version, TestApplication.None)).ShouldBeTrue();
        (await app.RegisterAsync(call)).Good();
        app.HubStore["d1"]!.Enabled.ShouldBeFalse();
    }

    private static LinkedHub Hub(string name, int weight = 1, bool applies = true)
        => new(name, new TestApplication(name).Hub(name), weight, applies);
}
