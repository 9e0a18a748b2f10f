using System.Buffers.Binary;
using System.CommandLine;
using Homeport.Contract.Naming;
using Homeport.Contract.Rest;
using Homeport.Tool.Connect;

namespace Homeport.Tool.Image;

/// <summary>
/// <c>homeport device image</c>: puts the agent and what it needs into the boot partition of an operating system's image or card, so that a device
/// connects by itself at its first start. Touches the named file or device and nothing else.
/// </summary>
internal sealed class ImageCommand
{
    private readonly Argument<string> _image = new("image") { Description = "Image file, card (/dev/sdX, /dev/mmcblkN), or directory where the boot partition is mounted" };
    private readonly Option<FileInfo> _agent = new("--agent") { Description = "The agent as one file for the machine of the image", Required = true };
    private readonly Option<string?> _endpoint = new("--dps") { Description = "Host name of the provisioning service: the device registers by the endorsement key of its TPM" };
    private readonly Option<string?> _idScope = new("--id-scope") { Description = "ID scope of the provisioning service" };
    private readonly Option<string?> _registrationId = new("--registration-id") { Description = "Instead of the one that follows from the endorsement key" };
    private readonly Option<string?> _device = new("--device-id") { Description = "Imprint this device at the first start, with its key from the hub, instead of registering" };
    private readonly Option<string?> _tpm = new("--tpm") { Description = "TPM of the device; without it the chip, else a software TPM" };
    private readonly Option<bool> _force = new("--force") { Description = "Replaces a first start that the image has already" };

    public static Command Create(CommandHost host)
    {
        var self = new ImageCommand();
        var command = new Command("image", "Prepares an operating system image, so that the device connects at its first start") { self._image };
        foreach (Option option in new Option[] { self._agent, self._endpoint, self._idScope, self._registrationId, self._device, self._tpm, self._force })
            command.Options.Add(option);
        return host.RunUnconnected(command, self.RunAsync);
    }

    private async Task RunAsync(ParseResult parsed, ConnectionOptions connection, CancellationToken token)
    {
        var program = await ReadAsync(parsed.GetValue(_agent)!.FullName, token);
        var machine = MachineOf(program);
        var questions = Questions.Create(isForScripts: true);
        var settings = new AgentSettings { Tpm = parsed.GetValue(_tpm), Provisioning = Provisioning(parsed, connection) };
        var imprint = await ImprintAsync(parsed, connection, questions, token);
        if (settings.Provisioning is null == imprint is null)
            throw ToolException.BadUsage("Say how the device gets its identity: --dps with --id-scope (or --ready-file), or --device-id with a connection to the hub.");
        var ca = connection.CaFile(parsed) is { } file ? await ReadAsync(file, token) : null;
        var first = new FirstBoot(settings, program) { CaFile = ca, Imprint = imprint };
        var (boot, place) = Open(parsed.GetValue(_image)!);
        var how = await first.WriteAsync(boot, parsed.GetValue(_force), token);
        Display.Details(
            ("image", place), ("agent", $"{program.Length / 1_000_000} MB, for {machine}"), ("started by", how),
            ("identity", imprint is null ? $"registers with {settings.Provisioning!.Endpoint}, ID scope {settings.Provisioning.IdScope}" : $"{imprint.DeviceId} at {imprint.HostName}"));
        Questions.Say(imprint is null
            ? "At its first start the device shows its endorsement key on its page (port 8080) and waits until that is enrolled."
            : "The image holds the key of the device until its first start: treat it as a secret, and start one device with it.");
        if (imprint is not null)
            imprint.PrimaryKey = null;
    }

    private AgentProvisioningSettings? Provisioning(ParseResult parsed, ConnectionOptions connection)
    {
        if (parsed.GetValue(_device) is not null)
            return null;
        var ready = connection.Ready(parsed)?.Dps;
        var (endpoint, scope, id) = (parsed.GetValue(_endpoint) ?? ready?.Endpoint, parsed.GetValue(_idScope) ?? ready?.IdScope, parsed.GetValue(_registrationId));
        if (endpoint is null || scope is null)
            return null;
        if (ImprintRules.CheckEndpoint(endpoint) is { } wrong)
            throw ToolException.BadUsage($"--dps: {wrong}");
        if (id is not null && RegistrationIdRules.Check(id) is { } bad)
            throw ToolException.BadUsage($"--registration-id: {bad}.");
        return new AgentProvisioningSettings { Endpoint = endpoint, IdScope = scope, RegistrationId = id };
    }

    private async Task<AgentImprint?> ImprintAsync(ParseResult parsed, ConnectionOptions connection, Questions questions, CancellationToken token)
    {
        if (parsed.GetValue(_device) is not { } device)
            return null;
        using var hub = connection.Open(parsed);
        var deviceId = IdentityPath.ParseDevice(device).DeviceId;
        return new AgentImprint { HostName = hub.HostName, DeviceId = deviceId, PrimaryKey = await ConnectCommand.KeyAsync(hub, deviceId, questions, token) };
    }

    private static (IBootFiles Files, string Place) Open(string image)
    {
        if (Directory.Exists(image))
            return (new DirectoryBootFiles(image), $"{image} (a mounted boot partition)");
        RefuseMounted(image);
        try
        {
            using var stream = new FileStream(image, FileMode.Open, FileAccess.ReadWrite, FileShare.Read);
            var partition = BootPartition.Find(new SizedStream(stream), image);
            return (new MtoolsBootFiles(image, partition), $"{image}, boot partition at byte {partition.Offset}, {partition.Length / 1_048_576} MiB");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ToolException($"'{image}' cannot be opened: {e.Message}", e);
        }
    }

    /// <summary>Two writers of one file system destroy it.</summary>
    private static void RefuseMounted(string image)
    {
        if (!image.StartsWith("/dev/", StringComparison.Ordinal) || !File.Exists("/proc/mounts"))
            return;
        if (File.ReadLines("/proc/mounts").Select(static l => l.Split(' ')).FirstOrDefault(m => m[0].StartsWith(image, StringComparison.Ordinal)) is { } mounted)
            throw new ToolException($"{mounted[0]} is mounted at {mounted[1]}. Unmount it first, or give {mounted[1]} instead of the card.");
    }

    /// <summary>The machine of a program: ELF, bytes 18 and 19.</summary>
    private static string MachineOf(byte[] program)
    {
        if (program.Length < 4_000_000 || !program.AsSpan(0, 4).SequenceEqual("\u007fELF"u8))
            throw ToolException.BadUsage("--agent: this is no agent for Linux as one file. Build it: dotnet publish src/Agent -c Release -r linux-arm64");
        return BinaryPrimitives.ReadUInt16LittleEndian(program.AsSpan(18)) switch
        {
            0xB7 => "64-bit ARM",
            0x3E => "x86-64",
            var other => throw ToolException.BadUsage($"--agent: a program for the machine 0x{other:x}; the agent is built for linux-arm64 and linux-x64."),
        };
    }

    private static async Task<byte[]> ReadAsync(string path, CancellationToken token)
    {
        try
        {
            return await File.ReadAllBytesAsync(path, token);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw ToolException.BadUsage($"The file cannot be read: {e.Message}", e);
        }
    }

    /// <summary>A card tells its size only when one seeks to its end.</summary>
    private sealed class SizedStream(Stream inner) : Stream
    {
        private readonly long _length = inner.Seek(0, SeekOrigin.End);

        public override bool CanRead => true;

        public override bool CanSeek => true;

        public override bool CanWrite => false;

        public override long Length => _length;

        public override long Position
        {
            get => inner.Position;
            set => inner.Position = value;
        }

        public override void Flush() => inner.Flush();

        public override int Read(byte[] buffer, int offset, int count) => inner.Read(buffer, offset, count);

        public override long Seek(long offset, SeekOrigin origin) => inner.Seek(offset, origin);

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
