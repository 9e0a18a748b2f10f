namespace Homeport.Server.Options;

/// <summary>One setting: its names, its default, and what it is for.</summary>
/// <param name="Name">Name on the command line without dashes (<c>https-port</c>) and in the settings file (<c>httpsPort</c>).</param>
/// <param name="Default">Value when nobody sets it, or null for none.</param>
/// <param name="Description">For <c>--help</c>.</param>
internal sealed record Setting(string Name, string? Default, string Description)
{
    /// <summary>May stand on the command line alone, and is true then.</summary>
    public bool IsFlag { get; init; }

    /// <summary>Name of the environment variable.</summary>
    public string Variable => "HOMEPORT_" + Name.ToUpperInvariant().Replace('-', '_');

    /// <summary>Name in the settings file.</summary>
    public string JsonName => string.Concat(Name.Split('-').Select((word, i) => i == 0 ? word : char.ToUpperInvariant(word[0]) + word[1..]));

    public static readonly Setting Host = new("host", null, "Names of this server, separated by commas; the first is the hub's host name. Default: localhost, 127.0.0.1 and the machine's name");
    public static readonly Setting Data = new("data", null, "Directory for everything that outlives the process. Default: the user's application data");
    public static readonly Setting HttpsPort = new("https-port", "443", "Port of HTTPS and WebSockets; SDKs know only 443");
    public static readonly Setting AmqpPort = new("amqp-port", "5671", "Port of AMQP; SDKs know only 5671");
    public static readonly Setting MqttPort = new("mqtt-port", "8883", "Port of MQTT; SDKs know only 8883");
    public static readonly Setting CrlPort = new("crl-port", "8780", "Port of plain HTTP, for the certificate revocation list only");
    public static readonly Setting Certificate = new("certificate", null, "PEM file of an own server certificate with its chain");
    public static readonly Setting CertificateKey = new("certificate-key", null, "PEM file of the certificate's private key");
    public static readonly Setting ReadyFile = new("ready-file", null, "File to write, as JSON, when every door is open");
    public static readonly Setting Partitions = new("partitions", "4", "Partitions of a new hub, 1 to 32");
    public static readonly Setting RetentionDays = new("retention-days", "1", "Days that messages are kept, 1 to 7");
    public static readonly Setting RetentionMb = new("retention-mb", "0", "Space for messages in MiB, 16 or more; beyond it the oldest are dropped before their time. 0: no limit but the disk");
    public static readonly Setting ImportRows = new("import-rows", "200000", "Rows that one import of devices may have, 1 to 10000000");
    public static readonly Setting ImportMb = new("import-mb", "64", "Longest file of an import of devices, in MiB, 1 to 4096");
    public static readonly Setting Events = new("events", null, "Event sources to put into the log beside telemetry, separated by commas: twinChangeEvents, digitalTwinChangeEvents, deviceLifecycleEvents, deviceConnectionStateEvents");
    public static readonly Setting LogLevel = new("log-level", "Information", "Trace, Debug, Information, Warning, Error or None");

    public static readonly Setting BlobStorage = new("blob-storage", null, "File with the connection string of a storage account, or of an S3 bucket, for the files of devices. Default: the built-in store");
    public static readonly Setting BlobContainer = new("blob-container", FileSettings.DefaultContainer, "Container for the files of devices");
    public static readonly Setting BlobBlockMb = new("blob-block-mb", "100", "Longest block, and file in one request, of the built-in store, in MiB");
    public static readonly Setting BlobSizeMb = new("blob-size-mb", "5120", "Longest file of the built-in store, in MiB");
    public static readonly Setting BlobQuotaMb = new("blob-quota-mb", "20480", "All that the built-in store may hold, in MiB");

    public static readonly Setting Models = new("models", null, "Folder with device models beside the own repository, in the layout of the public one: dtmi/com/example/thermostat-1.json");
    public static readonly Setting Listen = new("listen", null, "IP addresses at which the doors listen, separated by commas. Default: all addresses of the machine");
    public static readonly Setting WebhookNetworks = new("webhook-networks", null, "Private networks where custom allocation webhooks may be, as 10.1.0.0/16, separated by commas. Default: public addresses only");
    public static readonly Setting WebhookCa = new("webhook-ca", null, "PEM file of CAs of webhooks, beside those that the machine trusts");
    public static readonly Setting CertificateSigner = new("certificate-signer", null, "Program that signs certificates of devices: reads a PEM request, writes PEM certificates");
    public static readonly Setting DeviceCertificateDays = new("device-certificate-days", "30", "Days that a certificate issued to a device is valid, 1 to 825");

    public static readonly Setting Limits = new("limits", "machine", "Limits: machine, azure-s1, azure-s2 or azure-s3");
    public static readonly Setting Units = new("units", "1", "Units of the limits of Azure: 1 to 200, of azure-s3 1 to 10");
    public static readonly Setting FaultInjection = new("fault-injection", "false", "Lets devices order faults of the service, as tests of SDKs do") { IsFlag = true };

    public static readonly Setting OidcIssuer = new("oidc-issuer", null, "OpenID Connect issuer that may vouch for people and programs, as it calls itself: an https address");
    public static readonly Setting OidcClientId = new("oidc-client-id", null, "Id of this server as a client of the issuer");
    public static readonly Setting OidcClientSecret = new("oidc-client-secret", null, "File with the secret of that client");
    public static readonly Setting OidcScopes = new("oidc-scopes", "openid profile email", "Scopes to ask the issuer for, separated by spaces");
    public static readonly Setting OidcName = new("oidc-name", null, "Name of the issuer on the sign-in page. Default: its host name");
    public static readonly Setting OidcGroupsClaim = new("oidc-groups-claim", "groups", "Claim with the groups of a person");
    public static readonly Setting OidcVerifiedClaim = new("oidc-verified-claim", "email_verified", "Claim that says that the e-mail address was verified");
    public static readonly Setting OidcAudience = new("oidc-audience", null, "Audience of bearer tokens for the operators' API. Default: none are taken");
    public static readonly Setting OidcCa = new("oidc-ca", null, "PEM file of CAs of the issuer, beside those that the machine trusts");

    public static readonly IReadOnlyList<Setting> All =
        [Host, Data, HttpsPort, MqttPort, AmqpPort, CrlPort, Certificate, CertificateKey, ReadyFile, Partitions, RetentionDays, RetentionMb, ImportRows, ImportMb, Events, LogLevel,
            BlobStorage, BlobContainer, BlobBlockMb, BlobSizeMb, BlobQuotaMb, Limits, Units, FaultInjection,
            Listen, WebhookNetworks, WebhookCa, CertificateSigner, DeviceCertificateDays, Models,
            OidcIssuer, OidcClientId, OidcClientSecret, OidcScopes, OidcName, OidcGroupsClaim, OidcVerifiedClaim, OidcAudience, OidcCa];
}
