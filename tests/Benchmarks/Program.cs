using System.CommandLine;
using Homeport.Tests.Benchmarks;

return await new RootCommand("Measures Homeport beside mosquitto and a bare Kestrel loop.")
{
    Verbs.Telemetry(args),
    Verbs.Connect(args),
    Verbs.Idle(args),
    Verbs.Startup(args),
    HubVerbs.Twins(args),
    HubVerbs.Methods(args),
    HubVerbs.Commands(args),
    HubVerbs.Registry(args),
    HubVerbs.Amqp(args),
    HubVerbs.Queries(args),
    HubVerbs.Registrations(args),
    HubVerbs.Enrollments(args),
    HubVerbs.Fleet(args),
    HubVerbs.WebConsole(args),
    HubVerbs.Queue(args),
    HubVerbs.Soak(args),
    HubVerbs.Events(args),
    Verbs.Agent(args),
    Verbs.BareServer(),
}.Parse(args).InvokeAsync();
