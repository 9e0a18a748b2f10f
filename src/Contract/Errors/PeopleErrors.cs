namespace Homeport.Contract.Errors;

/// <summary>Errors of the operators' side: accounts, tokens, roles. The names are those of IoT Central's error bodies where it has them.</summary>
public static class PeopleErrors
{
    public static readonly ServiceError InvalidBody = new(nameof(InvalidBody), 400100, "The request body is not valid.");
    public static readonly ServiceError InvalidQuery = new(nameof(InvalidQuery), 400101, "The query is not valid.");
    public static readonly ServiceError WeakPassword = new(nameof(WeakPassword), 400102, "The password cannot be used.");
    public static readonly ServiceError OrganizationNotFound = new(nameof(OrganizationNotFound), 400103, "The organization is not known.");
    public static readonly ServiceError Unauthorized = new(nameof(Unauthorized), 401100, "The credentials are not accepted.");
    public static readonly ServiceError SignInRefused = new(nameof(SignInRefused), 401101, "Name, password or code is wrong.");
    public static readonly ServiceError CodeNeeded = new(nameof(CodeNeeded), 401102, "A code of the authenticator app is needed.");
    public static readonly ServiceError Forbidden = new(nameof(Forbidden), 403100, "The role does not give the permission that this call needs.");
    public static readonly ServiceError AccountLocked = new(nameof(AccountLocked), 403101, "The account is locked for a while.");
    public static readonly ServiceError NoAccount = new(nameof(NoAccount), 403102, "The issuer vouches for you, but you have no account here.");
    public static readonly ServiceError EmailNotVerified = new(nameof(EmailNotVerified), 403103, "The issuer does not vouch for the e-mail address.");
    public static readonly ServiceError AccountClaimed = new(nameof(AccountClaimed), 403104, "The account belongs to another identity of the issuer.");
    public static readonly ServiceError AccountDisabled = new(nameof(AccountDisabled), 403105, "The account is kept out.");
    public static readonly ServiceError NotFound = new(nameof(NotFound), 404100, "There is nothing at this address.");
    public static readonly ServiceError AlreadyExists = new(nameof(AlreadyExists), 409100, "It exists already.");
    public static readonly ServiceError LastAdministrator = new(nameof(LastAdministrator), 409101, "The last administrator has to stay.");
    public static readonly ServiceError OrganizationInUse = new(nameof(OrganizationInUse), 409102, "Something belongs to the organization.");
    public static readonly ServiceError PreconditionFailed = new(nameof(PreconditionFailed), 412100, "The entry changed in between.");
    public static readonly ServiceError LimitReached = new(nameof(LimitReached), 422100, "There are as many as there may be.");
    public static readonly ServiceError TooManyRequests = new(nameof(TooManyRequests), 429100, "Too many attempts.");
    public static readonly ServiceError IssuerUnavailable = new(nameof(IssuerUnavailable), 503100, "The issuer does not answer as it should.");
}
