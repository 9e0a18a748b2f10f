using System.Text.Json;
using System.Text.Json.Serialization;
using Homeport.Agent.Connection;
using Homeport.Agent.Identity;
using Homeport.Agent.Settings;
using Homeport.Device.Identity;
using Homeport.Tpm;

namespace Homeport.Agent.Doctor;

/// <summary>All that a device needs: its TPM, its journal, its hub, its clock.</summary>
internal sealed class DeviceDoctor(AgentOptions options, TimeProvider time)
{
    public async Task<IReadOnlyList<Finding>> ExamineAsync(bool isOffline, CancellationToken cancellationToken)
    {
        var source = options.OpenTpm();
        var findings = new List<Finding>(TpmDoctor.Place(source));
        if (findings.Any(static f => f.Severity == Severity.Trouble))
            return findings;
        findings.AddRange(await Task.Run(new TpmDoctor(source, new StorageKeyMemory(options.StateDirectory)).Examine, cancellationToken));
        if (new ImprintJournal(source, options.StateDirectory).IsPending)
            findings.Add(new Finding(Severity.Trouble, "ImprintPending", "An imprint broke off and is not finished.", "Start the agent, which finishes it: systemctl restart homeport-agent"));
        if (!isOffline && !findings.Any(static f => f.Name is "TpmUnreachable" or "TpmBusy" or "TpmPermissionDenied"))
            findings.AddRange(await HubAsync(source, cancellationToken));
        return findings;
    }

    public static string Text(Finding finding)
    {
        var mark = finding.Severity switch { Severity.Good => "ok     ", Severity.Notice => "note   ", _ => "TROUBLE" };
        return finding.Fix is null ? $"{mark} {finding.Name}: {finding.Seen}" : $"{mark} {finding.Name}: {finding.Seen}\n        do: {finding.Fix}";
    }

    public static string Json(Finding finding) => JsonSerializer.Serialize(finding, FindingJson.Default.Finding);

    private async Task<IReadOnlyList<Finding>> HubAsync(TpmSource source, CancellationToken cancellationToken)
    {
        var clock = new HubClock(time);
        var identity = new AgentIdentity(source, options.StateDirectory, clock);
        var outcome = await identity.GetTokenAsync(options.Settings.LogicalDevice, AgentIdentity.MinLifetime * 10, fresh: true, cancellationToken);
        if (!outcome.Succeeded(out var token, out _))
            return [];
        var sight = await new HubCheck(options.OpenTrust(), options.Settings.HubPort, time).RunAsync(token, cancellationToken);
        var findings = new List<Finding>();
        if (sight.ServerTime is { } serverTime && clock.Learn(serverTime) && clock.Behind.Duration() > TimeSpan.FromMinutes(2))
        {
            findings.Add(new Finding(
                Severity.Notice, "ClockWrong", $"The clock of this machine is {clock.Behind.TotalSeconds:0} seconds behind that of {token.HostName}. The agent makes tokens by the hub's time; other programs do not.",
                "timedatectl set-ntp true"));
        }

        findings.Add(sight.State switch
        {
            "connected" => new Finding(Severity.Good, "HubAccepts", $"{token.HostName} accepts the device {token.DeviceId}."),
            "refused" => new Finding(Severity.Trouble, "HubRefuses", sight.Message!, "Compare host name, device id and key with those of the hub; imprint again."),
            "untrusted" => new Finding(Severity.Trouble, "HubUntrusted", sight.Message!, "\"caFile\" in the settings names the CA file that the server shows when it starts."),
            "clockWrong" => new Finding(Severity.Trouble, "ClockWrong", sight.Message!, "timedatectl set-ntp true, or date -s"),
            _ => new Finding(Severity.Trouble, "HubUnreachable", sight.Message!, "Check cable or Wi-Fi, name server and firewall; ports 443, 8883 and 5671 must be open."),
        });
        return findings;
    }
}

/// <summary>Source-generated serialization of findings.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UseStringEnumConverter = true, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(Finding))]
internal sealed partial class FindingJson : JsonSerializerContext;
