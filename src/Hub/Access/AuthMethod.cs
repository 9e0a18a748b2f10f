namespace Homeport.Hub.Access;

/// <summary>How a connection proved who it is, as consumers see it in <c>iothub-connection-auth-method</c>.</summary>
/// <param name="Scope"><c>hub</c> (a policy's token), <c>device</c> or <c>module</c>.</param>
/// <param name="Type"><c>sas</c> or <c>x509</c>.</param>
public sealed record AuthMethod(string Scope, string Type)
{
    /// <summary>The annotation's JSON text.</summary>
    public override string ToString() => $$"""{"scope":"{{Scope}}","type":"{{Type}}","issuer":"iothub"}""";
}
