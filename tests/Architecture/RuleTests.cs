using System.Globalization;

namespace Homeport.Tests.Architecture;

/// <summary>Every rule is fed a sample that breaks it and one that does not, so that no rule is green because it sees nothing.</summary>
public sealed class RuleTests
{
    [Theory]
    [InlineData("src/Mqtt/Mqtt.csproj", "../Contract/Contract.csproj", "Mqtt may not refer to Contract (allowed: none)")]
    [InlineData("src/Hub/Hub.csproj", @"..\Storage\Storage.csproj", "Hub may not refer to Storage")]
    [InlineData("src/Tool/Tool.csproj", "../Device/Device.csproj;../Hub/Hub.csproj", "Tool may not refer to Hub")]
    [InlineData("src/Extra/Extra.csproj", "../Contract/Contract.csproj", "not in the table")]
    [InlineData("src/Server/Server.csproj", "../../tests/Hub/Hub.csproj", "outside src")]
    [InlineData("Directory.Build.props", "src/Contract/Contract.csproj", "belongs into the project file")]
    public void An_arrow_outside_the_table_is_found(string project, string target, string expected) =>
        ProjectArrows.Violations([Project(project, target)]).ShouldHaveSingleItem().ShouldContain(expected);

    [Theory]
    [InlineData("src/Hub/Hub.csproj", "../Contract/Contract.csproj;../Log/Log.csproj")]
    [InlineData("src/Server/Server.csproj", "../Gateway/Gateway.csproj;../Device/Device.csproj")]
    [InlineData("tests/Interop/Interop.csproj", "../../src/Server/Server.csproj")]
    public void An_arrow_of_the_table_passes(string project, string target) => ProjectArrows.Violations([Project(project, target)]).ShouldBeEmpty();

    [Fact]
    public void A_circle_is_found()
    {
        SourceFile[] files =
        [
            Project("src/Server/Server.csproj", "../Gateway/Gateway.csproj"),
            Project("src/Gateway/Gateway.csproj", "../Hub/Hub.csproj"),
            Project("src/Hub/Hub.csproj", "../Server/Server.csproj"),
        ];
        ProjectArrows.Violations(files).ShouldContain(v => v.StartsWith("circle: src/Server/Server.csproj -> src/Gateway/Gateway.csproj -> src/Hub/Hub.csproj ->"));
    }

    [Fact]
    public void A_project_outside_the_solution_is_found()
    {
        var solution = new SourceFile("Homeport.slnx", """<Solution><Project Path="src/Hub/Hub.csproj" /></Solution>""");
        SourceFile[] files = [solution, Project("src/Hub/Hub.csproj", ""), Project("src/Log/Log.csproj", "")];
        ProjectArrows.OutsideTheSolution(files).ShouldHaveSingleItem().ShouldStartWith("src/Log/Log.csproj");
    }

    [Theory]
    [InlineData(600, 0)]
    [InlineData(601, 1)]
    public void A_long_file_is_found(int lines, int violations) =>
        CodeRules.LongFiles([new("src/Hub/A.cs", string.Concat(Enumerable.Repeat("//\n", lines)))]).Count().ShouldBe(violations);

    [Theory]
    [InlineData("class A {{ void M()\n{{\n{0}}} }}", 58, 1)]
    [InlineData("class A {{ void M()\n{{\n{0}}} }}", 57, 0)]
    [InlineData("class A {{ A()\n{{\n{0}}} }}", 58, 1)]
    [InlineData("class A {{ int P {{ get\n{{\n{0}return 1; }} }} }}", 59, 1)]
    [InlineData("class A {{ void M() {{ void L()\n{{\n{0}}} }} }}", 61, 2)]
    [InlineData("{0}", 61, 1)]
    [InlineData("{0}", 60, 0)]
    public void A_long_method_is_found(string frame, int statements, int violations)
    {
        var body = string.Concat(Enumerable.Repeat("x();\n", statements));
        CodeRules.LongMethods([new("src/Hub/A.cs", string.Format(CultureInfo.InvariantCulture, frame, body))]).Count().ShouldBe(violations);
    }

    [Fact]
    public void Comments_blank_lines_and_attributes_do_not_make_a_method_long()
    {
        var filler = string.Concat(Enumerable.Repeat("// why\n\n", 80));
        var attributes = string.Concat(Enumerable.Repeat("[InlineData(1)]\n", 80));
        CodeRules.LongMethods([new("src/Hub/A.cs", $"class A {{ {attributes} void M() {{ {filler} }} }}")]).ShouldBeEmpty();
    }

    [Theory]
    [InlineData("class A { A(int a, int b, int c, int d, int e, int f, int g, int h) { } }", 1)]
    [InlineData("class A(int a, int b, int c, int d, int e, int f, int g, int h);", 1)]
    [InlineData("struct A(int a, int b, int c, int d, int e, int f, int g, int h);", 1)]
    [InlineData("class A { A(int a, int b, int c, int d, int e, int f, int g) { } }", 0)]
    [InlineData("record A(int B, int C, int D, int E, int F, int G, int H, int I);", 0)]
    public void A_wide_constructor_is_found(string code, int violations) => CodeRules.WideConstructors([new("src/Hub/A.cs", code)]).Count().ShouldBe(violations);

    [Theory]
    [InlineData("src/Hub/Common/A.cs", "class A;", 1)]
    [InlineData("src/Hub/DeviceHelper.cs", "class A;", 1)]
    [InlineData("src/Hub/A.cs", "class SessionManager;", 1)]
    [InlineData("src/Hub/A.cs", "record TopicUtils;", 1)]
    [InlineData("src/Hub/A.cs", "interface ICoreService;", 1)]
    [InlineData("src/Hub/A.cs", "enum Abstractions { A }", 1)]
    [InlineData("src/Hub/A.cs", "delegate void UtilDone();", 1)]
    [InlineData("src/Hub/Score.cs", "class Score { class Utilization; class Commons; class CommonName; }", 0)]
    public void A_banned_name_is_found(string path, string code, int violations) => CodeRules.BannedNames([new(path, code)]).Count().ShouldBe(violations);

    [Theory]
    [InlineData("namespace N; public class A;", 1)]
    [InlineData("namespace N; // a comment is not documentation\npublic record A;", 1)]
    [InlineData("namespace N; public delegate void A();", 1)]
    [InlineData("namespace N; public enum A { B }", 1)]
    [InlineData("namespace N; /// <summary>Says it.</summary>\npublic class A { public struct B; }", 1)]
    [InlineData("namespace N; /// <summary>Says it.</summary>\npublic partial class A; public partial class A { }", 0)]
    [InlineData("namespace N; internal class A { public class B; } class C;", 0)]
    public void An_undocumented_public_type_is_found(string code, int violations) =>
        CodeRules.UndocumentedTypes([new("src/Hub/A.cs", code)]).Count().ShouldBe(violations);

    [Theory]
    [InlineData("[Fact(Skip = \"later\")] void M() { }", 1)]
    [InlineData("[Theory(SkipUnless = nameof(P))] void M() { }", 1)]
    [InlineData("[Fact(Explicit = true)] void M() { }", 1)]
    [InlineData("void M() => Assert.Skip(\"no TPM\");", 1)]
    [InlineData("void M() => Assert.SkipWhen(true, \"no TPM\");", 1)]
    [InlineData("[Fact(DisplayName = \"Skip\")] void M() => x.Skip(1);", 0)]
    public void A_skipped_test_is_found(string member, int violations) =>
        CodeRules.SkippedTests([new("tests/Hub/A.cs", $"class A {{ {member} }}")]).Count().ShouldBe(violations);

    [Theory]
    [InlineData("src/Hub/A.cs", "// TO" + "DO: finish", 1)]
    [InlineData("src/Hub/A.cs", "throw new NotImplemented" + "Exception();", 1)]
    [InlineData("test", "# FIX" + "ME", 1)]
    [InlineData("tests/Interop/clients/a.mjs", "// HA" + "CK", 1)]
    [InlineData("src/Hub/A.cs", "// methods, to" + "do lists and HA" + "CKERS", 0)]
    public void Unfinished_work_is_found(string path, string text, int violations) => TextRules.UnfinishedWork([new(path, text)]).Count().ShouldBe(violations);

    [Theory]
    [InlineData("see /wo" + "rk/notes.md", 1)]
    [InlineData("cd /tmp/w" + "t/hub", 1)]
    [InlineData("\"/ro" + "ot/.nuget\"", 1)]
    [InlineData("/ho" + "me/ann/src", 1)]
    [InlineData(@"C:\Us" + @"ers\ann", 1)]
    [InlineData("https://example.com/wo" + "rk/a, /tmp/a, ./ro" + "ot/a", 0)]
    public void A_path_of_a_machine_is_found(string text, int violations) => TextRules.MachinePaths([new("docs/a.md", text)]).Count().ShouldBe(violations);

    [Theory]
    [InlineData("https://registry." + "npmjs.org/a.tgz", 1)]
    [InlineData("https://api.nu" + "get.org/v3/index.json", 1)]
    [InlineData("\"reso" + "lved\": \"x\"", 1)]
    [InlineData("registry.", 0)]
    [InlineData("The identity registry. It keeps devices.", 0)]
    public void The_name_of_a_registry_is_found(string text, int violations) => TextRules.RegistryNames([new("a.json", text)]).Count().ShouldBe(violations);

    [Theory]
    [InlineData("[a](b.md)", "docs/b.md", 0)]
    [InlineData("[a](../README.md#top)", "docs/../README.md", 0)]
    [InlineData("[a](/README.md)", "README.md", 0)]
    [InlineData("[a](#here) [b](https://example.com/x) <mailto:a@b>", "", 0)]
    [InlineData("`[a](b.md)`\n```\n[a](c.md)\n```", "", 0)]
    [InlineData("[a](b.md)", "docs/c.md", 1)]
    [InlineData("[a](b.md \"title\") ![p](p.png)", "", 2)]
    [InlineData("[a][1]\n\n[1]: b.md", "", 1)]
    public void A_dead_link_is_found(string text, string existing, int violations) =>
        TextRules.DeadLinks([new("docs/a.md", text)], path => path == existing).Count().ShouldBe(violations);

    private static SourceFile Project(string path, string references) =>
        new(path, $"""<Project><ItemGroup>{(references.Length == 0 ? "" : $"<ProjectReference Include=\"{references}\" />")}</ItemGroup></Project>""");
}
