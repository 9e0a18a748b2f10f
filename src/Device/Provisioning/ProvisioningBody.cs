using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Homeport.Contract.Rest;
using Homeport.Device.Client.Errors;
using Homeport.Device.Hub;

namespace Homeport.Device.Provisioning;

/// <summary>Reads answers of a provisioning service.</summary>
internal static class ProvisioningBody
{
    public static T Read<T>(byte[] body, JsonTypeInfo<T> type)
        where T : class
    {
        try
        {
            return JsonSerializer.Deserialize(body, type)
                ?? throw new ProvisioningException(ProvisioningFailure.Protocol, "The service answered with an empty body.");
        }
        catch (JsonException e)
        {
            throw new ProvisioningException(ProvisioningFailure.Protocol, "The answer is not that of a provisioning service. Is the host name right?", e);
        }
    }

    public static byte[] DecodeKey(string? text)
    {
        try
        {
            return Convert.FromBase64String(text ?? throw new FormatException("There is no key."));
        }
        catch (FormatException e)
        {
            throw new ProvisioningException(ProvisioningFailure.Protocol, "The authenticationKey of the service is missing or not Base64.", e);
        }
    }

    /// <summary>A connection that could not be made, in words of provisioning.</summary>
    public static ProvisioningException Explain(IotHubException e) => e.End switch
    {
        HubLinkEnd.Untrusted => new ProvisioningException(ProvisioningFailure.Untrusted, e.Message, e),
        HubLinkEnd.Refused => new ProvisioningException(ProvisioningFailure.Refused, e.Message, e),
        _ => new ProvisioningException(ProvisioningFailure.Protocol, e.Message, e),
    };

    /// <summary>A refusal in words. Bodies that are no JSON, such as those of proxies, are not shown.</summary>
    public static ProvisioningException Refusal(HttpStatusCode status, byte[] body)
    {
        var kind = (int)status >= 500 ? ProvisioningFailure.Failed : ProvisioningFailure.Refused;
        DeviceErrorBody? error = null;
        try
        {
            error = JsonSerializer.Deserialize(body, ProvisioningJson.Wire.DeviceErrorBody);
        }
        catch (JsonException)
        {
            // The status alone has to do.
        }

        var text = error is { Message: { } message } ? $"{message} ({error.ErrorCode})" : "no reason given";
        return new ProvisioningException(kind, $"The provisioning service answered {(int)status}: {text}. {Fix(status)}")
        {
            ErrorCode = error?.ErrorCode ?? 0,
            TrackingId = error?.TrackingId,
        };
    }

    private static string Fix(HttpStatusCode status) => status switch
    {
        HttpStatusCode.Unauthorized => "Is the device enrolled with this key or TPM, and is its clock right?",
        HttpStatusCode.NotFound => "Are the ID scope and the registration id right, and is the device enrolled?",
        HttpStatusCode.Forbidden => "Is the enrollment enabled?",
        _ => "The operator of the service finds the explanation by the tracking id.",
    };
}
