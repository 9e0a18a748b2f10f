using System.Text.Json;
using System.Text.Json.Serialization;

namespace Homeport.Contract.Rest;

/// <summary>How REST bodies are written and read, generated at compile time. Member names are the wire's.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, UseStringEnumConverter = true, MaxDepth = 32)]
[JsonSerializable(typeof(DeviceDescription))]
[JsonSerializable(typeof(IReadOnlyList<DeviceDescription>))]
[JsonSerializable(typeof(ModuleDescription))]
[JsonSerializable(typeof(IReadOnlyList<ModuleDescription>))]
[JsonSerializable(typeof(IReadOnlyList<BulkDevice>))]
[JsonSerializable(typeof(BulkResult))]
[JsonSerializable(typeof(DeviceStatistics))]
[JsonSerializable(typeof(ServiceStatistics))]
[JsonSerializable(typeof(MethodDescription))]
[JsonSerializable(typeof(QueryDescription))]
[JsonSerializable(typeof(AdmissionDescription))]
[JsonSerializable(typeof(AdmissionAnswer))]
[JsonSerializable(typeof(HubErrorBody))]
[JsonSerializable(typeof(DeviceErrorBody))]
[JsonSerializable(typeof(MessagePage))]
[JsonSerializable(typeof(StoredMessage))]
[JsonSerializable(typeof(ExplanationBody))]
[JsonSerializable(typeof(IReadOnlyList<ExplanationBody>))]
[JsonSerializable(typeof(DeviceDiagnosis))]
[JsonSerializable(typeof(IReadOnlyList<BatchedMessage>))]
[JsonSerializable(typeof(FeedbackRecord))]
[JsonSerializable(typeof(PurgeResult))]
[JsonSerializable(typeof(IReadOnlyList<WaitingMessage>))]
[JsonSerializable(typeof(ReadyFile))]
[JsonSerializable(typeof(UploadRequestBody))]
[JsonSerializable(typeof(UploadTicketBody))]
[JsonSerializable(typeof(UploadReportBody))]
[JsonSerializable(typeof(FileNotificationBody))]
[JsonSerializable(typeof(BlobAccessBody))]
public sealed partial class Json : JsonSerializerContext;
