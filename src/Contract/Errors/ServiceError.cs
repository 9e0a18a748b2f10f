namespace Homeport.Contract.Errors;

/// <summary>One row of the error catalogue.</summary>
/// <param name="Name">The service's name for it, as in the header <c>iothub-errorcode</c>.</param>
/// <param name="Code">Azure's number: HTTP status times 1000 plus a detail.</param>
/// <param name="Text">What it means, in one sentence.</param>
public sealed record ServiceError(string Name, int Code, string Text)
{
    /// <summary>HTTP status of the refusal.</summary>
    public int HttpStatus => Code / 1000;
}
