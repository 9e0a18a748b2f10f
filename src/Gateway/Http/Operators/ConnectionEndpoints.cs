using Homeport.Contract.Errors;
using Homeport.Contract.Rest.Operators;
using Homeport.People.Access;
using Homeport.Provisioning.Lifecycle;
using Microsoft.AspNetCore.Routing;

namespace Homeport.Gateway.Http.Operators;

/// <summary>How devices come to the application: what IoT Central shows under device connection and has no REST for.</summary>
public static class ConnectionEndpoints
{
    /// <summary>Maps <c>/api/x/connection</c>.</summary>
    /// <param name="routes">Of the server.</param>
    /// <param name="api">What it stands on.</param>
    /// <param name="idScope">Of the application.</param>
    /// <param name="endpoint">Host name of provisioning.</param>
    /// <param name="approval">Who is let in.</param>
    public static void MapConnection(this IEndpointRouteBuilder routes, OperatorApi api, string idScope, string endpoint, DeviceApproval approval)
    {
        const string path = "/api/x/connection";
        api.MapRead(routes, path, new Operation("getConnection", Permission.ViewConnection, "Shows the ID scope, the endpoint, and who is let in without being asked for."), async context
            => Answer(await approval.PolicyAsync(context.RequestAborted)));
        api.MapChange(routes, "PATCH", path, new Operation("patchConnection", Permission.ManageConnection, "Says who is let in without being asked for; counts for devices that come from then on.") { Audited = "connection" }, async (context, _) =>
        {
            if (!(await OperatorApi.ReadAsync(context, DeviceJson.Default.ConnectionDescription)).Succeeded(out var body, out var refusal))
                return refusal;
            var present = await approval.PolicyAsync(context.RequestAborted);
            var wanted = new ApprovalPolicy(body.AutoApprove ?? present.AutoApprove, body.ConnectWithoutTemplate ?? present.ConnectWithoutTemplate);
            await approval.SetPolicyAsync(wanted, context.RequestAborted);
            OperatorApi.Note(context, idScope, $"autoApprove {wanted.AutoApprove}, connectWithoutTemplate {wanted.ConnectWithoutTemplate}");
            return Answer(wanted);
        });

        Outcome<Reply> Answer(ApprovalPolicy policy) => Reply.Of(
            new ConnectionDescription { IdScope = idScope, GlobalEndpoint = endpoint, AutoApprove = policy.AutoApprove, ConnectWithoutTemplate = policy.ConnectWithoutTemplate }, DeviceJson.Default.ConnectionDescription);
    }
}
