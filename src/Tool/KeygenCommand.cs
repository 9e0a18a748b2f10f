using System.CommandLine;
using System.Text.Json.Nodes;
using Homeport.Contract.Access;
using Homeport.Contract.Naming;

namespace Homeport.Tool;

/// <summary><c>homeport keygen</c>: keys of devices from the key of their enrollment group, as dps-keygen makes them. No server is needed.</summary>
internal static class KeygenCommand
{
    private const string Variable = "HOMEPORT_GROUP_KEY";
    private static readonly HashSet<string> Headers = new(StringComparer.OrdinalIgnoreCase) { "registrationId", "deviceId", "IOTC_DEVICEID", "id" };

    public static Command Create()
    {
        var groupKey = new Option<string>("--group-key", "-mk") { Description = $"Key of the enrollment group, Base64; @file reads a file, - the standard input; better in the environment variable {Variable}" };
        var devices = new Option<string[]>("--device-id", "-di") { Description = "Registration id; letters count. May stand several times" };
        var file = new Option<FileInfo>("--file") { Description = "CSV file with the ids in its first column, with or without a heading" };
        var format = new Option<string>("--format") { Description = "plain, csv or json; without it plain for one id, else csv" };
        format.AcceptOnlyFromAmong("plain", "csv", "json");
        var command = new Command("keygen", "Derives device keys from the key of an enrollment group: HMAC-SHA256(key, id)") { groupKey, devices, file, format };
        command.SetAction((parsed, token) => ToolException.GuardAsync(async () =>
        {
            var key = await KeyAsync(parsed.GetValue(groupKey) ?? Environment.GetEnvironmentVariable(Variable), token);
            var named = parsed.GetValue(devices) ?? [];
            var list = parsed.GetValue(file);
            if (named.Length == 0 && list is null)
                throw ToolException.BadUsage("Name devices with --device-id, or a CSV file with --file.");
            await WriteAsync(key, Ids(named, list, token), parsed.GetValue(format) ?? (named.Length == 1 && list is null ? "plain" : "csv"), token);
            return 0;
        }, token));
        return command;
    }

    private static async Task<byte[]> KeyAsync(string? text, CancellationToken token)
    {
        if (string.IsNullOrEmpty(text))
            throw ToolException.BadUsage($"Give the key of the group: --group-key or the environment variable {Variable}.");
        var value = System.Text.Encoding.UTF8.GetString(await Inputs.BytesAsync(text, token)).Trim();
        var key = new byte[value.Length];
        return Convert.TryFromBase64String(value, key, out var length) && length is >= 16 and <= 64
            ? key[..length]
            : throw ToolException.BadUsage("The key of the group is not the Base64 text of 16 to 64 bytes. Copy it again.");
    }

    private static async IAsyncEnumerable<string> Ids(string[] named, FileInfo? file, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken token)
    {
        foreach (var id in named)
            yield return Checked(id, "--device-id");
        if (file is null)
            yield break;
        var number = 0;
        using var reader = Open(file);
        while (await reader.ReadLineAsync(token) is { } line)
        {
            number++;
            var id = line.Split(',', ';')[0].Trim().Trim('"');
            if (id.Length > 0 && !(number == 1 && Headers.Contains(id)))
                yield return Checked(id, $"line {number} of {file.Name}");
        }
    }

    private static StreamReader Open(FileInfo file)
    {
        try
        {
            return new StreamReader(file.FullName);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw ToolException.BadUsage($"The file cannot be read: {e.Message}", e);
        }
    }

    private static string Checked(string id, string place)
        => RegistrationIdRules.Check(id) is { } bad ? throw ToolException.BadUsage($"{place}: {bad}.") : id;

    private static async Task WriteAsync(byte[] groupKey, IAsyncEnumerable<string> ids, string format, CancellationToken token)
    {
        if (format == "csv")
            Console.WriteLine("registrationId,key");
        await foreach (var id in ids.WithCancellation(token))
        {
            var key = Convert.ToBase64String(DerivedKey.FromGroupKey(groupKey, id));
            if (format == "json")
                Display.JsonLine(new JsonObject { ["registrationId"] = id, ["key"] = key });
            else
                Console.WriteLine(format == "csv" ? $"{id},{key}" : key);
        }
    }
}
