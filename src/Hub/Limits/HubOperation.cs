namespace Homeport.Hub.Limits;

/// <summary>What is counted against a limit. Source: Azure "IoT Hub quotas and throttling".</summary>
public enum HubOperation
{
    /// <summary>Messages of devices.</summary>
    DeviceToCloudSend,
    /// <summary>New connections of devices.</summary>
    Connect,
    /// <summary>Create, read, list, update and delete identities.</summary>
    Registry,
    /// <summary>Messages to devices.</summary>
    CloudToDeviceSend,
    /// <summary>Calls with which devices fetch messages over HTTPS.</summary>
    CloudToDeviceReceive,
    /// <summary>Starts of file uploads.</summary>
    FileUpload,
    /// <summary>Direct methods, counted in bytes of request and answer, each rounded up to 4 KB.</summary>
    MethodBytes,
    /// <summary>Queries.</summary>
    Query,
    /// <summary>Reads of twins, by devices and services.</summary>
    TwinRead,
    /// <summary>Updates of twins, by devices and services.</summary>
    TwinUpdate,
    /// <summary>Create, update and list jobs.</summary>
    Job,
    /// <summary>Devices that a job has to do with.</summary>
    JobDevice,
    /// <summary>Create, update, list, delete and test configurations.</summary>
    Configuration,
}
