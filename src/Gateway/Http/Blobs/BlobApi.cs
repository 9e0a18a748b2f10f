using Homeport.Hub.Access;
using Homeport.Hub.Files;

namespace Homeport.Gateway.Http.Blobs;

/// <summary>What the blob REST API stands on.</summary>
/// <param name="Store">The blobs.</param>
/// <param name="Account">Whose signatures count.</param>
/// <param name="Containers">Containers that are there; their names are the first part of the path.</param>
/// <param name="Explanations">Why somebody was refused.</param>
/// <param name="Time">The clock.</param>
public sealed record BlobApi(IBlobStore Store, BlobAccount Account, IReadOnlyList<string> Containers, Explanations Explanations, TimeProvider Time);
