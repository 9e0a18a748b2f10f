namespace Homeport.Tests.Architecture;

/// <summary>Every rule, applied to the project as it is.</summary>
public sealed class RepositoryTests
{
    [Fact]
    public void The_repository_was_found_and_read()
    {
        Repository.Files.ShouldContain(f => f.Path == "tests/Architecture/RepositoryTests.cs");
        Repository.Files.ShouldContain(f => f.Path == "src/Server/Server.csproj");
        Repository.Files.ShouldContain(f => f.Path == "Directory.Build.props");
    }

    [Fact]
    public void Projects_refer_to_each_other_only_along_the_allowed_arrows() => None(ProjectArrows.Violations(Repository.Files));

    [Fact]
    public void Every_project_is_in_the_solution() => None(ProjectArrows.OutsideTheSolution(Repository.Files));

    [Fact]
    public void Files_are_short() => None(CodeRules.LongFiles(Repository.Files));

    [Fact]
    public void Methods_are_short() => None(CodeRules.LongMethods(Repository.Files));

    [Fact]
    public void Constructors_take_few_parameters() => None(CodeRules.WideConstructors(Repository.Files));

    [Fact]
    public void Names_say_what_is_inside() => None(CodeRules.BannedNames(Repository.Files));

    [Fact]
    public void Public_types_are_documented() => None(CodeRules.UndocumentedTypes(Repository.Files));

    [Fact]
    public void No_test_is_left_out() => None(CodeRules.SkippedTests(Repository.Files));

    [Fact]
    public void No_work_is_left_unfinished() => None(TextRules.UnfinishedWork(Repository.Files));

    [Fact]
    public void No_file_names_a_place_on_a_developers_machine() => None(TextRules.MachinePaths(Repository.Files));

    [Fact]
    public void No_file_names_a_package_registry() => None(TextRules.RegistryNames(Repository.Files));

    [Fact]
    public void Links_between_documents_lead_to_files() => None(TextRules.DeadLinks(Repository.Files, Repository.Exists));

    private static void None(IEnumerable<string> violations)
    {
        var found = violations.ToList();
        if (found.Count > 0)
            Assert.Fail($"{found.Count} found:\n  " + string.Join("\n  ", found));
    }
}
