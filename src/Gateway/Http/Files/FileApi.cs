using Homeport.Gateway.Http.Devices;
using Homeport.Hub.CloudToDevice;
using Homeport.Hub.Files;

namespace Homeport.Gateway.Http.Files;

/// <summary>What the upload calls stand on.</summary>
/// <param name="Hub">The hub.</param>
/// <param name="Devices">Lets devices in.</param>
/// <param name="Uploads">Open uploads.</param>
/// <param name="Notifications">What the service side hears of.</param>
/// <param name="Access">Makes access to the built-in store for the service side, or null when files go elsewhere.</param>
public sealed record FileApi(HubApi Hub, DeviceCalls Devices, FileUploads Uploads, ServiceBoundQueue Notifications, ContainerAccess? Access);

/// <summary>Access to the hub's container in the built-in store.</summary>
/// <param name="Account">Signs.</param>
/// <param name="Container">The container.</param>
public sealed record ContainerAccess(BlobAccount Account, string Container);
