using System.Net;
using System.Security.Cryptography;
using Homeport.Contract.Rest;

namespace Homeport.Agent.Portal;

/// <summary>What somebody typed, and what is wrong with it.</summary>
internal sealed record ImprintForm(AgentImprint Values, IReadOnlyDictionary<string, string>? Wrong);

/// <summary>The pages, in plain HTML that also works without the script.</summary>
internal sealed class PortalPages(RecentLog log, AgentSettings settings)
{
    private const int ShownLogicalDevices = 16;

    public static Html Setup(string? wrong) => Card("First use", Html.Of($"""
        <p>This device has no password yet. Set one with the setup code that the agent wrote to its log:</p>
        <p><code>journalctl -u homeport-agent</code></p>
        {Alert(wrong)}
        <form method="post" action="/setup">
        <label>Setup code <input name="code" required autofocus autocomplete="off" spellcheck="false" placeholder="XXXX-XXXX-XXXX"></label>
        <label>New password <input name="password" type="password" required minlength="{PortalPassword.MinLength}" autocomplete="new-password"></label>
        <label>The same again <input name="repeated" type="password" required autocomplete="new-password"></label>
        <button>Set password</button>
        </form>
        """));

    public static Html SignIn(string? wrong) => Card("Sign in", Html.Of($"""
        {Alert(wrong)}
        <form method="post" action="/sign-in">
        <input name="user" value="administrator" autocomplete="username" hidden>
        <label>Password <input name="password" type="password" required autofocus autocomplete="current-password"></label>
        <button>Sign in</button>
        </form>
        <p class="hint">Forgotten? On the device: <code>homeport-agent password</code></p>
        """));

    public static Html Message(string title, string text) => Card(title, Html.Of($"""<p>{text}</p><p><a href="/">To the page of the device</a></p>"""));

    public Html Configuration(Session session, AgentStatus status, ImprintForm form, string? failure)
    {
        var notice = session.Notice;
        session.Notice = null;
        return Frame("TPM Configuration", session, Html.Of($"""
            {Alert(failure)}{Html.Of($"""<p class="alert good" role="status">{notice}</p>""").When(notice is not null)}
            {Html.Of($"""<p class="alert bad" role="alert"><strong>The TPM cannot be used.</strong> {status.Tpm.Failure}</p>""").When(status.Tpm.Failure is not null)}
            {Html.Of($"""<p class="alert warn"><strong>Software TPM.</strong> It works like a chip but gives no security: whoever can read the disk can copy the identity of this device.</p>""").When(status.Tpm.IsSoftware == true)}
            <div class="grid">
            <div>{Imprint(session, status, form)}{Imprinted(status)}</div>
            <div>{Connection(session, status)}{EndorsementKey(status)}{Registration(session, status)}</div>
            </div>
            {Queues(status)}{Troubles(status)}{ChangePassword(session)}
            """));
    }

    public Html Log(Session session) => Frame("Log", session, Html.Of($"""
        <section class="card"><h2>Log</h2><p class="hint">The last lines, newest first. All of them: <code>journalctl -u homeport-agent</code></p>
        <ul class="log">{Html.Join(log.Lines.Reverse().Select(static l => Html.Of($"""<li class="{Severity(l.Level)}"><time>{l.Time:yyyy-MM-dd HH:mm:ss}Z</time> <span>{l.Text}</span></li>""")))}</ul></section>
        """));

    /// <summary>What the script asks for again and again: small, and without the keys.</summary>
    public static AgentStatus Brief(AgentStatus status)
        => status with { Tpm = status.Tpm with { EndorsementKey = null, EndorsementCertificate = null }, Troubles = [], Queues = [] };

    private static Html Imprint(Session session, AgentStatus status, ImprintForm form)
    {
        var present = status.LogicalDevices.FirstOrDefault(d => d.Number == (form.Values.LogicalDevice ?? 0));
        return Html.Of($"""
            <section class="card"><h2>TPM Configuration</h2>
            <form method="post" action="/imprint" autocomplete="off">
            <input type="hidden" name="token" value="{session.FormToken}">
            {Field("hostName", "Host name", form.Values.HostName ?? present?.HostName, "hub.example.com", form)}
            {Field("deviceId", "Device id", form.Values.DeviceId ?? present?.DeviceId, "my-device", form)}
            {Field("primaryKey", "Primary key", null, "Base64, as the hub shows it", form)}
            <label>Logical device <select name="logicalDevice">{Html.Join(Enumerable.Range(0, ShownLogicalDevices).Select(n => Html.Of($"""<option{Html.Of($" selected").When(n == (form.Values.LogicalDevice ?? 0))}>{n}</option>""")))}</select></label>
            <button>Save</button>
            <p class="hint">The key goes into the TPM and cannot be read back by anybody. Save again to replace it.</p>
            </form></section>
            """);
    }

    private static Html Field(string name, string label, string? value, string example, ImprintForm form)
    {
        var wrong = form.Wrong?.GetValueOrDefault(name);
        var type = name == "primaryKey" ? "password" : "text";
        return Html.Of($"""
            <label>{label} <input name="{name}" type="{type}" value="{value}" placeholder="{example}" required autocomplete="off" autocapitalize="none" spellcheck="false"{Html.Of($""" aria-invalid="true" aria-describedby="{name}-wrong" """).When(wrong is not null)}></label>
            {Html.Of($"""<p class="wrong" id="{name}-wrong">{wrong}</p>""").When(wrong is not null)}
            """);
    }

    private static Html Imprinted(AgentStatus status) => Html.Of($"""
        <section class="card"><h2>What is imprinted</h2>
        {Html.Of($"""<p class="hint">Nothing yet.</p>""").When(status.LogicalDevices.Count == 0)}
        {Html.Join(status.LogicalDevices.Select(static d => Html.Of($"""
            <dl><dt>Logical device</dt><dd>{d.Number}</dd><dt>Host name</dt><dd>{(d.HostName.Length == 0 ? "none" : d.HostName)}</dd>
            <dt>Device id</dt><dd>{(d.DeviceId.Length == 0 ? "the hardware id" : d.DeviceId)}</dd>
            <dt>Key</dt><dd>{(d.HasKey ? "in the TPM, not readable" : "missing: save again")}</dd></dl>
            """)))}</section>
        """);

    private static Html Connection(Session session, AgentStatus status) => Html.Of($"""
        <section class="card"><h2>Connection</h2>
        <p><span id="connection" class="badge {status.Connection.State}">{Words(status.Connection.State)}</span> <span id="checked" class="hint">{Seen(status.Connection.Checked)}</span></p>
        <p id="connection-message">{status.Connection.Message}</p>
        {Html.Of($"""<p class="alert warn">The clock of this device is {status.Connection.ClockBehindSeconds} seconds behind the hub's. Tokens are made by the hub's time; set the clock.</p>""").When(status.Connection.ClockBehindSeconds is not null)}
        <form method="post" action="/check"><input type="hidden" name="token" value="{session.FormToken}"><button class="quiet">Check now</button></form></section>
        """);

    private static Html EndorsementKey(AgentStatus status)
    {
        if (status.Tpm.EndorsementKey is not { } key)
            return Html.Empty;
        var certificate = status.Tpm.EndorsementCertificate is { } der ? PemEncoding.WriteString("CERTIFICATE", Convert.FromBase64String(der)) : null;
        return Html.Of($"""
            <section class="card"><h2>TPM</h2>
            <dl><dt>TPM</dt><dd>{status.Tpm.Make}</dd><dt>Reached by</dt><dd>{status.Tpm.Source}</dd></dl>
            {Copyable("Registration id", "registration-id", status.Tpm.RegistrationId!, 1)}
            {Copyable("Endorsement key", "endorsement-key", key, 4)}
            <details><summary>As QR code</summary><img class="qr" src="/endorsement-key.svg" alt="QR code of the endorsement key" width="260" height="260"></details>
            {(certificate is null ? Html.Of($"""<p class="hint">The maker put no certificate of the endorsement key into this TPM.</p>""") : Copyable("Certificate of the endorsement key", "endorsement-certificate", certificate, 4))}
            {Html.Of($"""<details><summary>The certificate as QR code</summary><img class="qr" src="/endorsement-certificate.svg" alt="QR code of the certificate, DER in Base64" width="360" height="360"></details>""").When(status.Tpm.EndorsementCertificate is { Length: <= PortalAssets.MaxQrText })}
            </section>
            """);
    }

    private static Html Copyable(string label, string id, string text, int rows) => Html.Of($"""
        <label for="{id}">{label}</label><div class="copy"><textarea id="{id}" rows="{rows}" readonly spellcheck="false">{text}</textarea><button type="button" class="quiet" data-copy="{id}">Copy</button></div>
        """);

    private Html Registration(Session session, AgentStatus status) => Html.Of($"""
        <section class="card"><h2>Registration by the TPM</h2>
        <p><span id="registration" class="badge {status.Registration?.State ?? "none"}">{status.Registration?.State ?? "none"}</span> <span id="registration-message">{Registered(status.Registration)}</span></p>
        <form method="post" action="/registration" autocomplete="off"><input type="hidden" name="token" value="{session.FormToken}">
        <label>Provisioning service <input name="endpoint" value="{status.Registration?.Endpoint ?? settings.Provisioning?.Endpoint}" placeholder="hub.example.com" required autocapitalize="none" spellcheck="false"></label>
        <label>ID scope <input name="idScope" value="{status.Registration?.IdScope ?? settings.Provisioning?.IdScope}" placeholder="0ne00000000" required autocapitalize="none" spellcheck="false"></label>
        <label>Registration id <input name="registrationId" value="{status.Registration?.RegistrationId ?? settings.Provisioning?.RegistrationId}" placeholder="that of the endorsement key" autocapitalize="none" spellcheck="false"></label>
        <button class="quiet">Register</button></form></section>
        """);

    private static Html Queues(AgentStatus status) => Html.Of($"""
        <section class="card"><h2>Queues</h2>
        {Html.Of($"""<p class="hint">The programs that send from this device by a queue are shown here when the settings name their reports (<code>queues</code>).</p>""").When(status.Queues.Count == 0)}
        {Html.Join(status.Queues.Select(static q => Html.Of($"""
            <h3>{q.Name}</h3>
            {Html.Of($"""<p class="alert warn">{q.Trouble}</p>""").When(q.Trouble is not null)}
            {Html.Of($"""
                <dl><dt>Waiting</dt><dd>{q.Messages:N0} messages, {Size(q.Bytes)}</dd>
                <dt>Oldest</dt><dd>{Age(q.OldestSeconds)}</dd>
                <dt>Dropped</dt><dd>{q.Dropped:N0}</dd>
                <dt>Reported</dt><dd>{q.Written.GetValueOrDefault():yyyy-MM-dd HH:mm:ss}Z</dd></dl>
                """).When(q.Written is not null)}
            """)))}</section>
        """);

    private static Html Troubles(AgentStatus status) => Html.Of($"""
        <section class="card"><h2>Last errors</h2>
        <ul class="log">{Html.Join(status.Troubles.Select(static t => Html.Of($"""<li class="warn"><time>{t.Time:yyyy-MM-dd HH:mm:ss}Z</time> <span>{t.Message}</span></li>""")))}</ul>
        {Html.Of($"""<p class="hint">None.</p>""").When(status.Troubles.Count == 0)}</section>
        """);

    private static Html ChangePassword(Session session) => Html.Of($"""
        <details class="card"><summary>Change the password of this page</summary>
        <form method="post" action="/password"><input type="hidden" name="token" value="{session.FormToken}">
        <label>Present password <input name="current" type="password" required autocomplete="current-password"></label>
        <label>New password <input name="password" type="password" required minlength="{PortalPassword.MinLength}" autocomplete="new-password"></label>
        <label>The same again <input name="repeated" type="password" required autocomplete="new-password"></label>
        <button class="quiet">Change password</button></form></details>
        """);

    private static Html Alert(string? text) => Html.Of($"""<p class="alert bad" role="alert">{text}</p>""").When(text is not null);

    private static Html Card(string title, Html content) => Frame(title, null, Html.Of($"""<section class="card narrow"><h2>{title}</h2>{content}</section>"""));

    private static Html Frame(string title, Session? session, Html content) => Html.Of($"""
        <!DOCTYPE html>
        <html lang="en"><head><meta charset="utf-8"><title>{title} · {Dns.GetHostName()}</title>
        <meta name="viewport" content="width=device-width, initial-scale=1"><link rel="stylesheet" href="/portal.css"><link rel="icon" href="/favicon.svg">
        <script src="/portal.js" defer></script></head>
        <body><header><h1><img src="/favicon.svg" alt="" width="28" height="28"> <span>{Dns.GetHostName()}</span></h1>
        {Html.Of($"""<nav><a href="/">TPM Configuration</a><a href="/log">Log</a><form method="post" action="/sign-out"><input type="hidden" name="token" value="{session?.FormToken}"><button class="link">Sign out</button></form></nav>""").When(session is not null)}
        </header><main>{content}</main><footer>Homeport agent {AgentService.Version}</footer></body></html>
        """);

    private static string Registered(AgentRegistration? registration) => registration switch
    {
        null => "Not asked for.",
        { State: "assigned" } r => $"{r.DeviceId} at {r.AssignedHub}",
        { NextTry: { } next } r => $"{r.Message} Next try at {next:HH:mm:ss}Z.",
        { State: "running" } => "Asking the service …",
        _ => registration.Message ?? "",
    };

    private static string Words(string state) => state switch
    {
        "connected" => "The hub accepts this device",
        "notProvisioned" => "Not imprinted yet",
        "refused" => "Refused by the hub",
        "unreachable" => "Hub not reached",
        "untrusted" => "Hub not trusted",
        "clockWrong" => "The clock is wrong",
        _ => "Not known yet",
    };

    private static string Size(long bytes) => bytes < 1000 ? $"{bytes} bytes" : bytes < 1_000_000 ? $"{bytes / 1e3:F1} kB" : $"{bytes / 1e6:F1} MB";

    private static string Age(double? seconds) => seconds switch
    {
        null => "none",
        < 120 => $"{seconds:F0} seconds",
        < 7200 => $"{seconds / 60:F0} minutes",
        < 172_800 => $"{seconds / 3600:F0} hours",
        _ => $"{seconds / 86_400:F0} days",
    };

    private static string Seen(DateTimeOffset? time) => time is { } at ? $"seen {at:yyyy-MM-dd HH:mm:ss}Z" : "";

    private static string Severity(LogLevel level) => level >= LogLevel.Error ? "bad" : level == LogLevel.Warning ? "warn" : "";
}
