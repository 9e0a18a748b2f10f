using Homeport.Templates;
using Homeport.Templates.Devices;

namespace Homeport.WebConsole;

/// <summary>What the console works with for device templates.</summary>
public sealed record ConsoleTemplates
{
    public required TemplateService Templates { get; init; }

    public required TemplateAssociation Association { get; init; }

    public required TemplateMigration Migration { get; init; }

    public required ModelRepository Models { get; init; }

    public required DeviceModels DeviceModels { get; init; }

    public required DeviceProperties Properties { get; init; }

    public required DeviceCommands Commands { get; init; }

    public required DeviceTelemetry Telemetry { get; init; }

    public required IDeviceSimulator Simulator { get; init; }
}
