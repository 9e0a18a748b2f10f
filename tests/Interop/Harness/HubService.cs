using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Homeport.Tests.Interop.Harness;

/// <summary>An answer of the REST API, read to its end.</summary>
public sealed record RestAnswer(int Status, string Body, HttpResponseHeaders Headers)
{
    public JsonNode Json => JsonNode.Parse(Body) ?? throw new InvalidDataException("the body is null");

    public string? Header(string name) => Headers.TryGetValues(name, out var values) ? values.First() : null;
}

/// <summary>A device as the registry gave it back.</summary>
public sealed record TestDevice(string Id, string PrimaryKey, string SecondaryKey);

/// <summary>Calls the service REST API (of the hub or of provisioning) with a policy's token.</summary>
public sealed class HubService(ServerTrust trust, int port, ServiceCredential credential) : IDisposable
{
    private const string Version = "api-version=2021-04-12";
    private readonly HttpClient _http = trust.HttpClient(port);

    public ServiceCredential Credential { get; } = credential;

    public async Task<TestDevice> CreateDeviceAsync(string id, JsonNode? authentication = null, string status = "enabled")
    {
        var body = new JsonObject { ["deviceId"] = id, ["status"] = status };
        if (authentication is not null)
            body["authentication"] = authentication;
        var answer = await SendAsync(HttpMethod.Put, $"devices/{Uri.EscapeDataString(id)}", body);
        answer.Status.ShouldBe(200, answer.Body);
        var keys = answer.Json["authentication"]?["symmetricKey"];
        return new TestDevice(id, (string?)keys?["primaryKey"] ?? "", (string?)keys?["secondaryKey"] ?? "");
    }

    public Task<TestDevice> CreateX509DeviceAsync(string id, string primaryThumbprint, string? secondaryThumbprint = null) =>
        CreateDeviceAsync(id, new JsonObject
        {
            ["type"] = "selfSigned",
            ["x509Thumbprint"] = new JsonObject { ["primaryThumbprint"] = primaryThumbprint, ["secondaryThumbprint"] = secondaryThumbprint },
        });

    public async Task<RestAnswer> SendAsync(HttpMethod method, string path, JsonNode? body = null, string? ifMatch = null, string? token = null)
    {
        var uri = path.Contains('?', StringComparison.Ordinal) ? path : $"{path}?{Version}";
        using var request = new HttpRequestMessage(method, uri);
        request.Headers.TryAddWithoutValidation("Authorization", token ?? SasToken.ForService(Credential));
        if (ifMatch is not null)
            request.Headers.TryAddWithoutValidation("If-Match", ifMatch);
        if (body is not null)
            request.Content = new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json");
        using var response = await _http.SendAsync(request);
        return new RestAnswer((int)response.StatusCode, await response.Content.ReadAsStringAsync(), response.Headers);
    }

    public async Task<T> GetAsync<T>(string path)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.TryAddWithoutValidation("Authorization", SasToken.ForService(Credential));
        using var response = await _http.SendAsync(request);
        if (!response.IsSuccessStatusCode)
            throw new InvalidOperationException($"GET {path}: {(int)response.StatusCode} {await response.Content.ReadAsStringAsync()}");
        return await response.Content.ReadFromJsonAsync<T>(JsonSerializerOptions.Web) ?? throw new InvalidDataException("the body is null");
    }

    public void Dispose() => _http.Dispose();
}
