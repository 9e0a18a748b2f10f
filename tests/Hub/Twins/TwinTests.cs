using System.Text;
using System.Text.Json.Nodes;
using Homeport.Contract.Errors;
using Homeport.Hub.Live;
using Homeport.Hub.Registry;
using Homeport.Hub.Twins;

namespace Homeport.Tests.Hub.Twins;

/// <summary>The twins of a device and a module in memory, on a clock of the test's.</summary>
public abstract class TwinTests
{
    private readonly MemoryTwinStore _store = new();

    protected TwinTests()
    {
        var identities = new MemoryIdentityStore();
        Registry = new IdentityRegistry(identities, Live, Time);
        Twins = new DeviceTwins(_store, Registry, Live, Time);
        foreach (var moduleId in (string?[])[null, "m1"])
        {
            _store.Add("dev1", moduleId);
            identities.InsertAsync(new Identity { DeviceId = "dev1", ModuleId = moduleId, GenerationId = "1", Authentication = new Authentication(AuthenticationType.Sas, new byte[32], new byte[32]) }, null, default).IsCompletedSuccessfully.ShouldBeTrue();
        }
    }

    private protected FakeTimeProvider Time { get; } = new();

    private protected LiveConnections Live { get; } = new();

    private protected IdentityRegistry Registry { get; }

    private protected DeviceTwins Twins { get; }

    /// <summary>Reads a service's body as the REST door does, and merges it.</summary>
    private protected async Task<Outcome<Twin>> PatchAsync(string body, string? ifMatch = null, string? moduleId = null)
        => Read(body).Succeeded(out var patch, out var refusal) ? await Twins.PatchAsync("dev1", moduleId, patch, IfMatch.Parse(ifMatch), default) : refusal;

    private protected async Task<Outcome<Twin>> ReplaceAsync(string body, string? ifMatch = null)
        => Read(body).Succeeded(out var patch, out var refusal) ? await Twins.ReplaceAsync("dev1", null, patch, IfMatch.Parse(ifMatch), default) : refusal;

    private protected Task<Outcome<Twin>> ReportAsync(string body) => Twins.ReportAsync("dev1", null, Encoding.UTF8.GetBytes(body), default);

    private protected async Task<Twin> TwinAsync() => (await Twins.GetAsync("dev1", null, default)).Value!;

    /// <summary>Writes members into a section by the one way that there is for it.</summary>
    private protected Task<Outcome<Twin>> WriteAsync(string section, string json) => section switch
    {
        "tags" => PatchAsync($$"""{"tags":{{json}}}"""),
        "desired" => PatchAsync($$$"""{"properties":{"desired":{{{json}}}}}"""),
        _ => ReportAsync(json),
    };

    /// <summary>The members of a section, without what the hub adds.</summary>
    private protected static JsonObject Members(Twin twin, string section) => Json(section switch
    {
        "tags" => twin.Tags,
        "desired" => twin.Desired.Properties,
        _ => twin.Reported.Properties,
    });

    private protected static JsonObject Json(ReadOnlyMemory<byte> json) => JsonNode.Parse(json.Span)!.AsObject();

    private protected static void Same(JsonNode? actual, string expected)
        => JsonNode.DeepEquals(actual, JsonNode.Parse(expected)).ShouldBeTrue($"it is {actual?.ToJsonString()} and should be {expected}");

    private static Outcome<TwinPatch> Read(string body) => TwinJson.ReadObject(Encoding.UTF8.GetBytes(body)).Succeeded(out var json, out var refusal) ? TwinPatch.Read(json) : refusal;
}
