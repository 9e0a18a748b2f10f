using Homeport.Models.Text;

namespace Homeport.Models.Reading;

/// <summary>Which language a text is taken for.</summary>
public enum ModelDialect
{
    /// <summary>DTDL v2 or v3 as <c>@context</c> says.</summary>
    Dtdl,

    /// <summary>
    /// The capability model of an IoT Central template: DTDL v2 with that extension also without a context, and members of the kind of
    /// <c>displayUnit</c> that DTDL does not know.
    /// </summary>
    Central,
}

/// <summary>The active context of an element: language version and extensions.</summary>
/// <param name="Language">2 or 3.</param>
/// <param name="Central">IoT Central's extension.</param>
/// <param name="Quantitative">Semantic types and units: always in v2, by an extension in v3.</param>
/// <param name="Open">Members and types that are not known here may stand anywhere: an extension that is only passed through, or IoT Central's dialect.</param>
internal sealed record ModelContext(int Language, bool Central, bool Quantitative, bool Open)
{
    private const string Dtdl = "dtmi:dtdl:context;";
    private const string CentralContext = "dtmi:iotcentral:context;2";
    private const string QuantitativeContext = "dtmi:dtdl:extension:quantitativeTypes;1";

    private static readonly HashSet<string> PassedThrough = new(StringComparer.Ordinal)
    {
        "dtmi:dtdl:extension:annotation;1", "dtmi:dtdl:extension:historization;1", "dtmi:dtdl:extension:layering;1", "dtmi:dtdl:extension:mqtt;1",
        "dtmi:dtdl:extension:mqtt;2", "dtmi:dtdl:extension:overriding;1", "dtmi:dtdl:extension:requirement;1", "dtmi:dtdl:extension:streaming;1",
    };

    public static readonly ModelContext OfCentral = new(2, Central: true, Quantitative: true, Open: true);

    public LanguageRules Rules => Language == 2 ? LanguageRules.Version2 : LanguageRules.Version3;

    /// <summary>The context of an element that has the member <c>@context</c>.</summary>
    public static ModelContext Read(SourceNode node, ModelContext? around, ModelDialect dialect, ErrorList errors)
    {
        var context = around ?? new ModelContext(0, Central: false, Quantitative: false, Open: dialect == ModelDialect.Central);
        foreach (var item in node.Kind == SourceKind.Array ? node.Items : [node])
        {
            if (item.AsText is not { } text)
            {
                errors.Add(item, "@context is no text", "Write \"dtmi:dtdl:context;2\" or \"dtmi:dtdl:context;3\".");
                continue;
            }
            if (text.StartsWith(Dtdl, StringComparison.Ordinal))
                context = context.WithLanguage(text, item, errors);
            else if (context.Language == 0 && dialect == ModelDialect.Dtdl)
                errors.Add(item, $"'{Shown.Text(text)}' stands in front of the language", "Put the context of DTDL first.");
            else
                context = context.WithExtension(text, item, errors);
        }
        if (context.Language == 0)
        {
            errors.Add(node, "@context names no version of DTDL", "Add \"dtmi:dtdl:context;2\" or \"dtmi:dtdl:context;3\".");
            return context.WithLanguage("dtmi:dtdl:context;2", node, errors);
        }
        return context;
    }

    private ModelContext WithLanguage(string text, SourceNode at, ErrorList errors)
    {
        switch (text[Dtdl.Length..])
        {
            case "2":
                return this with { Language = 2, Quantitative = true };
            case "3":
                return this with { Language = 3, Quantitative = Language == 3 && Quantitative };
            default:
                errors.Add(at, $"'{Shown.Text(text)}' is a version of DTDL that is not read here", "Use \"dtmi:dtdl:context;2\" or \"dtmi:dtdl:context;3\".");
                return this with { Language = 3 };
        }
    }

    private ModelContext WithExtension(string text, SourceNode at, ErrorList errors)
    {
        if (text == CentralContext)
            return this with { Central = true };
        if (text == QuantitativeContext && Language == 3)
            return this with { Quantitative = true };
        if (PassedThrough.Contains(text) && Language == 3)
            return this with { Open = true };
        errors.Add(at, $"The extension '{Shown.Text(text)}' is not known{(Language == 0 ? "" : $" to DTDL v{Language}")}", "Take it out, or use one of the language's own.");
        return this;
    }
}

/// <summary>The limits in which the versions of the language differ.</summary>
internal sealed record LanguageRules(int Version, int MaxName, int MaxDisplayName, int MaxContents, int MaxExtends, int MaxFields, int MaxEnumValues)
{
    public const int MaxText = 512;
    public const int MaxExtendsDepth = 10;
    public const int MaxSchemaDepth = 5;
    public const int MaxInterfaceBytes = 1024 * 1024;

    /// <summary>Elements below an interface when every reference is followed (v3; here for v2 as well, to keep forms within bounds).</summary>
    public const int MaxElements = 100_000;

    public static readonly LanguageRules Version2 = new(2, MaxName: 64, MaxDisplayName: 64, MaxContents: 300, MaxExtends: 2, MaxFields: 30, MaxEnumValues: 100);

    public static readonly LanguageRules Version3 = new(3, MaxName: 512, MaxDisplayName: MaxText, MaxContents: MaxElements, MaxExtends: 1024, MaxFields: MaxElements, MaxEnumValues: MaxElements);
}
