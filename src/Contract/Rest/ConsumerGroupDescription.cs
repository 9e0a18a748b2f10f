namespace Homeport.Contract.Rest;

/// <summary>A consumer group, in the form of Azure's resource provider.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Properties">What is known of it.</param>
public sealed record ConsumerGroupDescription(string Name, ConsumerGroupProperties Properties);

/// <summary>What is known of a consumer group.</summary>
/// <param name="Created">When it was made.</param>
public sealed record ConsumerGroupProperties(ServiceTime Created);

/// <summary>All consumer groups of a hub.</summary>
/// <param name="Value">The default first.</param>
public sealed record ConsumerGroupList(IReadOnlyList<ConsumerGroupDescription> Value);
