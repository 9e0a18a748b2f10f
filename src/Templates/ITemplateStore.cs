namespace Homeport.Templates;

/// <summary>Keeps templates, and which devices follow them. Writes are durable when they return.</summary>
public interface ITemplateStore
{
    /// <summary>Finds a template.</summary>
    Task<DeviceTemplate?> FindAsync(string id, CancellationToken token);

    /// <summary>All templates, in the order of their ids.</summary>
    Task<IReadOnlyList<DeviceTemplate>> ListAsync(CancellationToken token);

    /// <summary>Published templates with this model, or with this id.</summary>
    Task<IReadOnlyList<DeviceTemplate>> FindPublishedAsync(string modelOrTemplateId, CancellationToken token);

    /// <summary>Adds a template (no version), or replaces one that still has the version. False when it is there already, changed or went.</summary>
    Task<bool> SaveAsync(DeviceTemplate template, long? version, CancellationToken token);

    /// <summary>Deletes a template that no device follows. False when it changed, went, or a device follows it.</summary>
    Task<bool> DeleteAsync(string id, long version, CancellationToken token);

    /// <summary>Which template a device follows; null when nothing is known.</summary>
    Task<TemplateAssignment?> FindAssignmentAsync(string deviceId, CancellationToken token);

    /// <summary>Assignments of several devices, those that there are.</summary>
    Task<IReadOnlyList<TemplateAssignment>> FindAssignmentsAsync(IReadOnlyCollection<string> deviceIds, CancellationToken token);

    /// <summary>Notes an assignment. With <paramref name="onlyFirst"/> a device that has a template keeps it, and only the model is noted.</summary>
    Task SaveAssignmentAsync(TemplateAssignment assignment, bool onlyFirst, CancellationToken token);

    /// <summary>Devices that follow a template, in the order of their ids.</summary>
    Task<IReadOnlyList<string>> ListDevicesAsync(string templateId, string? after, int max, CancellationToken token);

    /// <summary>Devices without a template that named this model, in the order of their ids.</summary>
    Task<IReadOnlyList<string>> ListWaitingAsync(string modelId, int max, CancellationToken token);

    /// <summary>How many devices follow each template.</summary>
    Task<IReadOnlyDictionary<string, long>> CountDevicesAsync(CancellationToken token);
}
