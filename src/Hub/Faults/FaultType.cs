namespace Homeport.Hub.Faults;

/// <summary>Faults that a device can order, by the names that the end-to-end tests of the Azure SDKs send.</summary>
public enum FaultType
{
    /// <summary>The TCP connection ends without a word.</summary>
    KillTcp,
    /// <summary>The AMQP connection is closed with an error.</summary>
    KillAmqpConnection,
    /// <summary>The AMQP session is ended with an error.</summary>
    KillAmqpSession,
    /// <summary>The link that carries tokens to the hub is detached.</summary>
    KillAmqpCBSLinkReq,
    /// <summary>The link that carries the answers to tokens is detached.</summary>
    KillAmqpCBSLinkResp,
    /// <summary>The link of the device's messages is detached.</summary>
    KillAmqpD2CLink,
    /// <summary>The link of the messages to the device is detached.</summary>
    KillAmqpC2DLink,
    /// <summary>The link of twin requests is detached.</summary>
    KillAmqpTwinLinkReq,
    /// <summary>The link of twin answers is detached.</summary>
    KillAmqpTwinLinkResp,
    /// <summary>The link of direct methods is detached.</summary>
    KillAmqpMethodReqLink,
    /// <summary>The link of the answers to direct methods is detached.</summary>
    KillAmqpMethodRespLink,
    /// <summary>Messages are refused as too many for a while.</summary>
    InvokeThrottling,
    /// <summary>Messages are refused for a while as if those of the day were used up.</summary>
    InvokeMaxMessageQuota,
    /// <summary>Messages and connections are refused for a while as if the credentials were wrong.</summary>
    InvokeAuthError,
    /// <summary>The AMQP connection is closed in good order.</summary>
    ShutDownAmqp,
    /// <summary>The MQTT connection is closed in good order.</summary>
    ShutDownMqtt,
}

/// <summary>How a device is connected.</summary>
public enum FaultProtocol
{
    Mqtt,
    Amqp,
    Https,
}
