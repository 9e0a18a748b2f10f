using Homeport.Operations.Groups;
using Homeport.Gateway.Http;
using Homeport.Gateway.Http.Operators;
using Homeport.Gateway.Http.Operators.Groups;
using Homeport.Storage.Sqlite;

namespace Homeport.Server;

/// <summary>Puts together what operators do with many devices: groups of them.</summary>
internal sealed class GroupParts
{
    private readonly OperatorApi _operators;

    public GroupParts(HubApi hub, OperatorApi operators, SqliteDatabase database, TimeProvider time)
    {
        const string application = Installation.ApplicationName;
        _operators = operators;
        var members = new DeviceGroupMembers(new SqliteDeviceStore(database, application), new SqliteQuerySource(database, hub.Live, hub.Name));
        Groups = new DeviceGroups(new SqliteDeviceGroupStore(database, application), members, time);
    }

    public DeviceGroups Groups { get; }

    /// <summary>Maps all calls.</summary>
    public void Map(IEndpointRouteBuilder routes) => routes.MapDeviceGroups(_operators, Groups);
}
