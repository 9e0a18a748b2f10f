using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Homeport.Tpm;
using Homeport.Tpm.Attestation;
using Homeport.Tpm.Channels;
using Homeport.Tpm.Commands;
using Homeport.Tpm.Software;

namespace Homeport.Tests.Tpm;

public sealed class SoftwareTpmTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("swtpm-test-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public void The_first_use_starts_it_and_keys_survive_a_restart()
    {
        byte[] endorsementKey, storageRootKey;
        using (var software = new SoftwareTpm(new SoftwareTpmOptions(_directory)))
        {
            software.ProcessId.ShouldBeNull();
            var source = TpmSource.Software(software);
            (endorsementKey, storageRootKey) = source.Use(static tpm =>
            {
                var keys = new TpmKeys(tpm);
                keys.Imprint([1, 2, 3], TpmHandle.IdentityKey);
                return (keys.GetEndorsementKey().Encode(), keys.GetStorageRootKey().Encode());
            });
            software.ProcessId.ShouldNotBeNull();
        }

        using (var again = new SoftwareTpm(new SoftwareTpmOptions(_directory)))
        {
            TpmSource.Software(again).Use(tpm =>
            {
                var keys = new TpmKeys(tpm);
                keys.GetEndorsementKey().Encode().ShouldBe(endorsementKey);
                keys.GetStorageRootKey().Encode().ShouldBe(storageRootKey);
                keys.Sign([4]).ShouldBe(HMACSHA256.HashData(new byte[] { 1, 2, 3 }, new byte[] { 4 }));
            });
        }
    }

    [Fact]
    [System.Runtime.Versioning.UnsupportedOSPlatform("windows")]
    public void Nobody_else_may_look_into_its_directory()
    {
        using var software = Started();
        File.GetUnixFileMode(_directory).ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        File.GetUnixFileMode(Path.Combine(_directory, "state")).ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        File.GetUnixFileMode(Path.Combine(_directory, "tpm.sock")).ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite);
    }

    [Fact]
    public void A_second_object_uses_the_running_server_and_leaves_it_running()
    {
        using var first = Started();
        using (var second = new SoftwareTpm(new SoftwareTpmOptions(_directory)))
        {
            TpmSource.Software(second).Use(static tpm => new TpmStatus(tpm).GetRandom(8)).Length.ShouldBe(8);
            second.ProcessId.ShouldBeNull();
        }

        TpmSource.Software(first).Use(static tpm => new TpmStatus(tpm).GetRandom(8)).Length.ShouldBe(8);
    }

    [Fact]
    public void An_exclusive_start_refuses_a_directory_in_use()
    {
        using var first = Started();
        using var second = new SoftwareTpm(new SoftwareTpmOptions(_directory));
        Should.Throw<TpmException>(second.StartExclusively).Message.ShouldContain("runs over");
    }

    [Fact]
    public void A_foreign_swtpm_over_the_same_state_is_named()
    {
        using var first = Started();
        File.Move(Path.Combine(_directory, "tpm.sock.ctrl"), Path.Combine(_directory, "moved"));
        using var second = new SoftwareTpm(new SoftwareTpmOptions(_directory));
        var error = Should.Throw<TpmException>(second.EnsureRunning);
        File.Move(Path.Combine(_directory, "moved"), Path.Combine(_directory, "tpm.sock.ctrl"));
        error.Message.ShouldContain("another swtpm uses the state directory");
    }

    [Fact]
    public async Task Starting_at_the_same_moment_gives_one_server()
    {
        var objects = Enumerable.Range(0, 4).Select(_ => new SoftwareTpm(new SoftwareTpmOptions(_directory))).ToArray();
        await Task.WhenAll(objects.Select(static software => Task.Run(software.EnsureRunning)));
        objects.Count(static software => software.ProcessId is not null).ShouldBe(1);
        foreach (var software in objects)
            software.Dispose();
    }

    [Fact]
    public void A_killed_server_is_started_again_and_has_lost_nothing()
    {
        using var software = Started();
        var source = TpmSource.Software(software);
        var endorsementKey = source.Use(static tpm => new TpmKeys(tpm).GetEndorsementKey().Encode());
        for (var round = 0; round < 4; round++)
        {
            source.Use(tpm =>
            {
                var keys = new TpmKeys(tpm);
                keys.Activate(Challenge.Create(keys.GetEndorsementKey(), keys.GetStorageRootKey(), [(byte)(round + 1)]));
            });
            var id = software.ProcessId!.Value;
            using (var process = Process.GetProcessById(id))
            {
                process.Kill();
                process.WaitForExit();
            }

            source.Use(tpm =>
            {
                var keys = new TpmKeys(tpm);
                keys.GetEndorsementKey().Encode().ShouldBe(endorsementKey);
                keys.Sign([1]).ShouldBe(HMACSHA256.HashData(new[] { (byte)(round + 1) }, new byte[] { 1 }));
                new TpmStatus(tpm).GetHealth().LockoutCounter.ShouldBe(0u);
            });
            software.ProcessId!.Value.ShouldNotBe(id);
        }
    }

    [Fact]
    public void Stopping_ends_the_process_and_another_use_starts_a_new_one()
    {
        using var software = Started();
        using var process = Process.GetProcessById(software.ProcessId!.Value);
        software.Stop();
        process.WaitForExit(5000).ShouldBeTrue();
        software.ProcessId.ShouldBeNull();
        TpmSource.Software(software).Use(static tpm => new TpmStatus(tpm).GetRandom(1)).Length.ShouldBe(1);
    }

    [Fact]
    public void Without_swtpm_the_message_says_what_to_install()
    {
        using var software = new SoftwareTpm(new SoftwareTpmOptions(_directory) { Program = "swtpm-that-is-missing" });
        var error = Should.Throw<TpmException>(software.EnsureRunning);
        error.Failure.ShouldBe(TpmFailure.NotInstalled);
        error.Message.ShouldBe("swtpm-that-is-missing is not installed: apt-get install swtpm");
        SoftwareTpm.FindProgram().ShouldNotBeNull("swtpm is not installed: apt-get install swtpm");
    }

    [Fact]
    public void A_relative_or_too_long_directory_is_refused()
    {
        Should.Throw<TpmException>(() => new SoftwareTpm(new SoftwareTpmOptions("relative/dir"))).Message.ShouldContain("absolute");
        Should.Throw<TpmException>(() => new SoftwareTpm(new SoftwareTpmOptions("/tmp/" + new string('x', 110)))).Message.ShouldContain("too long");
    }

    [Fact]
    public void An_encrypted_state_needs_its_key()
    {
        var keyFile = Path.Combine(_directory, "key");
        File.WriteAllText(keyFile, Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32)));
        var state = Path.Combine(_directory, "tpm");
        byte[] endorsementKey;
        using (var software = new SoftwareTpm(new SoftwareTpmOptions(state) { KeyFile = keyFile }))
            endorsementKey = TpmSource.Software(software).Use(static tpm => new TpmKeys(tpm).GetEndorsementKey().Encode());
        using (var software = new SoftwareTpm(new SoftwareTpmOptions(state) { KeyFile = keyFile }))
            TpmSource.Software(software).Use(static tpm => new TpmKeys(tpm).GetEndorsementKey().Encode()).ShouldBe(endorsementKey);

        File.WriteAllText(keyFile, Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32)));
        using (var software = new SoftwareTpm(new SoftwareTpmOptions(state) { KeyFile = keyFile }))
            Should.Throw<TpmException>(software.EnsureRunning).Message.ShouldContain("key file");
    }

    [Fact]
    public void It_listens_on_TCP_where_the_SDKs_look_and_names_a_taken_port()
    {
        var port = FreePort();
        using var software = new SoftwareTpm(new SoftwareTpmOptions(_directory) { TcpPort = port });
        software.EnsureRunning();
        TpmSource.Parse($"tcp:127.0.0.1:{port}").Use(static tpm => new TpmStatus(tpm).GetMake()).IsSoftware.ShouldBeTrue();

        var other = Directory.CreateTempSubdirectory("swtpm-port-").FullName;
        using (var second = new SoftwareTpm(new SoftwareTpmOptions(other) { TcpPort = port }))
            Should.Throw<TpmException>(second.EnsureRunning).Message.ShouldContain($"port {port} is in use");
        Directory.Delete(other, recursive: true);
    }

    [Fact]
    public void A_TPM_that_somebody_holds_is_named_after_the_time_limit()
    {
        using var software = Started();
        using var holder = new Tpm2(software.Open());
        new TpmStatus(holder).GetRandom(1);
        var limits = new TpmTimeouts(TimeSpan.FromSeconds(1), TimeSpan.FromMilliseconds(300));
        using var waiting = new Tpm2(new SocketChannel(software.EndPoint, limits));
        var error = Should.Throw<TpmException>(() => new TpmStatus(waiting).GetRandom(1));
        error.Failure.ShouldBe(TpmFailure.TimedOut);
        error.Message.ShouldContain("Another program may hold the TPM");
    }

    [Fact]
    public void The_control_channel_resets_the_TPM()
    {
        using var software = Started();
        var control = new SwtpmControl(new UnixDomainSocketEndPoint(Path.Combine(_directory, "tpm.sock.ctrl")), TpmTimeouts.Default);
        control.GetCapabilities().ShouldBeGreaterThan(0ul);
        TpmSource.Software(software).Use(tpm =>
        {
            var session = tpm.Execute(new StartPolicySessionCommand(new byte[20]));
            control.Stop();
            control.Initialize();
            new TpmStatus(tpm).Start();
            Should.Throw<TpmException>(() => tpm.Execute(new FlushContextCommand(session))).Code.ShouldBe(TpmResponseCode.Handle);
        });
    }

    [Fact]
    public void A_TPM_that_is_reset_between_two_commands_goes_on_with_its_persistent_key()
    {
        using var software = Started();
        var control = new SwtpmControl(new UnixDomainSocketEndPoint(Path.Combine(_directory, "tpm.sock.ctrl")), TpmTimeouts.Default);
        TpmSource.Software(software).Use(tpm =>
        {
            var keys = new TpmKeys(tpm);
            keys.Imprint(new byte[32], TpmHandle.IdentityKey);
            var before = keys.Sign([1]);
            control.Stop();
            control.Initialize();
            keys.Sign([1]).ShouldBe(before);
        });
    }

    private SoftwareTpm Started()
    {
        var software = new SoftwareTpm(new SoftwareTpmOptions(_directory));
        software.EnsureRunning();
        return software;
    }

    internal static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
