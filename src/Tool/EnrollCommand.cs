using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using Homeport.Contract.Naming;
using Homeport.Contract.Rest;
using Homeport.Device.Identity;
using Homeport.Tpm;
using Homeport.Tpm.Attestation;

namespace Homeport.Tool;

/// <summary><c>homeport enroll</c>: lets devices register: this machine by its TPM, one by a key or certificate, or many from a CSV file.</summary>
internal static class EnrollCommand
{
    private const int BulkSize = 10;
    private const string ApiVersion = "api-version=2021-10-01";

    public static Command Create(CommandHost host) => new("enroll", "Lets devices register with the provisioning service")
    {
        Tpm(host),
        Key(host),
        Certificate(host),
        Csv(host),
    };

    private static Command Tpm(CommandHost host)
    {
        var place = new Option<string>("--tpm") { Description = "TPM, for example device:/dev/tpmrm0; without it the one of this machine" };
        var id = new Option<string>("--registration-id") { Description = "Without it, the id that the device itself derives from its endorsement key" };
        var device = DeviceOption();
        return host.RunProvisioning(new Command("tpm", "Enrolls the device on which it runs by the endorsement key of its TPM") { place, id, device }, async call =>
        {
            var endorsementKey = ReadEndorsementKey(call.Get(place));
            var registrationId = call.Get(id) ?? EndorsementKeyId.DefaultRegistrationId(endorsementKey);
            var attestation = new JsonObject { ["type"] = "tpm", ["tpm"] = new JsonObject { ["endorsementKey"] = Convert.ToBase64String(endorsementKey) } };
            await PutAsync(call, registrationId, call.Get(device), attestation);
        });
    }

    private static Command Key(CommandHost host)
    {
        var id = IdArgument();
        var device = DeviceOption();
        var keys = new Option<bool>("--show-keys") { Description = "Print the keys that were made" };
        return host.RunProvisioning(new Command("key", "Enrolls a device by a symmetric key that the server makes") { id, device, keys }, async call =>
        {
            var answer = await PutAsync(call, call.Get(id), call.Get(device), new JsonObject { ["type"] = "symmetricKey" });
            if (call.Get(keys) && !call.Json)
                Display.Details(("primary key", (string?)answer["attestation"]?["symmetricKey"]?["primaryKey"]), ("secondary key", (string?)answer["attestation"]?["symmetricKey"]?["secondaryKey"]));
        });
    }

    private static Command Certificate(CommandHost host)
    {
        var id = IdArgument();
        var device = DeviceOption();
        var file = new Option<FileInfo>("--certificate") { Description = "PEM file of the device's certificate; its common name is the registration id", Required = true };
        return host.RunProvisioning(new Command("cert", "Enrolls a device by its certificate") { id, device, file }, async call =>
        {
            var text = System.Text.Encoding.UTF8.GetString(await Inputs.BytesAsync("@" + call.Get(file)!.FullName, call.Token));
            var attestation = new JsonObject { ["type"] = "x509", ["x509"] = new JsonObject { ["clientCertificates"] = new JsonObject { ["primary"] = new JsonObject { ["certificate"] = text } } } };
            await PutAsync(call, call.Get(id), call.Get(device), attestation);
        });
    }

    private static Command Csv(CommandHost host)
    {
        var file = new Argument<FileInfo>("file") { Description = "Columns by their heading: registrationId, deviceId, endorsementKey, primaryKey, secondaryKey; a row without a key gets a new one" };
        return host.RunProvisioning(new Command("csv", "Enrolls the devices of a CSV file; rows that are refused are listed, the others stand") { file }, async call =>
        {
            var (done, failed) = (0, 0);
            foreach (var rows in EnrollmentCsv.Read(call.Get(file)).Chunk(BulkSize))
            {
                var body = new JsonObject { ["mode"] = "create", ["enrollments"] = new JsonArray([.. rows.Select(r => r.ToJson())]) };
                var answer = (await call.Hub.SendAsync(new HubRequest(HttpMethod.Post, $"enrollments?{ApiVersion}", JsonSerializer.SerializeToUtf8Bytes(body)), call.Token)).As(ProvisioningJson.Received.BulkResultDescription);
                foreach (var error in answer.Errors)
                {
                    var line = rows.FirstOrDefault(r => r.RegistrationId.Equals(error.RegistrationId, StringComparison.OrdinalIgnoreCase))?.Line;
                    await Console.Error.WriteLineAsync($"line {line}, {Display.Clean(error.RegistrationId)}: {Display.Clean(error.ErrorStatus)} ({error.ErrorCode})");
                }
                failed += answer.Errors.Count;
                done += rows.Length - answer.Errors.Count;
            }
            Console.WriteLine($"Enrolled {done} devices{(failed > 0 ? $", {failed} were refused" : "")}.");
            return failed > 0 ? ToolException.Failed : 0;
        });
    }

    private static Argument<string> IdArgument() => new("registration-id") { Description = "Registration id" };

    private static Option<string> DeviceOption() => new("--device-id") { Description = "Name in the hub; without it the registration id" };

    private static byte[] ReadEndorsementKey(string? place)
    {
        try
        {
            return TpmLocator.Choose(place).Use(tpm => new TpmKeys(tpm).GetEndorsementKey().Encode());
        }
        catch (Exception e) when (e is TpmException or FormatException)
        {
            throw ToolException.BadUsage($"The TPM cannot be read: {e.Message}", e);
        }
    }

    private static async Task<JsonNode> PutAsync(Call call, string registrationId, string? deviceId, JsonObject attestation)
    {
        if (RegistrationIdRules.Check(registrationId) is { } bad)
            throw ToolException.BadUsage($"{bad}.");
        var body = new JsonObject { ["registrationId"] = registrationId, ["attestation"] = attestation };
        if (deviceId is not null)
            body["deviceId"] = deviceId;
        var answer = (await call.Hub.SendAsync(new HubRequest(HttpMethod.Put, $"enrollments/{Uri.EscapeDataString(registrationId)}?{ApiVersion}", JsonSerializer.SerializeToUtf8Bytes(body)), call.Token)).Node()!;
        if (call.Json)
        {
            // The keys are shown only to who asks for them.
            (answer["attestation"] as JsonObject)?.Remove("symmetricKey");
            Display.Json(answer);
        }
        else
        {
            Console.WriteLine($"Enrolled '{registrationId}'.");
        }
        return answer;
    }
}
