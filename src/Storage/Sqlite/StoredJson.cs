using System.Text.Json.Serialization;

namespace Homeport.Storage.Sqlite;

/// <summary>JSON in columns of the hub's tables.</summary>
[JsonSerializable(typeof(Dictionary<string, int>))]
[JsonSerializable(typeof(List<string>))]
[JsonSerializable(typeof(List<long>))]
[JsonSerializable(typeof(Dictionary<string, List<long>>))]
internal sealed partial class StoredJson : JsonSerializerContext;
