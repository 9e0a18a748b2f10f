using Homeport.Amqp.Encoding;
using Homeport.Amqp.Performatives;
using Homeport.Contract.Errors;
using Homeport.Hub.Live;

namespace Homeport.Gateway.Amqp;

/// <summary>The service's refusals as AMQP errors: SDKs map the condition to their exceptions.</summary>
public static class AmqpErrors
{
    public const string Timeout = "com.microsoft:timeout";
    public const string MessageLockLost = "com.microsoft:message-lock-lost";
    public const string HubNotFound = "com.microsoft:iot-hub-not-found-error";
    public const string ArgumentError = "com.microsoft:argument-error";
    public const string Throttled = "com.microsoft:device-container-throttled";
    public const string AlreadyExists = "com.microsoft:device-already-exists";
    public const string TrackingId = "com.microsoft:tracking-id";

    /// <summary>
    /// The error of a refusal, with its tracking id in text and info. A stranger is not told why: names could be probed. Who is known, and
    /// has not the right, hears which one it needs.
    /// </summary>
    public static AmqpError Of(Refusal refusal)
    {
        var text = refusal.Error.Code is >= 401000 and < 404000 && refusal.Error != HubErrors.IotHubUnauthorizedAccess ? $"{refusal.Error.Text} The server keeps the reason under the tracking id." : refusal.Text;
        return new AmqpError(
            ConditionOf(refusal.Error),
            $"{text} ErrorCode:{refusal.Error.Code} TrackingId:{refusal.TrackingId}",
            new AmqpMap { [TrackingId] = refusal.TrackingId });
    }

    /// <summary>The condition of an error of the service.</summary>
    public static string ConditionOf(ServiceError error) => error.Code switch
    {
        403002 or 403004 or 403005 or 403006 or 403301 or 403302 or 403800 => ErrorCondition.ResourceLimitExceeded,
        409302 => ErrorCondition.Stolen,
        403009 => ArgumentError,
        401001 => HubNotFound,
        400003 => ErrorCondition.NotAllowed,
        412002 => MessageLockLost,
        >= 400000 and < 401000 => ArgumentError,
        >= 401000 and < 404000 => ErrorCondition.UnauthorizedAccess,
        >= 404000 and < 405000 => ErrorCondition.NotFound,
        >= 405000 and < 406000 => ErrorCondition.NotAllowed,
        >= 409000 and < 410000 => AlreadyExists,
        >= 412000 and < 413000 => ErrorCondition.PreconditionFailed,
        >= 413000 and < 414000 => ErrorCondition.MessageSizeExceeded,
        >= 429000 and < 430000 => Throttled,
        >= 501000 and < 502000 => ErrorCondition.NotImplemented,
        >= 504000 and < 505000 => Timeout,
        _ => ErrorCondition.InternalError,
    };

    /// <summary>Why a connection ends; null for a good end.</summary>
    public static AmqpError? OfConnection(CloseReason reason)
        => Of(reason) is { Condition: ErrorCondition.Stolen } stolen ? stolen with { Condition = ErrorCondition.ConnectionForced } : Of(reason);

    /// <summary>Why the links of a device end; null for a good end.</summary>
    public static AmqpError? Of(CloseReason reason) => reason switch
    {
        CloseReason.None or CloseReason.ClientDisconnected or CloseReason.ClientGone => null,
        CloseReason.TakenOver => new AmqpError(ErrorCondition.Stolen, "The same device connected again, so this connection's links were closed. ErrorCode:400027"),
        CloseReason.TokenExpired => new AmqpError(ErrorCondition.UnauthorizedAccess, "The security token came to its end: put a new one before that."),
        CloseReason.AuthenticationFailed => new AmqpError(ErrorCondition.UnauthorizedAccess, "The credentials are not accepted."),
        CloseReason.IdentityChanged => new AmqpError(ErrorCondition.UnauthorizedAccess, "The identity was disabled, deleted, or got other credentials."),
        CloseReason.Throttled => new AmqpError(Throttled, "Too many calls for the hub's limits."),
        CloseReason.SlowClient => new AmqpError(ErrorCondition.ResourceLimitExceeded, "The client does not read what it is sent."),
        CloseReason.ConnectTimeout => new AmqpError(ErrorCondition.ResourceLimitExceeded, "The connection was not opened in time."),
        CloseReason.ServerStopping => new AmqpError(ErrorCondition.ConnectionForced, "The server stops: connect again."),
        CloseReason.FaultOrdered => new AmqpError(ErrorCondition.ConnectionForced, "The client ordered this fault."),
        _ => new AmqpError(ErrorCondition.InternalError, "A fault of the server."),
    };
}
