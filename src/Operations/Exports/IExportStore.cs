using Homeport.Contract.Rest.Operators;

namespace Homeport.Operations.Exports;

/// <summary>Keeps the exports of an application and their destinations. What a call acknowledges is durable.</summary>
public interface IExportStore
{
    /// <summary>All destinations, with their secrets, in the order of their ids.</summary>
    Task<IReadOnlyList<StoredDestination>> ListDestinationsAsync(CancellationToken token);

    /// <summary>Writes a destination.</summary>
    Task SaveDestinationAsync(StoredDestination destination, CancellationToken token);

    /// <summary>Deletes a destination.</summary>
    Task DeleteDestinationAsync(string id, CancellationToken token);

    /// <summary>All exports, in the order of their ids.</summary>
    Task<IReadOnlyList<StoredExport>> ListExportsAsync(CancellationToken token);

    /// <summary>Writes an export.</summary>
    Task SaveExportAsync(StoredExport export, CancellationToken token);

    /// <summary>Deletes an export.</summary>
    Task DeleteExportAsync(string id, CancellationToken token);
}

/// <summary>A destination as it is kept.</summary>
/// <param name="Destination">With its secrets.</param>
/// <param name="ETag">Changes with every write.</param>
public sealed record StoredDestination(DestinationDescription Destination, string ETag);

/// <summary>An export as it is kept.</summary>
/// <param name="Export">Its definition.</param>
/// <param name="ETag">Changes with every write.</param>
/// <param name="Starts">By the id of each destination, for each partition the first message that goes there; null while the export is off.</param>
public sealed record StoredExport(DataExportDescription Export, string ETag, IReadOnlyDictionary<string, IReadOnlyList<long>>? Starts);
