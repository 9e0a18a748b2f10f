using Homeport.Device.Identity;
using Homeport.Tpm;
using Homeport.Tpm.Software;

namespace Homeport.Server.Demo;

/// <summary>Which TPM the demonstration's device has: the chip if the user asks for it, else a software TPM, else none.</summary>
internal static class DemoTpm
{
    /// <summary>Chooses and tells. Null when there is no TPM at all; the software TPM has to be stopped at the end.</summary>
    /// <param name="place">From <c>--tpm</c>: <c>chip</c>, a place as <see cref="TpmSource.Parse"/> takes it, or null.</param>
    /// <param name="directory">Where a software TPM keeps its state.</param>
    /// <param name="narrator">Tells the user.</param>
    /// <param name="software">The software TPM, if it is that.</param>
    public static TpmSource? Choose(string? place, string directory, Narrator narrator, out SoftwareTpm? software)
    {
        software = null;
        if (place is not null)
            return place == "chip" ? TpmLocator.Choose() : TpmSource.Parse(place);
        if (SoftwareTpm.FindProgram() is null)
        {
            narrator.Say("There is no software TPM here. To see the device with one: sudo apt-get install swtpm");
            narrator.Say("Going on with a symmetric key, which the device has to keep in a file.");
            return null;
        }
        narrator.Say("A software TPM (swtpm) stands in for the chip. It works like one, but protects nothing from this machine's administrator.");
        if (File.Exists("/dev/tpmrm0"))
            narrator.Say("This machine has a TPM chip; to use it, add --tpm chip.");
        software = new SoftwareTpm(new SoftwareTpmOptions(directory));
        return TpmSource.Software(software);
    }
}
