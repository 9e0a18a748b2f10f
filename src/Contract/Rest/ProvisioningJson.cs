using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Homeport.Contract.Rest;

/// <summary>How bodies of the provisioning service are written and read: camel case, absent members left out.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web)]
[JsonSerializable(typeof(EnrollmentDescription))]
[JsonSerializable(typeof(IReadOnlyList<EnrollmentDescription>))]
[JsonSerializable(typeof(AttestationDescription))]
[JsonSerializable(typeof(EnrollmentQueryDescription))]
[JsonSerializable(typeof(BulkEnrollmentDescription))]
[JsonSerializable(typeof(BulkResultDescription))]
[JsonSerializable(typeof(RegisterRequest))]
[JsonSerializable(typeof(OperationDescription))]
[JsonSerializable(typeof(RegistrationStateDescription))]
[JsonSerializable(typeof(IReadOnlyList<RegistrationStateDescription>))]
[JsonSerializable(typeof(TpmChallengeBody))]
[JsonSerializable(typeof(DeviceErrorBody))]
public sealed partial class ProvisioningJson : JsonSerializerContext
{
    /// <summary>Deepest nesting that is read.</summary>
    public const int MaxDepth = 32;

    /// <summary>The one to use. Base64 keeps its '+', since small JSON parsers on devices know no <c>\u</c> sequences.</summary>
    public static ProvisioningJson Wire { get; } = new(new JsonSerializerOptions(JsonSerializerDefaults.Web)
    {
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        MaxDepth = MaxDepth,
    });
}
