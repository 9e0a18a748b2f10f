using Homeport.Tpm;
using Homeport.Tpm.Commands;
using Homeport.Tpm.Software;

namespace Homeport.Tests.Device;

/// <summary>A software TPM of its own for a test, gone with it.</summary>
public sealed class TestTpm : IDisposable
{
    private readonly SoftwareTpm _software;

    public TestTpm()
    {
        Directory = System.IO.Directory.CreateTempSubdirectory("device-test-").FullName;
        _software = new SoftwareTpm(new SoftwareTpmOptions(Directory));
        Source = TpmSource.Software(_software);
    }

    public string Directory { get; }

    public TpmSource Source { get; }

    public void ShouldBeClean() => Source.Use(static tpm =>
    {
        new TpmStatus(tpm).GetHandles(TpmHandle.FirstTransient).ShouldBeEmpty();
        new TpmStatus(tpm).GetHandles(TpmHandle.FirstLoadedSession).ShouldBeEmpty();
    });

    public void Dispose()
    {
        _software.Dispose();
        System.IO.Directory.Delete(Directory, recursive: true);
    }
}

/// <summary>A clock that stands still.</summary>
internal sealed class FixedTime(DateTimeOffset now) : TimeProvider
{
    public DateTimeOffset Now { get; set; } = now;

    public override DateTimeOffset GetUtcNow() => Now;
}
