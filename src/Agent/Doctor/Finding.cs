namespace Homeport.Agent.Doctor;

/// <summary>How bad it is.</summary>
internal enum Severity
{
    /// <summary>As it should be.</summary>
    Good,

    /// <summary>Works, but somebody should know.</summary>
    Notice,

    /// <summary>The device cannot do its work.</summary>
    Trouble,
}

/// <summary>What the doctor saw.</summary>
/// <param name="Severity">How bad it is.</param>
/// <param name="Name">A fixed name, for scripts.</param>
/// <param name="Seen">What was seen.</param>
/// <param name="Fix">What to do; null when there is nothing to do.</param>
internal sealed record Finding(Severity Severity, string Name, string Seen, string? Fix = null);
