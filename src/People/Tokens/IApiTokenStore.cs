namespace Homeport.People.Tokens;

/// <summary>Keeps API tokens. Writes are durable when they return.</summary>
public interface IApiTokenStore
{
    /// <summary>Finds one.</summary>
    Task<ApiToken?> FindAsync(string id, CancellationToken token);

    /// <summary>All, in the order of their ids.</summary>
    Task<IReadOnlyList<ApiToken>> ListAsync(CancellationToken token);

    /// <summary>Adds one, unless its id is taken or there are <paramref name="limit"/>.</summary>
    Task<bool> InsertAsync(ApiToken apiToken, int limit, CancellationToken token);

    /// <summary>Notes a use.</summary>
    Task TouchAsync(string id, DateTimeOffset used, CancellationToken token);

    /// <summary>Deletes one. False when there is none.</summary>
    Task<bool> DeleteAsync(string id, CancellationToken token);
}
