using System.Globalization;
using System.Text.Json;
using Homeport.Contract.Errors;
using Homeport.Hub.Access;
using Homeport.Hub.Configurations;
using Homeport.Hub.Limits;
using Homeport.Hub.Twins;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Homeport.Gateway.Http;

/// <summary>Automatic device management over REST. Source: IoT Hub data plane, api-version 2021-04-12.</summary>
public static class ConfigurationEndpoints
{
    /// <summary>Maps <c>/configurations</c>, <c>/configurations/{id}</c>, <c>/configurations/testQueries</c> and <c>/devices/{id}/applyConfigurationContent</c>.</summary>
    public static void MapConfigurations(this IEndpointRouteBuilder routes, HubApi hub, DeviceConfigurations configurations)
    {
        routes.MapGet("/configurations", hub.Guard(Rights.RegistryRead, context => ListAsync(hub, configurations, context), HubOperation.Configuration));
        routes.MapPost("/configurations/testQueries", hub.Guard(Rights.RegistryRead, context => TestAsync(hub, context), HubOperation.Configuration));
        routes.MapGet("/configurations/{configurationId}", hub.Guard(Rights.RegistryRead, async context
            => await AnswerAsync(hub, context, await configurations.GetAsync(Id(context), context.RequestAborted)), HubOperation.Configuration));
        routes.MapPut("/configurations/{configurationId}", hub.Guard(Rights.RegistryWrite, context => PutAsync(hub, configurations, context), HubOperation.Configuration));
        routes.MapDelete("/configurations/{configurationId}", hub.Guard(Rights.RegistryWrite, async context
            => await AnswerAsync(hub, context, await configurations.DeleteAsync(Id(context), context.Condition(), CancellationToken.None)), HubOperation.Configuration));
        routes.MapPost("/devices/{deviceId}/applyConfigurationContent", hub.Guard(Rights.RegistryWrite, context => ApplyAsync(hub, configurations, context), HubOperation.Configuration));
    }

    private static string Id(HttpContext context) => (string)context.Request.RouteValues["configurationId"]!;

    private static async Task ListAsync(HubApi hub, DeviceConfigurations configurations, HttpContext context)
    {
        var top = DeviceConfigurations.MaxCount;
        if (context.Request.Query["top"].FirstOrDefault() is { } text && (!int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out top) || top < 1))
        {
            await hub.RefuseAsync(context, new Refusal(HubErrors.ArgumentInvalid, "top is not a number from 1 up", "Correct the query."));
            return;
        }
        var found = await configurations.ListAsync(Math.Min(top, DeviceConfigurations.MaxCount), context.RequestAborted);
        await WriteAsync(context, writer =>
        {
            writer.WriteStartArray();
            foreach (var view in found)
                ConfigurationForm.Write(writer, view);
            writer.WriteEndArray();
        });
    }

    private static async Task PutAsync(HubApi hub, DeviceConfigurations configurations, HttpContext context)
    {
        if (!(await context.ReadBytesAsync()).Succeeded(out var body, out var refusal) || !ConfigurationForm.Read(body, Id(context)).Succeeded(out var request, out refusal))
        {
            await hub.RefuseAsync(context, refusal);
            return;
        }
        await AnswerAsync(hub, context, await configurations.PutAsync(request, context.Condition(), CancellationToken.None));
    }

    private static async Task TestAsync(HubApi hub, HttpContext context)
    {
        if (!(await context.ReadBytesAsync()).Succeeded(out var body, out var refusal) || !ConfigurationForm.ReadTest(body).Succeeded(out var test, out refusal))
            await hub.RefuseAsync(context, refusal);
        else
            await WriteAsync(context, writer => ConfigurationForm.Write(writer, test));
    }

    private static async Task ApplyAsync(HubApi hub, DeviceConfigurations configurations, HttpContext context)
    {
        if (!(await context.ReadBytesAsync()).Succeeded(out var body, out var refusal) || !TwinJson.ReadObject(body).Succeeded(out var content, out refusal))
            await hub.RefuseAsync(context, refusal);
        else
            await AnswerAsync(hub, context, await configurations.ApplyAsync(context.DeviceId(), content, CancellationToken.None));
    }

    private static async Task AnswerAsync(HubApi hub, HttpContext context, Outcome<ConfigurationView> outcome)
    {
        if (!outcome.Succeeded(out var view, out var refusal))
        {
            await hub.RefuseAsync(context, refusal);
            return;
        }
        context.SetETag(view.Configuration.ETag);
        await WriteAsync(context, writer => ConfigurationForm.Write(writer, view));
    }

    private static Task AnswerAsync(HubApi hub, HttpContext context, Refusal? refusal)
    {
        if (refusal is not null)
            return hub.RefuseAsync(context, refusal);
        context.Response.StatusCode = StatusCodes.Status204NoContent;
        return Task.CompletedTask;
    }

    private static async Task WriteAsync(HttpContext context, Action<Utf8JsonWriter> write)
    {
        using var stream = new MemoryStream();
        await using (var writer = new Utf8JsonWriter(stream))
            write(writer);
        await context.WriteBytesAsync(stream.ToArray());
    }
}
