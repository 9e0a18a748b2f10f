namespace Homeport.Contract.Errors;

/// <summary>Errors of device templates.</summary>
public static class TemplateErrors
{
    public static readonly ServiceError InvalidTemplate = new(nameof(InvalidTemplate), 400110, "The device template is not valid.");
    public static readonly ServiceError TemplateNotFound = new(nameof(TemplateNotFound), 404110, "There is no such device template.");
    public static readonly ServiceError TemplateNotPublished = new(nameof(TemplateNotPublished), 404114, "The device template is not published.");
    public static readonly ServiceError ModelNotFound = new(nameof(ModelNotFound), 404111, "There is no such model.");
    public static readonly ServiceError CapabilityNotFound = new(nameof(CapabilityNotFound), 404112, "The device's template has nothing of this name.");
    public static readonly ServiceError NoValue = new(nameof(NoValue), 404113, "Nothing of this name was received.");
    public static readonly ServiceError TemplateInUse = new(nameof(TemplateInUse), 409110, "Devices follow this template.");
    public static readonly ServiceError TemplatePublished = new(nameof(TemplatePublished), 409111, "A published template does not change for devices.");
    public static readonly ServiceError TemplateExists = new(nameof(TemplateExists), 409112, "The device template exists already.");
    public static readonly ServiceError TemplateChanged = new(nameof(TemplateChanged), 412110, "The device template changed in between.");
    public static readonly ServiceError ValueNotAllowed = new(nameof(ValueNotAllowed), 422110, "The device's template does not allow this.");
    public static readonly ServiceError TooManyTemplates = new(nameof(TooManyTemplates), 422111, "There are as many device templates as there may be.");
}
