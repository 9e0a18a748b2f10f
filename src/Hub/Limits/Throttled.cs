using Homeport.Contract.Errors;

namespace Homeport.Hub.Limits;

/// <summary>Why a call has to wait, and how long.</summary>
/// <param name="Refusal">The answer.</param>
/// <param name="RetryAfter">Time after which the same call goes through, if nobody else takes its place.</param>
public sealed record Throttled(Refusal Refusal, TimeSpan RetryAfter);
