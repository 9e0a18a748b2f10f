namespace Homeport.Device.Provisioning;

/// <summary>Where to register and how patiently.</summary>
/// <param name="Endpoint">Host name of the provisioning service, with a port if it is not 443: <c>dps.example</c> or <c>dps.example:8443</c>.</param>
/// <param name="IdScope">The ID scope of the service.</param>
public sealed record ProvisioningOptions(string Endpoint, string IdScope)
{
    public ServerTrust Trust { get; init; } = ServerTrust.Default;

    public ProvisioningTransport Transport { get; init; } = ProvisioningTransport.Https;

    public int MqttPort { get; init; } = 8883;

    public int AmqpPort { get; init; } = 5671;

    /// <summary>The endpoint without its port.</summary>
    internal string HostName => Address.Host;

    /// <summary>The endpoint's port.</summary>
    internal int HttpsPort => Address.Port;

    private Uri Address => new($"https://{Endpoint}/");

    /// <summary>After this the registration is given up. Long enough for a restart of the service.</summary>
    public TimeSpan Limit { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>The limit of one request.</summary>
    public TimeSpan RequestLimit { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>The wait before a repetition when the service names none.</summary>
    public TimeSpan DefaultDelay { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>The longest wait that the service may ask for.</summary>
    public TimeSpan LongestDelay { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>The life of the token that a registration uses. Longer than <see cref="Limit"/>.</summary>
    public TimeSpan TokenLifetime { get; init; } = TimeSpan.FromHours(1);

    /// <summary>Puts a handler around the HTTPS calls, for those who want to see them. Null: nothing.</summary>
    public Func<HttpMessageHandler, HttpMessageHandler>? Observe { get; init; }
}
