using Homeport.Hub.Access;
using Homeport.Hub.Files;

namespace Homeport.Gateway.Http.Blobs;

/// <summary>What the blob REST API stands on.</summary>
/// <param name="Stores">The containers, whose names are the first part of the path, and where the blobs of each are.</param>
/// <param name="Account">Whose signatures count.</param>
/// <param name="Explanations">Why somebody was refused.</param>
/// <param name="Time">The clock.</param>
public sealed record BlobApi(IReadOnlyDictionary<string, IBlobStore> Stores, BlobAccount Account, Explanations Explanations, TimeProvider Time);
