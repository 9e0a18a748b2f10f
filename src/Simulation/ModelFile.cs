using Homeport.Models;
using Homeport.Models.Reading;
using Homeport.Models.Text;

namespace Homeport.Simulation;

/// <summary>Reads a file with a model in DTDL, or a device template with one.</summary>
public static class ModelFile
{
    /// <summary>Reads a text, whichever of both it is.</summary>
    public static ParsedModel Read(ReadOnlySpan<byte> utf8)
    {
        var source = JsonSource.Read(utf8);
        if (source.Root is not { } root || source.Errors.Count > 0)
            return new ParsedModel(null, source.Errors, []);
        return root["capabilityModel"] is { } model ? ModelParser.Parse(model, ModelDialect.Central) : ModelParser.Parse(root, ModelDialect.Dtdl);
    }
}
