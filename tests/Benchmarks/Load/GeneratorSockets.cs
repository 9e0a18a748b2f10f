namespace Homeport.Tests.Benchmarks.Load;

/// <summary>
/// Makes this process handle socket completions on the epoll threads themselves: without a hop to the thread pool
/// a request costs the generator about half, and the number of its threads is known.
/// </summary>
internal static class GeneratorSockets
{
    private const string Inline = "DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS";
    private const string Threads = "DOTNET_SYSTEM_NET_SOCKETS_THREAD_COUNT";

    /// <summary>Must be called before the first socket of the process is opened: the runtime reads the variables once.</summary>
    public static void Configure(int threads)
    {
        Environment.SetEnvironmentVariable(Inline, "1");
        Environment.SetEnvironmentVariable(Threads, threads.ToString());
    }

    /// <summary>A measured server must not inherit the generator's settings.</summary>
    public static void RemoveFrom(IDictionary<string, string?> environment)
    {
        environment.Remove(Inline);
        environment.Remove(Threads);
    }
}
