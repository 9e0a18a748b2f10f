using System.Globalization;
using Homeport.People.Access;
using Homeport.People.Audit;
using Homeport.Provisioning.Bulk;
using Homeport.WebConsole.Access;
using Homeport.WebConsole.Components;
using Homeport.WebConsole.Live;
using Microsoft.AspNetCore.Antiforgery;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Homeport.WebConsole;

/// <summary>Puts the console into the server: a module with an Add and a Map.</summary>
public static class ConsoleHost
{
    internal const string SignOutPath = "/console/sign-out";
    private const long MaxMessage = 512 * 1024;

    /// <summary>Registers what the pages need.</summary>
    /// <param name="services">Of the server.</param>
    /// <param name="domain">Gives the domain's services; called once the server is put together.</param>
    /// <param name="issuer">Who may vouch for people beside the own accounts, or null.</param>
    public static void AddConsole(this IServiceCollection services, Func<ConsoleServices> domain, ConsoleIssuer? issuer = null)
    {
        if (issuer is not null)
            services.AddIssuer(issuer);
        services.AddSingleton(_ => domain());
        services.AddSingleton<MessageTail>();
        services.AddSingleton<FleetMeter>();
        services.AddScoped<Me>();
        // Forms and circuits are signed with keys that live as long as the process; sessions are not, they are in the database.
        services.AddSingleton<IDataProtectionProvider, EphemeralDataProtectionProvider>();
        services.AddAntiforgery(options =>
        {
            options.Cookie.Name = "__Host-homeport-form";
            options.Cookie.SecurePolicy = CookieSecurePolicy.Always;
            options.Cookie.SameSite = SameSiteMode.Strict;
            options.SuppressXFrameOptionsHeader = true;
        });
        services.AddRazorComponents().AddInteractiveServerComponents(options =>
        {
            options.DisconnectedCircuitMaxRetained = 50;
            options.DisconnectedCircuitRetentionPeriod = TimeSpan.FromMinutes(2);
            options.MaxBufferedUnacknowledgedRenderBatches = 4;
        }).AddHubOptions(options => options.MaximumReceiveMessageSize = MaxMessage);
        RemoveKeyFile(services);
    }

    // The framework would make a key at start and write it to the user's directory in plain text, although nothing uses it.
    private static void RemoveKeyFile(IServiceCollection services)
    {
        var framework = typeof(EphemeralDataProtectionProvider).Assembly;
        foreach (var service in services.Where(s => s.ServiceType == typeof(IHostedService) && s.ImplementationType?.Assembly == framework).ToList())
            services.Remove(service);
    }

    /// <summary>Maps the pages below <c>/console</c>.</summary>
    public static void MapConsole(this WebApplication app)
    {
        app.UseWhen(IsOurs, branch => branch.UseMiddleware<ConsoleGate>());
        if (app.Services.GetService<IAuthenticationSchemeProvider>() is not null)
            app.MapIssuer();
        app.UseAntiforgery();
        app.MapGet("/", context =>
        {
            context.Response.Redirect(ConsoleGate.Root);
            return Task.CompletedTask;
        });
        app.MapGet("/console/assets/{name}", ConsoleAssets.SendAsync);
        app.MapPost(SignOutPath, SignOutAsync);
        app.MapGet("/console/audit.jsonl", ExportAsync);
        app.MapGet("/console/devices.csv", ExportDevicesAsync);
        app.MapGet(ConsoleFiles.Path, ConsoleFiles.SendAsync);
        app.MapGet(ConsoleFiles.ErrorsPath, ConsoleFiles.SendErrorsAsync);
        app.MapRazorComponents<App>().AddInteractiveServerRenderMode(options => options.ContentSecurityFrameAncestorsPolicy = null);
    }

    private static bool IsOurs(HttpContext context)
        => context.Request.Path.StartsWithSegments(ConsoleGate.Root, StringComparison.Ordinal) || context.Request.Path.StartsWithSegments(ConsoleGate.Hub, StringComparison.Ordinal);

    private static async Task SignOutAsync(HttpContext context, ConsoleServices services, IAntiforgery antiforgery)
    {
        if (!await antiforgery.IsRequestValidAsync(context))
        {
            context.Response.StatusCode = StatusCodes.Status400BadRequest;
            return;
        }
        if (SessionOf(context, services) is { } session)
        {
            await services.Sessions.EndAsync(session.Id, context.RequestAborted);
            await services.Audit.AppendAsync(session.Actor, new AuditAction("signOut", "account", session.AccountId), CancellationToken.None);
        }
        ConsoleGate.ClearCookie(context);
        context.Response.Redirect(ConsoleGate.SignInPath);
    }

    private static async Task ExportAsync(HttpContext context, ConsoleServices services)
    {
        if (SessionOf(context, services)?.Actor is not { } actor || !actor.May(Permission.ViewAudit) || actor.CheckWhole() is not null)
        {
            context.Response.StatusCode = StatusCodes.Status403Forbidden;
            return;
        }
        await services.Audit.AppendAsync(actor, new AuditAction("exportAudit", "audit", ""), context.RequestAborted);
        context.Response.ContentType = "application/jsonl; charset=utf-8";
        var day = services.Time.GetUtcNow().ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
        context.Response.Headers.ContentDisposition = $"attachment; filename=\"homeport-audit-{day}.jsonl\"";
        await AuditLines.WriteAsync(services.Audit, context.Response.Body, context.RequestAborted);
    }

    private static async Task ExportDevicesAsync(HttpContext context, ConsoleServices services)
    {
        var query = context.Request.Query;
        var withKeys = query["keys"] == "true";
        if (SessionOf(context, services)?.Actor is not { } actor || !actor.May(withKeys ? Permission.RevealDeviceKeys : Permission.ViewDevices))
        {
            context.Response.StatusCode = StatusCodes.Status403Forbidden;
            return;
        }
        if (query["id"].Count > DeviceExport.MaxSelected)
        {
            context.Response.StatusCode = StatusCodes.Status400BadRequest;
            return;
        }
        var options = new ExportOptions
        {
            Filter = DeviceChoice.Filter(query["show"], query["search"]) with { Organizations = await services.Organizations.ScopeOfAsync(actor, context.RequestAborted) },
            DeviceIds = query["id"].Count == 0 ? null : [.. query["id"].OfType<string>()],
            Columns = DeviceChoice.Columns(query["columns"]) & (withKeys ? ~ExportColumns.None : ~ExportColumns.ConnectionString),
            WithKeys = withKeys,
            SpreadsheetSafe = query["safe"] == "true",
        };
        await services.Audit.AppendAsync(actor, new AuditAction("exportDevices", "device", options.DeviceIds is { } ids ? $"{ids.Count} devices" : "all") { Detail = withKeys ? "with keys" : null }, context.RequestAborted);
        context.Response.ContentType = "text/csv; charset=utf-8";
        context.Response.Headers.ContentDisposition = "attachment; filename=\"homeport-devices.csv\"";
        context.Response.Headers.CacheControl = "no-store";
        await services.Export.RunAsync(context.Response.Body, options, context.RequestAborted);
    }

    /// <summary>The session of a request, or null.</summary>
    internal static People.Sessions.Session? SessionOf(HttpContext context, ConsoleServices services)
        => context.User.FindFirst(ConsoleGate.SessionClaim) is { } claim ? services.Sessions.Alive(claim.Value) : null;
}
