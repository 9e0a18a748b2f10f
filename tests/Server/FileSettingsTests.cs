using Homeport.Server.Options;

namespace Homeport.Tests.Server;

/// <summary>Where the files of devices go, and that the key of an account is never shown.</summary>
public sealed class FileSettingsTests : IDisposable
{
    private const string Account = "AccountName=acct;AccountKey=c2VjcmV0;BlobEndpoint=https://store.test";
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Without_a_setting_files_go_to_the_built_in_store()
    {
        var files = OptionsReader.Read(Collect([], [])).ShouldNotBeNull().Files;
        (files.Account, files.Container, files.Limits.MaxBlock, files.Limits.MaxBlob).ShouldBe((null, "uploads-hub1", 100L << 20, 5L << 30));
    }

    [Fact]
    public void An_account_comes_from_the_environment_or_a_file_and_its_key_is_not_shown()
    {
        File.WriteAllText(_folder.File("account.txt"), Account + "\n");
        foreach (var sources in (SettingSources[])[Collect([], new() { ["HOMEPORT_BLOB_STORAGE"] = Account }), Collect(new() { ["blob-storage"] = _folder.File("account.txt") }, [])])
        {
            var options = OptionsReader.Read(sources).ShouldNotBeNull();
            options.Files.Account.ShouldNotBeNull().Endpoint.ShouldBe(new Uri("https://store.test"));
            OptionsReader.Describe(sources, options).ShouldAllBe(d => !d.Value.Contains("c2VjcmV0"));
            options.ToString().ShouldNotContain("c2VjcmV0");
        }
    }

    [Fact]
    public void A_bucket_comes_by_the_same_setting_and_its_key_is_not_shown()
    {
        const string Bucket = "Endpoint=https://s3.test;Bucket=files;Region=eu-west-1;AccessKeyId=me;SecretAccessKey=c2VjcmV0";
        var sources = Collect([], new() { ["HOMEPORT_BLOB_STORAGE"] = Bucket });
        var options = OptionsReader.Read(sources).ShouldNotBeNull();
        options.Files.Account.ShouldBeNull();
        var read = options.Files.Bucket.ShouldNotBeNull();
        (read.Endpoint.ToString(), read.Bucket, read.Region, read.AccessKeyId, read.SecretAccessKey).ShouldBe(("https://s3.test/", "files", "eu-west-1", "me", "c2VjcmV0"));
        OptionsReader.Describe(sources, options).ShouldAllBe(d => !d.Value.Contains("c2VjcmV0"));
        options.ToString().ShouldNotContain("c2VjcmV0");
        var onCommandLine = Collect(new() { ["blob-storage"] = Bucket }, []);
        OptionsReader.Read(onCommandLine).ShouldBeNull();
        onCommandLine.Errors.ShouldHaveSingleItem().ShouldNotContain("c2VjcmV0");
    }

    [Theory]
    [InlineData("Endpoint=https://s3.test;AccessKeyId=me;SecretAccessKey=c2VjcmV0", "no Bucket")]
    [InlineData("Endpoint=http://s3.test;Bucket=files;AccessKeyId=me;SecretAccessKey=c2VjcmV0", "Endpoint")]
    [InlineData("Endpoint=https://s3.test/files;Bucket=files;AccessKeyId=me;SecretAccessKey=c2VjcmV0", "Endpoint")]
    [InlineData("Endpoint=https://s3.test;Bucket=../x;AccessKeyId=me;SecretAccessKey=c2VjcmV0", "Bucket")]
    [InlineData("Endpoint=https://s3.test;Bucket=files;AccessKeyId=me;SecretAccessKey=c2VjcmV0;Colour=red", "field")]
    [InlineData("Bucket=files;Bucket=files;SecretAccessKey=c2VjcmV0", "twice")]
    public void A_bucket_that_cannot_be_one_is_an_error_without_its_key(string text, string part)
    {
        var sources = Collect([], new() { ["HOMEPORT_BLOB_STORAGE"] = text });
        OptionsReader.Read(sources).ShouldBeNull();
        sources.Errors.ShouldHaveSingleItem().ShouldContain(part);
        sources.Errors[0].ShouldContain("S3");
        sources.Errors[0].ShouldNotContain("c2VjcmV0");
    }

    [Theory]
    [InlineData(Account, "HOMEPORT_BLOB_STORAGE")]
    [InlineData("/nowhere/at/all", "cannot be read")]
    public void The_command_line_names_a_file(string value, string part)
    {
        var sources = Collect(new() { ["blob-storage"] = value }, []);
        OptionsReader.Read(sources).ShouldBeNull();
        sources.Errors.ShouldHaveSingleItem().ShouldContain(part);
        sources.Errors[0].ShouldNotContain("c2VjcmV0");
    }

    [Theory]
    [InlineData("blob-container", "devices")]
    [InlineData("blob-container", "Up-Loads")]
    [InlineData("blob-block-mb", "0")]
    [InlineData("blob-block-mb", "4001")]
    [InlineData("blob-quota-mb", "-1")]
    public void A_value_that_cannot_be_used_is_an_error(string name, string value)
    {
        var sources = Collect(new() { [name] = value }, []);
        OptionsReader.Read(sources).ShouldBeNull();
        sources.Errors.ShouldHaveSingleItem().ShouldContain(name);
    }

    private static SettingSources Collect(Dictionary<string, string> commandLine, Dictionary<string, string> environment)
        => SettingSources.Collect(commandLine, null, environment.GetValueOrDefault);
}
