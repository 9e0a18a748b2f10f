namespace Homeport.Contract.Errors;

/// <summary>Errors of data exports and their destinations.</summary>
public static class ExportErrors
{
    public static readonly ServiceError InvalidExport = new(nameof(InvalidExport), 400140, "The export cannot be used.");
    public static readonly ServiceError InvalidDestination = new(nameof(InvalidDestination), 400141, "The destination cannot be used.");
    public static readonly ServiceError InvalidExportFilter = new(nameof(InvalidExportFilter), 400142, "The filter of the export cannot be read.");
    public static readonly ServiceError InvalidTransform = new(nameof(InvalidTransform), 400143, "The transform cannot be used.");
    public static readonly ServiceError ExportNotFound = new(nameof(ExportNotFound), 404140, "There is no such export.");
    public static readonly ServiceError DestinationNotFound = new(nameof(DestinationNotFound), 404141, "There is no such destination.");
    public static readonly ServiceError DestinationInUse = new(nameof(DestinationInUse), 409140, "Exports lead to the destination.");
    public static readonly ServiceError TooManyExports = new(nameof(TooManyExports), 422140, "There are as many as there may be.");
}
