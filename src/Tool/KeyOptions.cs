using System.CommandLine;
using System.Text.Json.Nodes;
using Homeport.Contract.Access;
using Homeport.Contract.Rest;

namespace Homeport.Tool;

/// <summary>Where the keys of an identity go: nowhere, unless they are asked for.</summary>
internal sealed class KeyOptions
{
    private readonly Option<bool> _show = new("--show-keys") { Description = "Print the keys and the connection string" };
    private readonly Option<FileInfo> _save = new("--save") { Description = "Write the connection string to this new file, which only you can read" };

    public void AddTo(Command command)
    {
        command.Options.Add(_show);
        command.Options.Add(_save);
    }

    /// <summary>True when the keys may be printed.</summary>
    public bool Show(Call call) => call.Get(_show);

    /// <summary>True when a file was named.</summary>
    public bool Save(Call call) => call.Get(_save) is not null;

    /// <summary>Runs a call that gives an identity's credentials and writes its connection string to the file that was asked for.</summary>
    /// <param name="call">The run of the command.</param>
    /// <param name="get">Gives the answer and the connection string.</param>
    public async Task<T> SaveAsync<T>(Call call, Func<Task<(T Answer, string? ConnectionString)>> get)
    {
        if (call.Get(_save) is not { } target)
            return (await get()).Answer;
        // The file comes first: an identity whose keys went nowhere would be of no use.
        var done = false;
        var file = Create(target.FullName);
        try
        {
            await using var text = new StreamWriter(file);
            var (answer, connectionString) = await get();
            await text.WriteLineAsync(connectionString ?? throw new ToolException("It has no connection string: it proves itself by tokens of a policy only. The file was not written."));
            done = true;
            return answer;
        }
        finally
        {
            if (!done)
                target.Delete();
        }
    }

    /// <summary>The description as JSON; with its keys only when they may be shown.</summary>
    public JsonNode? Filter(Call call, JsonNode? identity, string? connectionString)
    {
        if (identity is not JsonObject members)
            return identity;
        if (Show(call))
            members["connectionString"] = connectionString;
        else if (members["authentication"] is JsonObject authentication)
            authentication.Remove("symmetricKey");
        return members;
    }

    /// <summary>How the identity connects; null when it has no credentials of its own.</summary>
    public static string? ConnectionStringOf(string host, IdentityPath path, AuthenticationDescription? authentication)
    {
        var plain = new ConnectionString(host, DeviceId: path.DeviceId, ModuleId: path.ModuleId);
        return authentication switch
        {
            { Type: "sas", SymmetricKey.PrimaryKey: { } key } => (plain with { SharedAccessKey = key }).Reveal(),
            { Type: "selfSigned" or "certificateAuthority" } => plain.Reveal() + ";x509=true",
            _ => null,
        };
    }

    private static FileStream Create(string path)
    {
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        try
        {
            return new FileStream(path, options);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw ToolException.BadUsage($"The file cannot be made: {e.Message}", e);
        }
    }
}
