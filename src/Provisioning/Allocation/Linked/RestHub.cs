using System.Net;
using System.Text.Json.Nodes;
using Homeport.Contract.Errors;
using Homeport.Hub.Registry;

namespace Homeport.Provisioning.Allocation.Linked;

/// <summary>
/// A hub on another server, Homeport's or Azure's, over its service REST API. A new device is made by the bulk call, which takes its twin
/// along in one step.
/// </summary>
internal sealed class RestHub(HubConnection connection) : IDeviceHub
{
    private const int Attempts = 3;
    private static readonly HttpStatusCode[] Raced = [HttpStatusCode.NotFound, HttpStatusCode.PreconditionFailed];

    /// <inheritdoc/>
    public async Task<Outcome<HubDevice>> FindAsync(string deviceId, CancellationToken token)
    {
        if (!(await GetAsync(DevicePath(deviceId), token)).Succeeded(out var answer, out var refusal))
            return refusal;
        return answer.Status == HttpStatusCode.NotFound ? HubDevice.None : new HubDevice(true, ReadAuthentication(answer.Body?["authentication"]));
    }

    /// <inheritdoc/>
    public async Task<Refusal?> AssignAsync(HubAssignment assignment, CancellationToken token)
    {
        for (var attempt = 1; ; attempt++)
        {
            if (!(await GetAsync(DevicePath(assignment.DeviceId), token)).Succeeded(out var found, out var refusal))
                return refusal;
            var outcome = found.Status == HttpStatusCode.NotFound
                ? await CreateAsync(assignment, token)
                : await UpdateAsync(assignment, (JsonObject)found.Body!, token);
            if (!outcome.Succeeded(out var answer, out refusal))
                return refusal;
            if (answer.Status is HttpStatusCode.OK or HttpStatusCode.NoContent)
                return null;
            // Another writer was faster: look again.
            if (attempt == Attempts)
                return Changed(assignment.DeviceId);
        }
    }

    /// <inheritdoc/>
    public async Task<Outcome<HubDevice>> ReadTwinAsync(string deviceId, CancellationToken token)
    {
        if (!(await GetAsync(TwinPath(deviceId), token)).Succeeded(out var answer, out var refusal))
            return refusal;
        if (answer.Status == HttpStatusCode.NotFound)
            return HubDevice.None;
        return TwinContent.Read(answer.Body!.ToJsonString()).Succeeded(out var twin, out refusal)
            ? new HubDevice(true, Twin: twin)
            : refusal with { Error = ProvisioningErrors.HubRefused };
    }

    /// <inheritdoc/>
    public Task<Refusal?> DisableAsync(string deviceId, string reason, CancellationToken token) => SetStatusAsync(deviceId, "disabled", reason, token);

    /// <inheritdoc/>
    public Task<Refusal?> EnableAsync(string deviceId, CancellationToken token) => SetStatusAsync(deviceId, "enabled", null, token);

    private async Task<Refusal?> SetStatusAsync(string deviceId, string status, string? reason, CancellationToken token)
    {
        for (var attempt = 1; ; attempt++)
        {
            if (!(await GetAsync(DevicePath(deviceId), token)).Succeeded(out var found, out var refusal))
                return refusal;
            if (found.Status == HttpStatusCode.NotFound)
                return null;
            var device = (JsonObject)found.Body!;
            if ((string?)device["status"] == status)
                return null;
            (device["status"], device["statusReason"]) = (status, reason);
            if (!(await PutAsync(deviceId, device, token)).Succeeded(out var written, out refusal))
                return refusal;
            // Gone meanwhile, or changed: look again.
            if (!Raced.Contains(written.Status))
                return null;
            if (attempt == Attempts)
                return Changed(deviceId);
        }
    }

    /// <inheritdoc/>
    public async Task<Refusal?> RemoveAsync(string deviceId, CancellationToken token)
        => (await connection.SendAsync(HttpMethod.Delete, DevicePath(deviceId), null, "*", [HttpStatusCode.NotFound], token)).Refusal;

    private Refusal Changed(string deviceId)
        => new(ProvisioningErrors.HubUnavailable, $"Device '{deviceId}' of hub '{connection.HostName}' was changed by others while it was assigned", "Register again.") { RetryAfter = TimeSpan.FromSeconds(2) };

    /// <summary>Writes a device that did not change since it was read; else the answer has a status of <see cref="Raced"/>.</summary>
    private Task<Outcome<HubAnswer>> PutAsync(string deviceId, JsonObject device, CancellationToken token)
        => connection.SendAsync(HttpMethod.Put, DevicePath(deviceId), device, $"\"{device["etag"]?.GetValue<string>()}\"", Raced, token);

    private Task<Outcome<HubAnswer>> GetAsync(string path, CancellationToken token)
        => connection.SendAsync(HttpMethod.Get, path, null, null, [HttpStatusCode.NotFound], token);

    private async Task<Outcome<HubAnswer>> CreateAsync(HubAssignment assignment, CancellationToken token)
    {
        var twin = assignment.Twin.Copy();
        var properties = new JsonObject { ["desired"] = twin.Desired ?? [] };
        if (twin.Reported is { Count: > 0 } reported)
            properties["reported"] = reported;
        var element = new JsonObject
        {
            ["id"] = assignment.DeviceId,
            ["importMode"] = "create",
            ["status"] = "enabled",
            ["authentication"] = Show(assignment.Authentication),
            ["capabilities"] = new JsonObject { ["iotEdge"] = assignment.IotEdge },
            ["tags"] = twin.Tags ?? [],
            ["properties"] = properties,
        };
        if (!(await connection.SendAsync(HttpMethod.Post, "devices", new JsonArray(element), null, [HttpStatusCode.BadRequest], token)).Succeeded(out var answer, out var refusal))
            return refusal;
        if (answer.Body?["errors"] is not JsonArray { Count: > 0 } errors)
        {
            return answer.Status == HttpStatusCode.BadRequest
                ? new Refusal(ProvisioningErrors.HubRefused, $"Hub '{connection.HostName}' answered 400: {Shown.Text(answer.Body?.ToJsonString(), 400)}", "Mend what the hub names.")
                : answer;
        }
        var (code, words) = ($"{errors[0]?["errorCode"]}", $"Hub '{connection.HostName}' answered {Shown.Text($"{errors[0]?["errorCode"]}: {errors[0]?["errorStatus"]}", 400)}");
        if (code == HubErrors.DeviceAlreadyExists.Name)
            return new HubAnswer(HttpStatusCode.Conflict, null);
        return code.Contains("QuotaExceeded", StringComparison.Ordinal) || code.Contains("TooManyDevices", StringComparison.Ordinal)
            ? new Refusal(ProvisioningErrors.HubFull, words, "Delete devices there, enlarge the hub, or link another one.")
            : new Refusal(ProvisioningErrors.HubRefused, words, "Mend what the hub names.");
    }

    /// <summary>What the hub has beside the credentials stays as it is: its operator may have disabled the device. Only what provisioning itself held is enabled again.</summary>
    private async Task<Outcome<HubAnswer>> UpdateAsync(HubAssignment assignment, JsonObject device, CancellationToken token)
    {
        if (!IsThere(device, assignment))
        {
            device["authentication"] = Show(assignment.Authentication);
            if (!assignment.KeepsCapabilities)
                device["capabilities"] = new JsonObject { ["iotEdge"] = assignment.IotEdge };
            if (IsReleased(device, assignment))
                (device["status"], device["statusReason"]) = ("enabled", null);
            if (!(await PutAsync(assignment.DeviceId, device, token)).Succeeded(out var written, out var refusal))
                return refusal;
            if (Raced.Contains(written.Status))
                return written;
        }
        if (!assignment.ReplaceTwin)
            return new HubAnswer(HttpStatusCode.OK, null);
        var content = assignment.Twin.Copy();
        var twin = new JsonObject { ["tags"] = content.Tags ?? [], ["properties"] = new JsonObject { ["desired"] = content.Desired ?? [] } };
        return await connection.SendAsync(HttpMethod.Put, TwinPath(assignment.DeviceId), twin, "*", [HttpStatusCode.NotFound], token);
    }

    private static bool IsThere(JsonObject device, HubAssignment assignment)
        => !IsReleased(device, assignment)
            && ReadAuthentication(device["authentication"]) is { } present
            && JsonNode.DeepEquals(Show(present), Show(assignment.Authentication))
            && (assignment.KeepsCapabilities || (device["capabilities"]?["iotEdge"]?.GetValue<bool>() ?? false) == assignment.IotEdge);

    private static bool IsReleased(JsonObject device, HubAssignment assignment)
        => assignment.ReleasedFrom is { } reason && (string?)device["status"] == "disabled" && (string?)device["statusReason"] == reason;

    private static JsonObject Show(Authentication authentication) => authentication.Type switch
    {
        AuthenticationType.Sas => new JsonObject
        {
            ["type"] = "sas",
            ["symmetricKey"] = new JsonObject { ["primaryKey"] = Base64(authentication.PrimaryKey), ["secondaryKey"] = Base64(authentication.SecondaryKey) },
        },
        AuthenticationType.SelfSigned => new JsonObject
        {
            ["type"] = "selfSigned",
            ["x509Thumbprint"] = new JsonObject { ["primaryThumbprint"] = authentication.PrimaryThumbprint, ["secondaryThumbprint"] = authentication.SecondaryThumbprint },
        },
        AuthenticationType.CertificateAuthority => new JsonObject { ["type"] = "certificateAuthority" },
        _ => new JsonObject { ["type"] = "none" },
    };

    /// <summary>Null for what this version does not know, and then writes anew.</summary>
    private static Authentication? ReadAuthentication(JsonNode? shown) => $"{shown?["type"]}" switch
    {
        "sas" => new Authentication(AuthenticationType.Sas, Bytes(shown?["symmetricKey"]?["primaryKey"]), Bytes(shown?["symmetricKey"]?["secondaryKey"])),
        "selfSigned" => new Authentication(AuthenticationType.SelfSigned,
            PrimaryThumbprint: (string?)shown?["x509Thumbprint"]?["primaryThumbprint"], SecondaryThumbprint: (string?)shown?["x509Thumbprint"]?["secondaryThumbprint"]),
        "certificateAuthority" => new Authentication(AuthenticationType.CertificateAuthority),
        "none" => new Authentication(AuthenticationType.None),
        _ => null,
    };

    private static byte[]? Bytes(JsonNode? text)
    {
        var value = (string?)text;
        var buffer = new byte[value?.Length ?? 0];
        return Convert.TryFromBase64String(value ?? "", buffer, out var length) && length > 0 ? buffer[..length] : null;
    }

    private static string? Base64(byte[]? bytes) => bytes is null ? null : Convert.ToBase64String(bytes);

    private static string DevicePath(string deviceId) => "devices/" + Uri.EscapeDataString(deviceId);

    private static string TwinPath(string deviceId) => "twins/" + Uri.EscapeDataString(deviceId);
}
