namespace Homeport.Contract.Errors;

/// <summary>Errors of the blob store, with the names that storage clients know. The numbers are Homeport's own: the protocol has names only.</summary>
public static class BlobErrors
{
    public static readonly ServiceError InvalidUri = new(nameof(InvalidUri), 400001, "The address cannot be read.");
    public static readonly ServiceError InvalidResourceName = new(nameof(InvalidResourceName), 400002, "The name of the blob is not allowed.");
    public static readonly ServiceError MissingRequiredHeader = new(nameof(MissingRequiredHeader), 400003, "A header is missing.");
    public static readonly ServiceError InvalidHeaderValue = new(nameof(InvalidHeaderValue), 400004, "A header is not valid.");
    public static readonly ServiceError InvalidQueryParameterValue = new(nameof(InvalidQueryParameterValue), 400005, "A part of the query is not valid.");
    public static readonly ServiceError UnsupportedHeader = new(nameof(UnsupportedHeader), 400006, "A header asks for what this store does not have.");
    public static readonly ServiceError InvalidXmlDocument = new(nameof(InvalidXmlDocument), 400007, "The body is not the XML that is expected here.");
    public static readonly ServiceError InvalidMd5 = new(nameof(InvalidMd5), 400008, "The MD5 value is not the Base64 text of 16 bytes.");
    public static readonly ServiceError Md5Mismatch = new(nameof(Md5Mismatch), 400009, "The bytes that arrived have another MD5 value than the request says.");
    public static readonly ServiceError IncompleteBody = new(nameof(IncompleteBody), 400010, "Fewer bytes arrived than the request says.");
    public static readonly ServiceError InvalidBlobOrBlock = new(nameof(InvalidBlobOrBlock), 400011, "The block id is not valid.");
    public static readonly ServiceError InvalidBlockList = new(nameof(InvalidBlockList), 400012, "The block list names a block that is not there.");
    public static readonly ServiceError BlockListTooLong = new(nameof(BlockListTooLong), 400013, "The block list is too long.");
    public static readonly ServiceError NoAuthenticationInformation = new(nameof(NoAuthenticationInformation), 401001, "The request carries no shared access signature.");
    public static readonly ServiceError AuthenticationFailed = new(nameof(AuthenticationFailed), 403001, "The shared access signature is not accepted.");
    public static readonly ServiceError AuthorizationPermissionMismatch = new(nameof(AuthorizationPermissionMismatch), 403002, "The shared access signature does not permit this.");
    public static readonly ServiceError BlobNotFound = new(nameof(BlobNotFound), 404001, "The blob does not exist.");
    public static readonly ServiceError ContainerNotFound = new(nameof(ContainerNotFound), 404002, "The container does not exist.");
    public static readonly ServiceError UnsupportedHttpVerb = new(nameof(UnsupportedHttpVerb), 405001, "The address does not know this HTTP method.");
    public static readonly ServiceError BlobAlreadyExists = new(nameof(BlobAlreadyExists), 409001, "The blob exists already.");
    public static readonly ServiceError ConditionNotMet = new(nameof(ConditionNotMet), 412001, "The condition of the request does not hold.");
    public static readonly ServiceError RequestBodyTooLarge = new(nameof(RequestBodyTooLarge), 413001, "The body is too large.");
    public static readonly ServiceError InvalidRange = new(nameof(InvalidRange), 416001, "The range is outside of the blob.");
    public static readonly ServiceError ServerBusy = new(nameof(ServerBusy), 503001, "The store cannot take the request now.");
    public static readonly ServiceError InsufficientStorage = new(nameof(InsufficientStorage), 507001, "The space for blobs is used up.");
}
