// The class of the Windows IoT Core walkthrough "Saving Azure keys to the TPM module and connecting with tokens". Its "using" lines were
// "using Microsoft.Azure.Devices.Client;", "using Microsoft.Azure.Devices.Client.Exceptions;" and "using Microsoft.Devices.Tpm;".
using System.Text;
using Homeport.Device.Client;
using Homeport.Device.Client.Errors;
using Homeport.Device.Identity;

namespace Homeport.Tests.Interop.Walkthrough;

internal sealed class IoTHubClient
{
    private readonly TpmDevice _tpm = new TpmDevice(0);
    private DeviceClient _deviceClient = null!;
    private readonly String _id;

    public IoTHubClient()
    {
        _id = _tpm.GetDeviceId();
        RefreshToken();
    }

    private void RefreshToken()
    {
        var method = AuthenticationMethodFactory.CreateAuthenticationWithToken(_id, _tpm.GetSASToken());
        _deviceClient = DeviceClient.Create(_tpm.GetHostName(), method, TransportType.Amqp);
    }

    /// <summary>As the article advises: a new token and a second try when the hub does not take the first.</summary>
    public async Task SendAsync(string text)
    {
        var message = new Message(Encoding.UTF8.GetBytes(text));
        try
        {
            await _deviceClient.SendEventAsync(message);
        }
        catch (UnauthorizedException)
        {
            RefreshToken();
            await _deviceClient.SendEventAsync(message);
            await _deviceClient.SendEventBatchAsync(new List<Message> { new Message(Encoding.UTF8.GetBytes("queued")) });
        }
    }

    /// <summary>What time does to a token.</summary>
    public void SpoilToken()
    {
        _deviceClient.Dispose();
        var method = AuthenticationMethodFactory.CreateAuthenticationWithToken(_id, _tpm.GetSASToken().Replace("&sig=", "&sig=A", StringComparison.Ordinal));
        _deviceClient = DeviceClient.Create(_tpm.GetHostName(), method, TransportType.Amqp);
    }
}
