using Homeport.Device.Identity;

namespace Homeport.Samples.Device;

internal static class Identity
{
    public static int Run()
    {
        var device = new TpmDevice(0);
        string host = device.GetHostName();     // "" while nothing is imprinted
        string id = device.GetDeviceId();
        string token = device.GetSASToken();    // an hour; the key stays in the TPM

        Console.WriteLine(host.Length == 0 ? $"Nothing is imprinted; this is {id}." : $"{host}/{id}, a token of {token.Length} characters");
        return 0;
    }
}
