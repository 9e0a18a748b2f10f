using System.Text.Json;
using System.Text.Json.Nodes;
using Homeport.Contract.Errors;
using Homeport.Contract.Rest;

namespace Homeport.Tests.Contract;

/// <summary>REST bodies: the member names and forms that the SDKs read.</summary>
public sealed class RestTests
{
    [Theory]
    [InlineData("\"2026-01-31T12:00:00Z\"", "2026-01-31T12:00:00.0000000Z")]
    [InlineData("\"2026-01-31T12:00:00.1234567Z\"", "2026-01-31T12:00:00.1234567Z")]
    [InlineData("\"2026-01-31T14:00:00+02:00\"", "2026-01-31T12:00:00.0000000Z")]
    [InlineData("\"2026-01-31T12:00:00\"", "2026-01-31T12:00:00.0000000Z")]
    [InlineData("\"0001-01-01T00:00:00Z\"", "0001-01-01T00:00:00Z")]
    [InlineData("\"0001-01-01T00:00:00\"", "0001-01-01T00:00:00Z")]
    [InlineData("null", "0001-01-01T00:00:00Z")]
    public void Times_are_UTC_with_seven_digits_and_never_null(string json, string expected)
    {
        var device = JsonSerializer.Deserialize($$"""{"statusUpdatedTime":{{json}}}""", Json.Default.DeviceDescription)!;
        var written = JsonSerializer.SerializeToNode(device, Json.Default.DeviceDescription)!;
        written["statusUpdatedTime"]!.GetValue<string>().ShouldBe(expected);
        written["lastActivityTime"]!.GetValue<string>().ShouldBe("0001-01-01T00:00:00Z");
    }

    [Theory]
    [InlineData("\"yesterday\"")]
    [InlineData("\"\"")]
    [InlineData("12")]
    [InlineData("{}")]
    [InlineData("[]")]
    [InlineData("true")]
    [InlineData("\"\\ud800\"")]
    public void What_is_no_time_is_a_JSON_error(string json)
        => Should.Throw<JsonException>(() => JsonSerializer.Deserialize($$"""{"statusUpdatedTime":{{json}}}""", Json.Default.DeviceDescription));

    [Fact]
    public void A_device_has_the_members_of_the_data_plane()
    {
        var device = new DeviceDescription
        {
            DeviceId = "dev1",
            GenerationId = "638",
            Etag = "MQ==",
            ConnectionState = "Disconnected",
            Status = "enabled",
            ParentScopes = [],
            Capabilities = new CapabilitiesDescription(false),
            Authentication = new AuthenticationDescription
            {
                SymmetricKey = new SymmetricKeyDescription("a2V5MQ==", "a2V5Mg=="),
                X509Thumbprint = new ThumbprintDescription(null, null),
                Type = "sas",
            },
        };
        ShouldBeJson(JsonSerializer.Serialize(device, Json.Default.DeviceDescription), """
            {"deviceId":"dev1","generationId":"638","etag":"MQ==","connectionState":"Disconnected",
             "status":"enabled","statusReason":null,"connectionStateUpdatedTime":"0001-01-01T00:00:00Z","statusUpdatedTime":"0001-01-01T00:00:00Z",
             "lastActivityTime":"0001-01-01T00:00:00Z","cloudToDeviceMessageCount":0,"deviceScope":null,"parentScopes":[],
             "capabilities":{"iotEdge":false},
             "authentication":{"symmetricKey":{"primaryKey":"a2V5MQ==","secondaryKey":"a2V5Mg=="},
               "x509Thumbprint":{"primaryThumbprint":null,"secondaryThumbprint":null},"type":"sas"}}
            """);
    }

    [Fact]
    public void A_module_has_no_status_of_its_own()
    {
        var module = new ModuleDescription { ModuleId = "m1", DeviceId = "dev1", GenerationId = "638", Etag = "MQ==", ConnectionState = "Disconnected", ManagedBy = "iotEdge" };
        ShouldBeJson(JsonSerializer.Serialize(module, Json.Default.ModuleDescription), """
            {"moduleId":"m1","managedBy":"iotEdge","deviceId":"dev1","generationId":"638","etag":"MQ==","connectionState":"Disconnected",
             "connectionStateUpdatedTime":"0001-01-01T00:00:00Z","lastActivityTime":"0001-01-01T00:00:00Z","cloudToDeviceMessageCount":0,"authentication":null}
            """);
    }

    [Fact]
    public void A_device_reads_back_what_an_SDK_sends()
    {
        var device = JsonSerializer.Deserialize("""
            {"deviceId":"d#1","status":"disabled","statusReason":"lost","capabilities":{"iotEdge":true},"extra":{"later":[1]},
             "authentication":{"symmetricKey":{"primaryKey":"QQ==","secondaryKey":null},"x509Thumbprint":{"primaryThumbprint":"AB"},"type":"selfSigned"}}
            """, Json.Default.DeviceDescription)!;
        (device.DeviceId, device.Status, device.StatusReason, device.Capabilities!.IotEdge).ShouldBe(("d#1", "disabled", "lost", true));
        (device.Authentication!.Type, device.Authentication.SymmetricKey!.PrimaryKey, device.Authentication.X509Thumbprint!.PrimaryThumbprint).ShouldBe(("selfSigned", "QQ==", "AB"));
    }

    [Fact]
    public void The_hub_error_body_has_its_two_members_in_capitals()
        => ShouldBeJson(JsonSerializer.Serialize(new HubErrorBody("ErrorCode:DeviceNotFound;Device 'dev1' not registered.", "Tracking ID:4b0e-TimeStamp:01/01/2026 00:00:00"), Json.Default.HubErrorBody),
            """{"Message":"ErrorCode:DeviceNotFound;Device 'dev1' not registered.","ExceptionMessage":"Tracking ID:4b0e-TimeStamp:01/01/2026 00:00:00"}""");

    [Fact]
    public void The_device_error_body_has_a_number_as_code()
        => ShouldBeJson(
            JsonSerializer.Serialize(new DeviceErrorBody(400004, "4b0e", "Bad.", (ServiceTime)new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero)), Json.Default.DeviceErrorBody),
            """{"errorCode":400004,"trackingId":"4b0e","message":"Bad.","timestampUtc":"2026-01-01T00:00:00.0000000Z"}""");

    [Fact]
    public void Statistics_have_their_members()
    {
        ShouldBeJson(JsonSerializer.Serialize(new DeviceStatistics(3, 2, 1), Json.Default.DeviceStatistics), """{"totalDeviceCount":3,"enabledDeviceCount":2,"disabledDeviceCount":1}""");
        ShouldBeJson(JsonSerializer.Serialize(new ServiceStatistics(1), Json.Default.ServiceStatistics), """{"connectedDeviceCount":1}""");
    }

    [Theory]
    [InlineData("InvalidProtocolVersion", 400001, 400)]
    [InlineData("ArgumentInvalid", 400004, 400)]
    [InlineData("ArgumentNull", 400005, 400)]
    [InlineData("IotHubFormatError", 400006, 400)]
    [InlineData("ConnectionForcefullyClosedOnNewConnection", 400027, 400)]
    [InlineData("IotHubNotFound", 401001, 401)]
    [InlineData("IotHubUnauthorizedAccess", 401002, 401)]
    [InlineData("IotHubUnauthorized", 401003, 401)]
    [InlineData("DeviceDisabled", 403012, 403)]
    [InlineData("DeviceNotFound", 404001, 404)]
    [InlineData("ModuleNotFound", 404010, 404)]
    [InlineData("DeviceAlreadyExists", 409001, 409)]
    [InlineData("ModuleAlreadyExistsOnDevice", 409301, 409)]
    [InlineData("PreconditionFailed", 412001, 412)]
    [InlineData("MessageTooLarge", 413001, 413)]
    [InlineData("TooManyModulesOnDevice", 413003, 413)]
    [InlineData("ServerError", 500001, 500)]
    [InlineData("ServiceUnavailable", 503001, 503)]
    public void The_catalogue_has_the_published_numbers(string name, int code, int status)
    {
        var error = (ServiceError)typeof(HubErrors).GetField(name)!.GetValue(null)!;
        (error.Name, error.Code, error.HttpStatus).ShouldBe((name, code, status));
        error.Text.ShouldNotBeNullOrWhiteSpace();
    }

    [Fact]
    public void No_two_rows_of_a_catalogue_share_a_number()
    {
        // A device that is not admitted gets the number that a hub's refusal has: clients of IoT Central look for it.
        ProvisioningErrors.NotAdmitted.Code.ShouldBe(ProvisioningErrors.HubUnauthorized.Code);
        foreach (var catalogue in (Type[])[typeof(HubErrors), typeof(ProvisioningErrors)])
        {
            var rows = catalogue.GetFields().Select(f => (ServiceError)f.GetValue(null)!).ToList();
            rows.Count.ShouldBeGreaterThan(10);
            rows.Where(r => r != ProvisioningErrors.NotAdmitted).Select(r => r.Code).ShouldBeUnique();
            rows.Zip(catalogue.GetFields()).ShouldAllBe(pair => pair.First.Name == pair.Second.Name);
        }
    }

    [Fact]
    public void Refusals_have_ids_of_their_own_and_say_the_fix()
    {
        var one = new Refusal(HubErrors.DeviceNotFound, "Device 'd' is not registered", "Register it.");
        var two = one with { TrackingId = Guid.NewGuid().ToString("N") };
        one.TrackingId.ShouldNotBe(two.TrackingId);
        one.Text.ShouldBe("The device is not registered. Device 'd' is not registered. Register it.");
    }

    [Fact]
    public void An_outcome_has_a_value_or_a_refusal()
    {
        Outcome<string> good = "value";
        good.Succeeded(out var value, out var refusal).ShouldBeTrue();
        (value, refusal).ShouldBe(("value", null));
        Outcome<string> bad = new Refusal(HubErrors.ServerError, "x", "y");
        bad.Succeeded(out value, out refusal).ShouldBeFalse();
        value.ShouldBeNull();
        refusal!.Error.ShouldBe(HubErrors.ServerError);
    }

    private static void ShouldBeJson(string actual, string expected)
        => JsonNode.DeepEquals(JsonNode.Parse(actual), JsonNode.Parse(expected)).ShouldBeTrue($"{actual}\nshould be\n{expected}");
}
