using System.Security.Cryptography;
using System.Text;

namespace Homeport.Tests.Interop.Harness;

/// <summary>Makes shared access signatures as the SDKs do, independent of the product's code.</summary>
public static class SasToken
{
    public static string ForDevice(string host, string deviceId, string key, TimeSpan? life = null) =>
        Create($"{host}/devices/{Uri.EscapeDataString(deviceId)}", key, null, life);

    public static string ForService(ServiceCredential credential, TimeSpan? life = null) => Create(credential.HostName, credential.Key, credential.Policy, life);

    public static string Create(string audience, string key, string? policy, TimeSpan? life = null)
    {
        var resource = Uri.EscapeDataString(audience);
        var expiry = DateTimeOffset.UtcNow.Add(life ?? TimeSpan.FromHours(1)).ToUnixTimeSeconds();
        var mac = HMACSHA256.HashData(Convert.FromBase64String(key), Encoding.UTF8.GetBytes($"{resource}\n{expiry}"));
        var token = $"SharedAccessSignature sr={resource}&sig={Uri.EscapeDataString(Convert.ToBase64String(mac))}&se={expiry}";
        return policy is null ? token : $"{token}&skn={policy}";
    }

    public static string NewKey() => Convert.ToBase64String(RandomNumberGenerator.GetBytes(32));

    /// <summary>The key of one device in a group: HMAC-SHA256 of the registration id under the group's key.</summary>
    public static string DerivedKey(string groupKey, string registrationId) =>
        Convert.ToBase64String(HMACSHA256.HashData(Convert.FromBase64String(groupKey), Encoding.UTF8.GetBytes(registrationId)));
}
