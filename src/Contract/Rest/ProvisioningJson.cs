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
[JsonSerializable(typeof(EndorsementListDescription))]
[JsonSerializable(typeof(EndorsementImportDescription))]
[JsonSerializable(typeof(RevocationListDescription))]
[JsonSerializable(typeof(AllocationRequestBody))]
[JsonSerializable(typeof(AllocationAnswerBody))]
[JsonSerializable(typeof(LinkedHubDescription))]
[JsonSerializable(typeof(IReadOnlyList<LinkedHubDescription>))]
[JsonSerializable(typeof(AllocationSettingsDescription))]
[JsonSerializable(typeof(IssuedCertificateDescription))]
[JsonSerializable(typeof(IReadOnlyList<IssuedCertificateDescription>))]
[JsonSerializable(typeof(RevocationDescription))]
public sealed partial class ProvisioningJson : JsonSerializerContext
{
    /// <summary>Deepest nesting that is read.</summary>
    public const int MaxDepth = 32;

    // What was read has to fit into an answer, and there into a list.
    private const int MaxWrittenDepth = MaxDepth * 2;

    /// <summary>To read what a client sent.</summary>
    public static ProvisioningJson Received { get; } = new(OptionsOf(MaxDepth));

    /// <summary>To write an answer. Base64 keeps its '+', since small JSON parsers on devices know no <c>\u</c> sequences.</summary>
    public static ProvisioningJson Wire { get; } = new(OptionsOf(MaxWrittenDepth));

    private static JsonSerializerOptions OptionsOf(int maxDepth) => new(JsonSerializerDefaults.Web)
    {
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        MaxDepth = maxDepth,
    };
}
