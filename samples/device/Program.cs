using Homeport.Samples.Device;

// What docs/device.md shows, as programs.
return args switch
{
    ["identity"] => Identity.Run(),
    ["register", var endpoint, var scope, var ca] => await Registration.RunAsync(endpoint, scope, ca),
    ["pkcs11", var endpoint, var scope, var ca, var certificate, var key] when !OperatingSystem.IsWindows() => await Pkcs11.RunAsync(endpoint, scope, ca, certificate, key),
    ["trust", var connectionString, var ca, var folder] => await Trust.RunAsync(connectionString, ca, folder),
    _ => Usage(),
};

static int Usage()
{
    Console.Error.WriteLine("identity | register ENDPOINT SCOPE CA | pkcs11 ENDPOINT SCOPE CA CERTIFICATE KEY-URI | trust CONNECTION-STRING CA FOLDER");
    return 2;
}
