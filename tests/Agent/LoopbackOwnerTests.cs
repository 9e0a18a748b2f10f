using System.Net;
using System.Net.Sockets;
using Homeport.Agent.Doors;

namespace Homeport.Tests.Agent;

/// <summary>Whom the kernel names for the other end of a connection.</summary>
public sealed class LoopbackOwnerTests
{
    [Fact]
    public async Task The_owner_of_a_living_socket_is_known_and_that_of_a_closed_one_is_not()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var client = new TcpClient(AddressFamily.InterNetwork);
        await client.ConnectAsync((IPEndPoint)listener.LocalEndpoint, TestContext.Current.CancellationToken);
        using var accepted = await listener.AcceptTcpClientAsync(TestContext.Current.CancellationToken);
        var (remote, local) = ((IPEndPoint)accepted.Client.RemoteEndPoint!, (IPEndPoint)accepted.Client.LocalEndPoint!);

        LoopbackOwner.Of(remote, local).ShouldBe(OperatingSystem.IsLinux() ? Accounts.Self() : null);

        client.Close();
        LoopbackOwner.Of(remote, local).ShouldBeNull("the table shows a closed socket as root's");
    }

    [Fact]
    public void A_row_without_inode_names_nobody()
    {
        const string Row = "   1: 0100007F:9C40 0100007F:1F90 05 00000000:00000000 03:00001770 00000000     0        0 {0} 3 0000000000000000";
        var (remote, local) = (new IPEndPoint(IPAddress.Loopback, 0x9C40), new IPEndPoint(IPAddress.Loopback, 0x1F90));
        LoopbackOwner.In([string.Format(System.Globalization.CultureInfo.InvariantCulture, Row, 0)], remote, local).ShouldBeNull();
        LoopbackOwner.In([string.Format(System.Globalization.CultureInfo.InvariantCulture, Row, 4711)], remote, local).ShouldBe(0u);
        LoopbackOwner.In([], remote, local).ShouldBeNull();
    }
}
