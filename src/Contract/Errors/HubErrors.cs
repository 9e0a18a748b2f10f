namespace Homeport.Contract.Errors;

/// <summary>Errors of the hub, with the names and numbers that the service SDKs map to their exceptions.</summary>
public static class HubErrors
{
    public static readonly ServiceError InvalidProtocolVersion = new(nameof(InvalidProtocolVersion), 400001, "The api-version is missing or cannot be read.");
    public static readonly ServiceError ArgumentInvalid = new(nameof(ArgumentInvalid), 400004, "An argument is not valid.");
    public static readonly ServiceError ArgumentNull = new(nameof(ArgumentNull), 400005, "An argument is missing.");
    public static readonly ServiceError IotHubFormatError = new(nameof(IotHubFormatError), 400006, "The request cannot be read.");
    public static readonly ServiceError InvalidFileUploadCorrelationId = new(nameof(InvalidFileUploadCorrelationId), 400015, "The device has no open upload with this correlation id.");
    public static readonly ServiceError ConnectionForcefullyClosedOnNewConnection =
        new(nameof(ConnectionForcefullyClosedOnNewConnection), 400027, "The same device connected again, so this connection was closed.");
    public static readonly ServiceError IotHubNotFound = new(nameof(IotHubNotFound), 401001, "No hub answers under this host name.");
    public static readonly ServiceError IotHubUnauthorizedAccess = new(nameof(IotHubUnauthorizedAccess), 401002, "The policy does not give the right that this call needs.");
    public static readonly ServiceError IotHubUnauthorized = new(nameof(IotHubUnauthorized), 401003, "The credentials are not accepted.");
    public static readonly ServiceError DeviceMaximumQueueDepthExceeded = new(nameof(DeviceMaximumQueueDepthExceeded), 403004, "The device's queue is full.");
    public static readonly ServiceError InvalidMessageExpiryTime = new(nameof(InvalidMessageExpiryTime), 403009, "The message's expiry time cannot be used.");
    public static readonly ServiceError DeviceMaximumActiveFileUploadLimitExceeded =
        new(nameof(DeviceMaximumActiveFileUploadLimitExceeded), 403006, "The device has as many open uploads as it may have.");
    public static readonly ServiceError IotHubQuotaExceeded = new(nameof(IotHubQuotaExceeded), 403002, "A quota of the hub is used up.");
    public static readonly ServiceError DeviceDisabled = new(nameof(DeviceDisabled), 403012, "The device is disabled.");
    public static readonly ServiceError DeviceMaximumInflightMethodExceeded =
        new(nameof(DeviceMaximumInflightMethodExceeded), 403800, "The device has as many calls under way as it may have.");
    public static readonly ServiceError DeviceNotFound = new(nameof(DeviceNotFound), 404001, "The device is not registered.");
    public static readonly ServiceError ModuleNotFound = new(nameof(ModuleNotFound), 404010, "The module is not registered.");
    public static readonly ServiceError NotFound = new(nameof(NotFound), 404000, "There is nothing at this address.");
    public static readonly ServiceError MethodNotAllowed = new(nameof(MethodNotAllowed), 405000, "The address does not know this HTTP method.");
    public static readonly ServiceError DeviceNotOnline = new(nameof(DeviceNotOnline), 404103, "The device is not online or does not listen for methods.");
    public static readonly ServiceError DeviceConnectionClosedRemotely =
        new(nameof(DeviceConnectionClosedRemotely), 404104, "The device's connection ended before it answered.");
    public static readonly ServiceError DeviceAlreadyExists = new(nameof(DeviceAlreadyExists), 409001, "The device is registered already.");
    public static readonly ServiceError ModuleAlreadyExistsOnDevice = new(nameof(ModuleAlreadyExistsOnDevice), 409301, "The module is registered already.");
    public static readonly ServiceError PreconditionFailed = new(nameof(PreconditionFailed), 412001, "The ETag does not match: the entry changed in between.");
    public static readonly ServiceError DeviceMessageLockLost = new(nameof(DeviceMessageLockLost), 412002, "The message is not locked by this token any more.");
    public static readonly ServiceError MessageTooLarge = new(nameof(MessageTooLarge), 413001, "The message, or the section of a twin, is too large.");
    public static readonly ServiceError TooManyModulesOnDevice = new(nameof(TooManyModulesOnDevice), 413003, "The device has as many modules as it may have.");
    public static readonly ServiceError ThrottlingException = new(nameof(ThrottlingException), 429001, "Too many calls for the hub's limits.");
    public static readonly ServiceError DeviceThrottlingLimitExceeded = new(nameof(DeviceThrottlingLimitExceeded), 429005, "Too many calls of one device.");
    public static readonly ServiceError ServerError = new(nameof(ServerError), 500001, "The server failed.");
    public static readonly ServiceError NotImplementedHere = new(nameof(NotImplementedHere), 501000, "This server does not offer the function.");
    public static readonly ServiceError BadDeviceResponse = new(nameof(BadDeviceResponse), 502001, "The device's answer cannot be used.");
    public static readonly ServiceError ServiceUnavailable = new(nameof(ServiceUnavailable), 503001, "The server cannot take the request now.");
    public static readonly ServiceError GatewayTimeout = new(nameof(GatewayTimeout), 504101, "The device did not answer in time.");
    public static readonly ServiceError InvalidOperation = new(nameof(InvalidOperation), 400003, "The call cannot be made in this state.");
    public static readonly ServiceError JobQuotaExceeded = new(nameof(JobQuotaExceeded), 403003, "An import or export of the registry is under way.");
    public static readonly ServiceError BlobContainerValidationError = new(nameof(BlobContainerValidationError), 400008, "The blob container cannot be used.");
    public static readonly ServiceError JobNotFound = new(nameof(JobNotFound), 404002, "There is no such job.");
    public static readonly ServiceError ConfigurationNotFound = new(nameof(ConfigurationNotFound), 404301, "There is no such configuration.");
    public static readonly ServiceError JobAlreadyExists = new(nameof(JobAlreadyExists), 409104, "There is a job with this id already.");
    public static readonly ServiceError ConfigurationAlreadyExists = new(nameof(ConfigurationAlreadyExists), 409401, "There is a configuration with this id already.");
    public static readonly ServiceError ThrottlingMaxActiveJobCountExceeded =
        new(nameof(ThrottlingMaxActiveJobCountExceeded), 429004, "As many jobs wait as may wait.");
}
