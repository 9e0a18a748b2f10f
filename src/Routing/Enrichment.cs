using Homeport.Hub.Query;

namespace Homeport.Routing;

/// <summary>
/// A property that is added to messages on their way to an endpoint: a text, the hub's name, or a value of the sender's twin.
/// Source: Azure "Message enrichments for device-to-cloud IoT Hub messages".
/// </summary>
public sealed class Enrichment
{
    private readonly string _key;
    private readonly string _value;
    private readonly QueryPath? _path;

    private Enrichment(string key, string value, QueryPath? path) => (_key, _value, _path) = (key, value, path);

    /// <summary>True when the twin of the sender has to be at hand.</summary>
    public bool ReadsTwin => _path is not null;

    /// <summary>Makes an enrichment. Null, with the reason, when key or value cannot be used.</summary>
    public static Enrichment? Make(string key, string value, string hubName, out string? wrong)
    {
        wrong = null;
        if (key.Length is 0 or > 128 || !key.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.'))
            wrong = $"the name of an enrichment has 1 to 128 of A-Z, a-z, 0-9, '-', '_' and '.', and '{(key.Length <= 128 ? key : key[..128])}' does not";
        else if (value.Length is 0 or > 1024)
            wrong = $"the value of the enrichment '{key}' has {value.Length} characters; 1 to 1024 are possible";
        else if (value.Equals("$iothubname", StringComparison.OrdinalIgnoreCase))
            return new Enrichment(key, hubName, null);
        else if (!value.StartsWith("$twin", StringComparison.OrdinalIgnoreCase))
            return new Enrichment(key, value, null);
        else if (MessageCondition.ParsePath(value).Succeeded(out var path, out var refusal))
            return new Enrichment(key, value, path);
        else
            wrong = $"the enrichment '{key}': {refusal.Seen}. {refusal.Fix}";
        return null;
    }

    /// <summary>Adds the property. A path that leads nowhere in the twin stays as the text that it is, as in the service.</summary>
    public void Apply(RoutedMessage message)
    {
        ArgumentNullException.ThrowIfNull(message);
        var value = _path is null ? default : message.Get(_path);
        message.Enrich(_key, value.IsDefined ? value.Text ?? value.ToString() : _value);
    }
}
