using Homeport.Models;
using Homeport.Models.Text;
using Homeport.Templates;

namespace Homeport.Storage.Files;

/// <summary>
/// A folder in the layout of the public model repository: <c>dtmi/com/example/thermostat-1.json</c>, and beside it perhaps
/// <c>thermostat-1.expanded.json</c>, an array with all that the model needs. Source: "Azure IoT Device Models Repository conventions".
/// </summary>
public sealed class ModelFolder(string folder) : IModelSource
{
    /// <inheritdoc/>
    public async Task<byte[]?> FindAsync(Dtmi id, CancellationToken token)
    {
        // The id has letters, digits and underscores between its colons only: the path cannot lead out of the folder.
        var path = Path.Combine(folder, id.RepositoryPath);
        foreach (var file in (string[])[Path.ChangeExtension(path, ".expanded.json"), path])
        {
            if (new FileInfo(file) is { Exists: true, Length: <= JsonSource.MaxBytes })
                return await File.ReadAllBytesAsync(file, token);
        }
        return null;
    }
}
