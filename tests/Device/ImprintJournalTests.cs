using System.Security.Cryptography;
using Homeport.Device.Identity;
using Homeport.Tpm;
using Homeport.Tpm.Channels;

namespace Homeport.Tests.Device;

/// <summary>A power cut at every moment of an imprint: what is found afterwards is the old identity, the new one, or none; never half of each.</summary>
public sealed class ImprintJournalTests : IDisposable
{
    private readonly TestTpm _tpm = new();
    private readonly string _directory = Directory.CreateTempSubdirectory("journal-test-").FullName;
    private readonly byte[] _oldKey = RandomNumberGenerator.GetBytes(32);
    private readonly byte[] _newKey = RandomNumberGenerator.GetBytes(32);

    public void Dispose()
    {
        _tpm.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    [Fact]
    public void Every_cut_is_finished_or_changed_nothing()
    {
        var finished = 0;
        for (var cut = 0; ; cut++)
        {
            _tpm.Source.Use(static tpm => new TpmStatus(tpm).FlushLeftovers());
            new TpmDevice(0, _tpm.Source).Provision(Convert.ToBase64String(_oldKey), "old.example.test", "old");
            var channel = new Power(cut);
            var failing = new TpmSource($"cut-{cut}", () => channel.Over(_tpm.Source));
            try
            {
                new ImprintJournal(failing, _directory).Imprint(0, _newKey, "new.example.test", "new");
                cut.ShouldBeGreaterThan(10, "an imprint takes more commands than that");
                break;
            }
            catch (PowerFailedException)
            {
                var recovered = new ImprintJournal(_tpm.Source, _directory).Recover();
                var device = new TpmDevice(0, _tpm.Source);
                var isNew = recovered is not null;
                recovered?.Failure.ShouldBeNull();
                device.GetHostName().ShouldBe(isNew ? "new.example.test" : "old.example.test", $"cut {cut}");
                device.SignHmac([1]).ShouldBe(HMACSHA256.HashData(isNew ? _newKey : _oldKey, new byte[] { 1 }), $"cut {cut}");
                finished += isNew ? 1 : 0;
                new ImprintJournal(_tpm.Source, _directory).IsPending.ShouldBeFalse();
            }
        }

        finished.ShouldBeGreaterThan(5);
        Directory.EnumerateFiles(_directory).ShouldBeEmpty();
    }

    /// <summary>Without the journal, as a library user calls it.</summary>
    [Fact]
    public void A_cut_without_the_journal_never_mixes_two_identities()
    {
        for (var cut = 0; ; cut++)
        {
            _tpm.Source.Use(static tpm => new TpmStatus(tpm).FlushLeftovers());
            new TpmDevice(0, _tpm.Source).Provision(Convert.ToBase64String(_oldKey), "old.example.test", "old");
            var channel = new Power(cut);
            var failing = new TpmSource($"bare-cut-{cut}", () => channel.Over(_tpm.Source));
            try
            {
                new TpmDevice(0, failing).Provision(Convert.ToBase64String(_newKey), "new.example.test", "new");
                return;
            }
            catch (PowerFailedException)
            {
                var device = new TpmDevice(0, _tpm.Source);
                var expected = device.GetHostName() switch
                {
                    "old.example.test" => HMACSHA256.HashData(_oldKey, new byte[] { 1 }),
                    "new.example.test" => HMACSHA256.HashData(_newKey, new byte[] { 1 }),
                    _ => null,
                };
                if (expected is not null)
                    device.SignHmac([1]).ShouldBe(expected, $"cut {cut}");
            }
        }
    }

    [Fact]
    public void What_killed_programs_left_loaded_does_not_fill_the_tpm()
    {
        new TpmDevice(0, _tpm.Source).Provision(Convert.ToBase64String(_oldKey), "old.example.test", "old");
        for (var killed = 0; killed < 6; killed++)
        {
            // Cut after the key was loaded and before it was flushed.
            var channel = new Power(8);
            Should.Throw<PowerFailedException>(() => new TpmDevice(0, new TpmSource($"left-{killed}", () => channel.Over(_tpm.Source))).Provision(
                Convert.ToBase64String(_newKey), "new.example.test", "new"));
            new TpmDevice(0, _tpm.Source).Provision(Convert.ToBase64String(_oldKey), "old.example.test", "old");
        }
    }

    [Fact]
    public void An_imprint_of_a_tpm_that_was_cleared_since_is_taken_back()
    {
        var channel = new Power(12);
        var failing = new TpmSource("cut-then-clear", () => channel.Over(_tpm.Source));
        Should.Throw<PowerFailedException>(() => new ImprintJournal(failing, _directory).Imprint(0, _newKey, "new.example.test", "new"));
        _tpm.Source.Use(static tpm => new TpmStatus(tpm).Clear());
        var recovered = new ImprintJournal(_tpm.Source, _directory).Recover().ShouldNotBeNull();
        recovered.Failure!.ShouldContain("cleared or replaced");
        new TpmDevice(0, _tpm.Source).GetHostName().ShouldBeEmpty();
    }

    [Fact]
    public void The_file_does_not_hold_the_key()
    {
        var channel = new Power(12);
        var failing = new TpmSource("cut-and-look", () => channel.Over(_tpm.Source));
        Should.Throw<PowerFailedException>(() => new ImprintJournal(failing, _directory).Imprint(0, _newKey, "new.example.test", "new"));
        var file = File.ReadAllBytes(Directory.EnumerateFiles(_directory).ShouldHaveSingleItem());
        file.AsSpan().IndexOf(_newKey).ShouldBe(-1);
        System.Text.Encoding.UTF8.GetString(file).ShouldNotContain(Convert.ToBase64String(_newKey)[..10]);
    }

    [Fact]
    public void A_torn_file_means_that_nothing_had_changed()
    {
        File.WriteAllText(Path.Combine(_directory, "imprint.pending"), "{\"LogicalDev");
        new ImprintJournal(_tpm.Source, _directory).Recover().ShouldBeNull();
        Directory.EnumerateFiles(_directory).ShouldBeEmpty();
    }

    private sealed class PowerFailedException : Exception;

    /// <summary>Lets so many commands pass and then fails as a process does that is killed: no command comes after.</summary>
    private sealed class Power(int commands)
    {
        private int _left = commands;

        public ITpmChannel Over(TpmSource source)
            => _left < 0 ? throw new PowerFailedException() : new Channel(this, source);

        private sealed class Channel(Power power, TpmSource source) : ITpmChannel
        {
            public string Name => source.Name;

            public byte[] Submit(ReadOnlySpan<byte> command)
            {
                if (power._left-- <= 0)
                    throw new PowerFailedException();
                var copy = command.ToArray();
                return source.Use(tpm => tpm.Channel.Submit(copy));
            }

            public void Dispose()
            {
                // The inner channel is opened for each command.
            }
        }
    }
}
