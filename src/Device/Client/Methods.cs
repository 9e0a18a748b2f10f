using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace Homeport.Device.Client;

/// <summary>A direct method call of the hub.</summary>
public sealed class MethodRequest(string name, byte[] data)
{
    public string Name { get; } = name;

    /// <summary>JSON, or empty.</summary>
    [SuppressMessage("Performance", "CA1819", Justification = "The API of the Azure IoT device client.")]
    public byte[] Data { get; } = data;

    public string DataAsJson => Encoding.UTF8.GetString(Data);
}

/// <summary>The answer to a direct method call.</summary>
public sealed class MethodResponse
{
    public MethodResponse(int status)
        : this([], status)
    {
    }

    /// <summary>With a result.</summary>
    /// <param name="result">JSON.</param>
    /// <param name="status">Of the application, for example 200.</param>
    public MethodResponse(byte[] result, int status)
    {
        ArgumentNullException.ThrowIfNull(result);
        Result = result;
        Status = status;
    }

    [SuppressMessage("Performance", "CA1819", Justification = "The API of the Azure IoT device client.")]
    public byte[] Result { get; }

    public int Status { get; }
}

/// <summary>Answers a direct method call.</summary>
public delegate Task<MethodResponse> MethodCallback(MethodRequest methodRequest, object? userContext);
