using System.Text.Json.Serialization.Metadata;
using Homeport.Contract.Errors;
using Homeport.Contract.Rest;
using Homeport.Hub.Access;
using Homeport.Hub.Registry;
using Homeport.Provisioning;
using Homeport.Provisioning.Enrollments;
using Homeport.Provisioning.Registrations;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Homeport.Gateway.Http.Provisioning;

/// <summary>Enrollments and registration records over REST. Source: DPS service data plane, api-version 2021-10-01 and before.</summary>
public static class ProvisioningServiceEndpoints
{
    /// <summary>Longest body of a call for one entry, in bytes.</summary>
    private const int MaxBodySize = RegistrationCall.MaxBodySize;

    /// <summary>Longest body of a bulk call, in bytes.</summary>
    private const int MaxBulkSize = BulkEnrollment.MaxChanges * MaxBodySize;

    private const string ItemType = "x-ms-item-type";
    private const string Continuation = "x-ms-continuation";

    /// <summary>Maps <c>/enrollments</c>, <c>/enrollmentGroups</c> and <c>/registrations</c>.</summary>
    public static void MapProvisioningService(this IEndpointRouteBuilder routes, ProvisioningApi api)
    {
        ArgumentNullException.ThrowIfNull(routes);
        MapEnrollments(routes, api, "/enrollments", EnrollmentKind.Individual);
        MapEnrollments(routes, api, "/enrollmentGroups", EnrollmentKind.Group);
        routes.Map("/registrations/{id}", api.ByMethod(
            (HttpMethods.Get, api.Guard(Rights.RegistrationStatusRead, context => GetRegistrationAsync(api, context))),
            (HttpMethods.Delete, api.Guard(Rights.RegistrationStatusWrite, context => DeleteRegistrationAsync(api, context)))));
        routes.Map("/registrations/{id}/query", api.ByMethod(
            (HttpMethods.Post, api.Guard(Rights.RegistrationStatusRead, context => QueryRegistrationsAsync(api, context)))));
    }

    private static void MapEnrollments(IEndpointRouteBuilder routes, ProvisioningApi api, string path, EnrollmentKind kind)
    {
        routes.Map(path, api.ByMethod(
            (HttpMethods.Post, api.Guard(Rights.EnrollmentWrite, context => RunBulkAsync(api, context, kind)))));
        // For POST alone: an enrollment may have the name 'query'.
        routes.MapPost(path + "/query", api.ByMethod(
            (HttpMethods.Post, api.Guard(Rights.EnrollmentRead, context => QueryAsync(api, context, kind)))));
        routes.Map(path + "/{id}", api.ByMethod(
            (HttpMethods.Get, api.Guard(Rights.EnrollmentRead, context => GetAsync(api, context, kind))),
            (HttpMethods.Put, api.Guard(Rights.EnrollmentWrite, context => PutAsync(api, context, kind))),
            (HttpMethods.Delete, api.Guard(Rights.EnrollmentWrite, context => DeleteAsync(api, context, kind)))));
        routes.Map(path + "/{id}/attestationmechanism", api.ByMethod(
            (HttpMethods.Post, api.Guard(Rights.EnrollmentWrite, context => ShowAttestationAsync(api, context, kind)))));
    }

    private static async Task GetAsync(ProvisioningApi api, HttpContext context, EnrollmentKind kind)
    {
        if (!(await api.Enrollments.GetAsync(kind, Id(context), context.RequestAborted)).Succeeded(out var enrollment, out var refusal))
        {
            await api.RefuseAsync(context, refusal);
            return;
        }
        var registration = kind == EnrollmentKind.Individual ? (await api.Registrations.GetAsync(enrollment.Id, context.RequestAborted)).Value : null;
        await WriteEnrollmentAsync(context, EnrollmentForm.Show(enrollment) with
        {
            RegistrationState = registration is null ? null : RegistrationForm.ShowToService(registration),
        });
    }

    private static async Task PutAsync(ProvisioningApi api, HttpContext context, EnrollmentKind kind)
    {
        if ((await ReadAsync(context, ProvisioningJson.Received.EnrollmentDescription)).Succeeded(out var sent, out var refusal)
            && (await api.Enrollments.PutAsync(kind, Id(context), sent, Condition(context), context.RequestAborted)).Succeeded(out var enrollment, out refusal))
        {
            await WriteEnrollmentAsync(context, EnrollmentForm.ShowWithKeys(enrollment));
            return;
        }
        await api.RefuseAsync(context, refusal);
    }

    private static async Task DeleteAsync(ProvisioningApi api, HttpContext context, EnrollmentKind kind)
        => await AnswerDeletedAsync(api, context, await api.Enrollments.DeleteAsync(kind, Id(context), Condition(context), context.RequestAborted));

    private static async Task ShowAttestationAsync(ProvisioningApi api, HttpContext context, EnrollmentKind kind)
    {
        if ((await api.Enrollments.GetAsync(kind, Id(context), context.RequestAborted)).Succeeded(out var enrollment, out var refusal))
            await ProvisioningAnswers.WriteAsync(context, EnrollmentForm.ShowAttestation(enrollment.Attestation), ProvisioningJson.Wire.AttestationDescription);
        else
            await api.RefuseAsync(context, refusal);
    }

    private static async Task QueryAsync(ProvisioningApi api, HttpContext context, EnrollmentKind kind)
    {
        if ((await ReadAsync(context, ProvisioningJson.Received.EnrollmentQueryDescription)).Succeeded(out var sent, out var refusal)
            && (await api.Enrollments.QueryAsync(kind, sent.Query, PageSize(context), context.Request.Headers[Continuation], context.RequestAborted)).Succeeded(out var page, out refusal))
        {
            SetPageHeaders(context, kind == EnrollmentKind.Individual ? "Enrollment" : "EnrollmentGroup", page.Continuation);
            await ProvisioningAnswers.WriteAsync(context, [.. page.Items.Select(EnrollmentForm.Show)], ProvisioningJson.Wire.IReadOnlyListEnrollmentDescription);
            return;
        }
        await api.RefuseAsync(context, refusal);
    }

    private static async Task RunBulkAsync(ProvisioningApi api, HttpContext context, EnrollmentKind kind)
    {
        var bulk = new BulkEnrollment(api.Enrollments);
        if ((await ReadAsync(context, ProvisioningJson.Received.BulkEnrollmentDescription, MaxBulkSize)).Succeeded(out var sent, out var refusal)
            && (await bulk.RunAsync(kind, sent, r => api.Explain(r), context.RequestAborted)).Succeeded(out var result, out refusal))
        {
            await ProvisioningAnswers.WriteAsync(context, result, ProvisioningJson.Wire.BulkResultDescription);
            return;
        }
        await api.RefuseAsync(context, refusal);
    }

    private static async Task GetRegistrationAsync(ProvisioningApi api, HttpContext context)
    {
        if (!(await api.Registrations.GetAsync(Id(context), context.RequestAborted)).Succeeded(out var registration, out var refusal))
        {
            await api.RefuseAsync(context, refusal);
            return;
        }
        context.Response.Headers["ETag"] = EnrollmentForm.Quote(registration.ETag);
        await ProvisioningAnswers.WriteAsync(context, RegistrationForm.ShowToService(registration), ProvisioningJson.Wire.RegistrationStateDescription);
    }

    private static async Task DeleteRegistrationAsync(ProvisioningApi api, HttpContext context)
        => await AnswerDeletedAsync(api, context, await api.Registrations.DeleteAsync(Id(context), Condition(context), context.RequestAborted));

    private static async Task QueryRegistrationsAsync(ProvisioningApi api, HttpContext context)
    {
        // Some clients send no query: the address says it all.
        if (!(await ProvisioningAnswers.ReadBodyAsync(context, MaxBodySize)).Succeeded(out var body, out var refusal)
            || !ReadOptional(body).Succeeded(out var sent, out refusal)
            || !(await api.Registrations.QueryAsync(Id(context), sent.Query, PageSize(context), context.Request.Headers[Continuation], context.RequestAborted)).Succeeded(out var page, out refusal))
        {
            await api.RefuseAsync(context, refusal);
            return;
        }
        SetPageHeaders(context, "DeviceRegistration", page.Continuation);
        await ProvisioningAnswers.WriteAsync(context, [.. page.Items.Select(RegistrationForm.ShowToService)], ProvisioningJson.Wire.IReadOnlyListRegistrationStateDescription);
    }

    private static Outcome<EnrollmentQueryDescription> ReadOptional(byte[] body)
        => body.Length == 0 ? new EnrollmentQueryDescription(null) : JsonBody.Read(body, ProvisioningJson.Received.EnrollmentQueryDescription);

    private static async Task<Outcome<T>> ReadAsync<T>(HttpContext context, JsonTypeInfo<T> type, int limit = MaxBodySize)
        where T : class
        => (await ProvisioningAnswers.ReadBodyAsync(context, limit)).Succeeded(out var body, out var refusal) ? JsonBody.Read(body, type) : refusal;

    private static Task WriteEnrollmentAsync(HttpContext context, EnrollmentDescription enrollment)
    {
        context.Response.Headers["ETag"] = enrollment.Etag;
        return ProvisioningAnswers.WriteAsync(context, enrollment, ProvisioningJson.Wire.EnrollmentDescription);
    }

    private static Task AnswerDeletedAsync(ProvisioningApi api, HttpContext context, Refusal? refusal)
    {
        if (refusal is not null)
            return api.RefuseAsync(context, refusal);
        context.Response.StatusCode = StatusCodes.Status204NoContent;
        return Task.CompletedTask;
    }

    // C# throws when the type is missing.
    private static void SetPageHeaders(HttpContext context, string itemType, string? continuation)
    {
        context.Response.Headers[ItemType] = itemType;
        if (continuation is not null)
            context.Response.Headers[Continuation] = continuation;
    }

    private static int PageSize(HttpContext context) => EnrollmentQuery.PageSize(context.Request.Headers["x-ms-max-item-count"]);

    private static IfMatch Condition(HttpContext context) => IfMatch.Parse(context.Request.Headers.IfMatch);

    private static string Id(HttpContext context) => (string)context.Request.RouteValues["id"]!;
}
