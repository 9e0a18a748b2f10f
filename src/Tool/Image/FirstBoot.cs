using System.Text;
using System.Text.Json;
using Homeport.Contract.Rest;

namespace Homeport.Tool.Image;

/// <summary>What a device does with the files at its first start.</summary>
/// <param name="Settings">Of the agent.</param>
/// <param name="Program">The agent, one file for the machine.</param>
internal sealed record FirstBoot(AgentSettings Settings, byte[] Program)
{
    /// <summary>The server's CA, or null.</summary>
    public byte[]? CaFile { get; init; }

    /// <summary>A key to imprint, or null: the device registers by its TPM.</summary>
    public AgentImprint? Imprint { get; init; }

    private const string Folder = "homeport";
    private const string Begin = " systemd.run=/boot/firstrun.sh systemd.run_success_action=reboot systemd.unit=kernel-command-line.target";
    private const string Mark = "# Written by homeport device image.";

    /// <summary>Finds itself on the boot partition, installs the agent, imprints, and removes what must not stay.</summary>
    private static readonly string Script = $$"""
        #!/bin/sh
        {{Mark}}
        set -e
        for boot in "$HOMEPORT_BOOT" /boot/firmware /boot; do
            [ -n "$boot" ] && [ -x "$boot/{{Folder}}/homeport-agent" -o -f "$boot/{{Folder}}/homeport-agent" ] && break
        done
        files="$boot/{{Folder}}"
        root="${HOMEPORT_ROOT:-/}"
        program="$(mktemp -d)/homeport-agent"
        cp "$files/homeport-agent" "$program"
        chmod 755 "$program"
        [ -e /dev/tpmrm0 ] || [ "$root" != / ] || software=--software-tpm
        [ -f "$files/ca.pem" ] && ca="--ca $files/ca.pem"
        # shellcheck disable=SC2086 # options, or nothing
        "$program" install --from "$files/agent.json" $ca $software --root "$root"
        if [ -f "$files/imprint.sh" ]; then
            sh "$files/imprint.sh" "$program" "$files/agent.json" "${root%/}/var/lib/homeport"
            # A FAT file system keeps the bytes of a removed file until others take their place: write over them first.
            size="$(wc -c < "$files/imprint.sh")"
            head -c "$size" /dev/zero | dd of="$files/imprint.sh" conv=notrunc,fsync 2> /dev/null
            rm "$files/imprint.sh"
        fi
        rm -f "$program"
        rm -f "$boot/firstrun.sh"
        if [ -f "$boot/cmdline.txt" ]; then
            sed -i 's| systemd.run=/boot/firstrun.sh systemd.run_success_action=reboot systemd.unit=kernel-command-line.target||' "$boot/cmdline.txt"
        fi

        """.ReplaceLineEndings("\n");

    /// <summary>Writes all of it, and lets the system of the image call it: cloud-init where it is, else the first start of Raspberry Pi OS.</summary>
    /// <exception cref="ToolException">The image has neither, or another first start already.</exception>
    public async Task<string> WriteAsync(IBootFiles boot, bool force, CancellationToken token)
    {
        var cloudInit = await boot.ReadAsync("meta-data", token) is not null || await boot.ReadAsync("user-data", token) is not null;
        var commandLine = await boot.ReadAsync("cmdline.txt", token);
        if (!cloudInit && commandLine is null)
            throw new ToolException("The boot partition has neither user-data (cloud-init) nor cmdline.txt (Raspberry Pi OS). Nothing was changed.");
        var entry = cloudInit ? "vendor-data" : "firstrun.sh";
        if (await boot.ReadAsync(entry, token) is { Length: > 0 } present && !present.Contains(Mark, StringComparison.Ordinal) && !force)
            throw new ToolException($"The image has a {entry} of its own. Nothing was changed. With --force it is replaced.");

        await boot.MakeDirectoryAsync(Folder, token);
        await boot.WriteAsync($"{Folder}/homeport-agent", Program, token);
        await boot.WriteAsync($"{Folder}/agent.json", JsonSerializer.SerializeToUtf8Bytes(Settings, AgentJson.Default.AgentSettings), token);
        if (CaFile is not null)
            await boot.WriteAsync($"{Folder}/ca.pem", CaFile, token);
        if (Imprint is not null)
            await boot.WriteAsync($"{Folder}/imprint.sh", ImprintScript(Imprint), token);
        await boot.WriteAsync(entry, Encoding.ASCII.GetBytes(Script), token);
        if (!cloudInit && !commandLine!.Contains(Begin.Trim(), StringComparison.Ordinal))
            await boot.WriteAsync("cmdline.txt", Encoding.ASCII.GetBytes(commandLine.TrimEnd('\n', '\r', ' ') + Begin + "\n"), token);
        return cloudInit ? "cloud-init (vendor-data)" : "the first start of Raspberry Pi OS (firstrun.sh)";
    }

    /// <summary>The names are checked by the caller and hold no quote; device ids may, and are escaped.</summary>
    private static byte[] ImprintScript(AgentImprint imprint) => Encoding.UTF8.GetBytes($$"""
        {{Mark}}
        echo '{{imprint.PrimaryKey}}' | "$1" imprint --settings "$2" --state "$3" --host '{{imprint.HostName}}' --device-id '{{imprint.DeviceId!.Replace("'", "'\\''", StringComparison.Ordinal)}}'

        """.ReplaceLineEndings("\n"));
}
