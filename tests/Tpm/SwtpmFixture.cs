using Homeport.Tpm;
using Homeport.Tpm.Software;

namespace Homeport.Tests.Tpm;

/// <summary>A software TPM of its own for a test, gone with it.</summary>
public sealed class TestTpm : IDisposable
{
    public TestTpm()
    {
        Directory = System.IO.Directory.CreateTempSubdirectory("tpm-test-").FullName;
        Software = new SoftwareTpm(new SoftwareTpmOptions(Directory));
        Source = TpmSource.Software(Software);
        Software.StartExclusively();
    }

    public string Directory { get; }

    public SoftwareTpm Software { get; }

    public TpmSource Source { get; }

    /// <summary>Fails when the last work left transient objects or sessions behind.</summary>
    public void ShouldBeClean() => Source.Use(static tpm =>
    {
        var status = new TpmStatus(tpm);
        status.GetHandles(Homeport.Tpm.Commands.TpmHandle.FirstTransient).ShouldBeEmpty();
        status.GetHandles(Homeport.Tpm.Commands.TpmHandle.FirstLoadedSession).ShouldBeEmpty();
    });

    public void Dispose()
    {
        Software.Dispose();
        System.IO.Directory.Delete(Directory, recursive: true);
    }
}
