using System.Security.Cryptography.X509Certificates;
using Homeport.Agent.Doors;
using Homeport.Agent.Identity;
using Homeport.Agent.Registration;
using Homeport.Agent.Settings;
using Homeport.Contract.Errors;
using Homeport.Contract.Rest;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Homeport.Agent.Portal;

/// <summary>
/// The page of the device, over TLS. Pages for people who signed in with the password; the same for the provisioning tool, which sends the password
/// with every call.
/// </summary>
internal sealed partial class PortalDoor
{
    private readonly AgentOptions _options;
    private readonly AgentIdentity _identity;
    private readonly Registrar _registrar;
    private readonly Func<AgentStatus> _status;
    private readonly ILogger _logger;
    private readonly Action _changed;
    private readonly PortalPassword _password;
    private readonly Sessions _sessions;
    private readonly SignInThrottle _throttle;
    private readonly PortalPages _pages;
    private readonly X509Certificate2 _certificate;

    public PortalDoor(PortalParts parts, ILogger<PortalDoor> logger)
    {
        _options = parts.Options;
        _identity = parts.Identity;
        _registrar = parts.Registrar;
        _status = parts.Status;
        _changed = parts.Changed;
        _logger = logger;
        _password = new PortalPassword(_options.StateDirectory);
        _sessions = new Sessions(parts.Time);
        _throttle = new SignInThrottle(parts.Time);
        _pages = new PortalPages(parts.Log, _options.Settings);
        _certificate = PortalCertificate.Open(_options);
    }

    public void Listen(KestrelServerOptions kestrel)
    {
        var portal = _options.Settings.Portal;
        if (portal.Network)
            kestrel.ListenAnyIP(portal.Port, Configure);
        else
            kestrel.ListenLocalhost(portal.Port, Configure);

        void Configure(ListenOptions listen)
        {
            listen.Use(PlainRedirect.Add);
            listen.UseHttps(_certificate);
        }
    }

    /// <summary>Tells the console where the page is and, the first time, how to get in.</summary>
    public void Welcome()
    {
        LogPage(_options.Settings.Portal.Port, PortalCertificate.Fingerprint(_certificate));

        // To the console, and not into the log that the agent shows to programs and on the page.
        if (_password.SetupCode is { } code)
            Console.WriteLine($"The page has no password yet. Open it and set one with this setup code: {code}");
    }

    public Task HandleAsync(HttpContext context)
    {
        var headers = context.Response.Headers;
        headers.ContentSecurityPolicy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
        headers.XContentTypeOptions = "nosniff";
        headers.XFrameOptions = "DENY";
        // Not "no-referrer": browsers would then send the forms of this page with the origin "null".
        headers["Referrer-Policy"] = "same-origin";
        headers["Cross-Origin-Opener-Policy"] = "same-origin";
        headers.CacheControl = "no-store";
        var path = context.Request.Path.Value ?? "/";
        if (PortalAssets.Find(path) is { } asset && HttpMethods.IsGet(context.Request.Method))
            return SendAsync(context, 200, asset.Type, asset.Bytes);
        if (path.StartsWith("/api/", StringComparison.Ordinal))
            return HandleApiAsync(context, path);
        return context.Request.Method switch
        {
            "GET" or "HEAD" => ShowAsync(context, path),
            "POST" when IsSameOrigin(context) => HandlePostAsync(context, path),
            "POST" => PageAsync(context, 403, PortalPages.Message("Not from here", "This form came from another site. Open the page of the device and send it from there.")),
            _ => PageAsync(context, 405, PortalPages.Message("Not here", "The page takes GET and POST.")),
        };
    }

    private Task ShowAsync(HttpContext context, string path)
    {
        if (!_password.IsSet)
            return PageAsync(context, 200, PortalPages.Setup(null));
        if (_sessions.Find(context) is not { } session)
            return PageAsync(context, path == "/" ? 200 : 401, PortalPages.SignIn(null));
        return path switch
        {
            "/" => PageAsync(context, 200, _pages.Configuration(session, _status(), new ImprintForm(new AgentImprint(), null), null)),
            "/log" => PageAsync(context, 200, _pages.Log(session)),
            "/state" => Reply.JsonAsync(context, 200, PortalPages.Brief(_status()), AgentJson.Wire.AgentStatus),
            "/endorsement-key.svg" when _identity.DescribeTpm().EndorsementKey is { } key => SendAsync(context, 200, "image/svg+xml", PortalAssets.QrCode(key)),
            "/endorsement-certificate.svg" when _identity.DescribeTpm().EndorsementCertificate is { Length: <= PortalAssets.MaxQrText } certificate
                => SendAsync(context, 200, "image/svg+xml", PortalAssets.QrCode(certificate)),
            _ => PageAsync(context, 404, PortalPages.Message("Nothing here", "The page of the device begins at /.")),
        };
    }

    private async Task HandlePostAsync(HttpContext context, string path)
    {
        if (!context.Request.HasFormContentType)
        {
            await PageAsync(context, 400, PortalPages.Message("Not understood", "Send the form of the page."));
            return;
        }

        var form = await context.Request.ReadFormAsync(context.RequestAborted);
        if (path is "/setup" && !_password.IsSet)
        {
            await SetUpAsync(context, form);
        }
        else if (path is "/sign-in")
        {
            await SignInAsync(context, form);
        }
        else if (_sessions.Find(context) is not { } session)
        {
            await PageAsync(context, 401, PortalPages.SignIn("The session has ended. Sign in again."));
        }
        else if (!session.IsFormToken(form["token"]))
        {
            await PageAsync(context, 403, PortalPages.Message("Not from here", "The form is too old, or from another site. Open the page again and send it from there."));
        }
        else
        {
            await HandleFormAsync(context, path, form, session);
        }
    }

    private async Task HandleFormAsync(HttpContext context, string path, IFormCollection form, Session session)
    {
        switch (path)
        {
            case "/imprint":
                await ImprintAsync(context, form, session);
                return;
            case "/registration":
                await RegisterAsync(context, form, session);
                return;
            case "/password":
                await ChangePasswordAsync(context, form, session);
                return;
            case "/check":
                _changed();
                break;
            case "/sign-out":
                _sessions.End(context, session);
                break;
            default:
                await PageAsync(context, 404, PortalPages.Message("Nothing here", "The page of the device begins at /."));
                return;
        }

        SeeOther(context);
    }

    private async Task SetUpAsync(HttpContext context, IFormCollection form)
    {
        var address = context.Connection.RemoteIpAddress;
        if (_throttle.Enter(address) is var wait && wait > TimeSpan.Zero)
        {
            await PageAsync(context, 429, PortalPages.Setup(Wait(wait)));
        }
        else if (!_password.IsSetupCode(form["code"]))
        {
            _throttle.Failed(address);
            LogWrong("setup code", $"{address}");
            await PageAsync(context, 403, PortalPages.Setup("That is not the setup code. It is in the log of the agent: journalctl -u homeport-agent"));
        }
        else if (PortalPassword.Check(form["password"], form["repeated"]) is { } wrong)
        {
            await PageAsync(context, 400, PortalPages.Setup(wrong));
        }
        else
        {
            _password.Set(form["password"]!);
            _throttle.Succeeded(address);
            LogPasswordSet($"{address}");
            _sessions.Begin(context);
            SeeOther(context);
        }
    }

    private async Task SignInAsync(HttpContext context, IFormCollection form)
    {
        var (isRight, wait) = await TryPasswordAsync(context, form["password"]);
        if (isRight)
        {
            _sessions.Begin(context);
            SeeOther(context);
            return;
        }

        await PageAsync(context, wait > TimeSpan.Zero ? 429 : 403, PortalPages.SignIn(wait > TimeSpan.Zero ? Wait(wait) : "That is not the password."));
    }

    private async Task<(bool IsRight, TimeSpan Wait)> TryPasswordAsync(HttpContext context, string? password)
    {
        var address = context.Connection.RemoteIpAddress;
        if (_throttle.Enter(address) is var wait && wait > TimeSpan.Zero)
            return (false, wait);
        if (await _password.VerifyAsync(password, context.RequestAborted))
        {
            _throttle.Succeeded(address);
            return (true, TimeSpan.Zero);
        }

        _throttle.Failed(address);
        LogWrong("password", $"{address}");
        return (false, TimeSpan.Zero);
    }

    private async Task ImprintAsync(HttpContext context, IFormCollection form, Session session)
    {
        var imprint = new AgentImprint
        {
            HostName = form["hostName"].ToString().Trim(),
            DeviceId = form["deviceId"].ToString().Trim(),
            PrimaryKey = form["primaryKey"].ToString().Trim(),
            LogicalDevice = uint.TryParse(form["logicalDevice"], out var number) ? number : _options.Settings.LogicalDevice,
        };
        var fields = AgentIdentity.Check(imprint, imprint.LogicalDevice.Value);
        var outcome = fields.Count > 0 ? default : await ImprintAsync(imprint);
        if (fields.Count == 0 && outcome.Succeeded(out var done, out _))
        {
            session.Notice = $"Saved. The TPM holds the key of {done.DeviceId}; it cannot be read back.";
            SeeOther(context);
            return;
        }

        await PageAsync(
            context, fields.Count > 0 ? 400 : outcome.Refusal!.Error.HttpStatus,
            _pages.Configuration(session, _status(), new ImprintForm(imprint with { PrimaryKey = null }, fields), outcome.Refusal?.Text));
    }

    private async Task<Outcome<AgentLogicalDevice>> ImprintAsync(AgentImprint imprint)
    {
        var outcome = await _identity.ImprintAsync(imprint, _options.Settings.LogicalDevice, CancellationToken.None);
        if (outcome.Succeeded(out var done, out _))
        {
            LogImprinted(done.Number, done.HostName, done.DeviceId);
            _changed();
        }

        return outcome;
    }

    private async Task RegisterAsync(HttpContext context, IFormCollection form, Session session)
    {
        var id = form["registrationId"].ToString().Trim();
        var request = new AgentRegistrationRequest { Endpoint = form["endpoint"].ToString().Trim(), IdScope = form["idScope"].ToString().Trim(), RegistrationId = id.Length == 0 ? null : id };
        if (_registrar.Start(request, CancellationToken.None).Succeeded(out _, out var refusal))
            SeeOther(context);
        else
            await PageAsync(context, refusal.Error.HttpStatus, _pages.Configuration(session, _status(), new ImprintForm(new AgentImprint(), null), refusal.Text));
    }

    private async Task ChangePasswordAsync(HttpContext context, IFormCollection form, Session session)
    {
        var (isRight, wait) = await TryPasswordAsync(context, form["current"]);
        var wrong = isRight ? PortalPassword.Check(form["password"], form["repeated"]) : wait > TimeSpan.Zero ? Wait(wait) : "That is not the present password.";
        if (wrong is not null)
        {
            await PageAsync(context, 400, _pages.Configuration(session, _status(), new ImprintForm(new AgentImprint(), null), wrong));
            return;
        }

        _password.Set(form["password"]!);
        _sessions.Clear();
        _sessions.Begin(context).Notice = "The password is changed; everybody else is signed out.";
        SeeOther(context);
    }

    [LoggerMessage(1, LogLevel.Information, "The page of the device: https://<this device>:{Port}, certificate SHA-256 {Fingerprint}")]
    private partial void LogPage(int port, string fingerprint);

    [LoggerMessage(3, LogLevel.Information, "A wrong {What} for the page, from {Address}")]
    private partial void LogWrong(string what, string address);

    [LoggerMessage(4, LogLevel.Information, "The password of the page was set, from {Address}")]
    private partial void LogPasswordSet(string address);

    [LoggerMessage(5, LogLevel.Information, "Imprinted logical device {Number}: {HostName}/{DeviceId}")]
    private partial void LogImprinted(uint number, string hostName, string deviceId);
}

/// <summary>What the page shows and changes.</summary>
internal sealed record PortalParts(
    AgentOptions Options, AgentIdentity Identity, Registrar Registrar, Func<AgentStatus> Status, RecentLog Log, TimeProvider Time, Action Changed);
