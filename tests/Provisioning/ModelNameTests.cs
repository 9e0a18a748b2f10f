using System.Text.Json;
using Homeport.Provisioning.Registrations;

namespace Homeport.Tests.Provisioning;

/// <summary>Every form in which devices name their model.</summary>
public sealed class ModelNameTests
{
    [Theory]
    [InlineData("""{"modelId":"dtmi:a:b;1"}""", "dtmi:a:b;1")]
    [InlineData("""{"iotcModelId":"dtmi:a:b;1"}""", "dtmi:a:b;1")]
    [InlineData("""{"iotcModelId":"urn:a:b:1"}""", "urn:a:b:1")]
    [InlineData("""{"iotcModelId":"urn:a:b/1"}""", "urn:a:b/1")]
    [InlineData("""{"iotcModelId":"dtmi:old;1","modelId":"dtmi:a:b;1"}""", "dtmi:a:b;1")]
    [InlineData("""{"__iot:interfaces":{"CapabilityModelId":"urn:a:b:1"}}""", "urn:a:b:1")]
    [InlineData("""{"__iot:interfaces":{"ModelRepositoryUri":"https://models.example","CapabilityModelUri":"https://models.example/dtmi%3Aa%3Ab%3B1"}}""", "dtmi:a:b;1")]
    [InlineData("""{"__iot:interfaces":{"CapabilityModelUri":"https://models.example/model.json"}}""", null)]
    [InlineData(""" "{\"modelId\":\"dtmi:a:b;1\"}" """, "dtmi:a:b;1")]
    [InlineData(""" "{\"__iot:interfaces\":{\"CapabilityModelId\":\"urn:a:b:1\"}}" """, "urn:a:b:1")]
    [InlineData(""" "{iotcModelId : 'dtmi:a:b;1'}" """, "dtmi:a:b;1")]
    [InlineData(""" "{iotcModelId : dtmi:a:b;1}" """, null)]
    [InlineData(""" "dtmi:a:b;1" """, null)]
    [InlineData("""{"modelId":7}""", null)]
    [InlineData("""{"modelId":""}""", null)]
    [InlineData("""{"__iot:interfaces":"x"}""", null)]
    [InlineData("[]", null)]
    [InlineData("null", null)]
    public void A_payload_names_the_model(string payload, string? model)
    {
        using var document = JsonDocument.Parse(payload);
        ModelName.Of(document.RootElement).ShouldBe(model);
    }

    [Fact]
    public void A_name_that_is_too_long_is_none()
    {
        using var document = JsonDocument.Parse($$"""{"modelId":"dtmi:{{new string('a', 2048)}};1"}""");
        ModelName.Of(document.RootElement).ShouldBeNull();
        ModelName.Of(null).ShouldBeNull();
    }
}
