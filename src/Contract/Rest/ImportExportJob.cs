namespace Homeport.Contract.Rest;

/// <summary>An import or export of the registry. Source: IoT Hub data plane, api-version 2021-04-12, <c>JobProperties</c>.</summary>
public sealed record ImportExportJob
{
    public string? JobId { get; init; }
    /// <summary><c>import</c> or <c>export</c>.</summary>
    public string? Type { get; init; }
    /// <summary><c>enqueued</c>, <c>running</c>, <c>completed</c>, <c>failed</c> or <c>cancelled</c>.</summary>
    public string? Status { get; init; }
    /// <summary>Percent.</summary>
    public int Progress { get; init; }
    public ServiceTime? StartTimeUtc { get; init; }
    public ServiceTime? EndTimeUtc { get; init; }
    /// <summary>Address of a container with a signature that permits to read. Shown without the signature.</summary>
    public string? InputBlobContainerUri { get; init; }
    public string? InputBlobName { get; init; }
    /// <summary>Address of a container with a signature that permits to write. Shown without the signature.</summary>
    public string? OutputBlobContainerUri { get; init; }
    public string? OutputBlobName { get; init; }
    public bool ExcludeKeysInExport { get; init; }
    /// <summary><c>keyBased</c>: the addresses have signatures.</summary>
    public string? StorageAuthenticationType { get; init; }
    public bool IncludeConfigurations { get; init; }
    public string? FailureReason { get; init; }

    /// <summary>Without the addresses, which hold access.</summary>
    public override string ToString() => $"{Type} {JobId}";
}
