using System.Text;
using System.Text.Json;
using Homeport.Contract.Errors;
using Homeport.Contract.Rest;
using Homeport.Hub.Files;
using Homeport.Hub.Registry;

namespace Homeport.Hub.ImportExport;

/// <summary>
/// Reads a file of devices and modules into the registry, a line for each. Lines that are refused go into a file of their own. After a
/// stop of the server it goes on where it was.
/// </summary>
public sealed class RegistryImport(BulkRegistry bulk, IRegistryJobStore store)
{
    /// <summary>Lines that are done together, and between two notes of how far the import is.</summary>
    internal const int BatchSize = 100;

    private static readonly byte[] ByteOrderMark = [0xEF, 0xBB, 0xBF];

    /// <summary>Reads the file. Null when it is read, or the job is over.</summary>
    internal async Task<Refusal?> RunAsync(IBlobContainer input, IBlobContainer output, RegistryJob job, CancellationToken token)
    {
        if (!(await input.OpenAsync(job.Request.InputBlobName!, token)).Succeeded(out var file, out var refusal))
            return refusal;
        await using (file)
        {
            if (!await ReadAsync(file, job, token))
                return null;
        }
        return await WriteErrorsAsync(output, job.JobId, token);
    }

    private async Task<bool> ReadAsync(ContainedBlob file, RegistryJob job, CancellationToken token)
    {
        var reader = new LineReader(file.Data, file.Size);
        var batch = new List<ImportLine>(BatchSize);
        for (long number = 1; await reader.ReadAsync(token) is { } line; number++)
        {
            if (number <= job.Progress.Position)
                continue;
            if (Parse(number, line) is { } parsed)
                batch.Add(parsed);
            if (number % BatchSize == 0 && !await ApplyAsync(job, batch, number, Percent(reader.Taken, file.Size), token))
                return false;
        }
        return await ApplyAsync(job, batch, long.MaxValue - BatchSize, 100, token);
    }

    /// <summary>Runs a batch and notes it, and that the next one may begin. False when the job is over.</summary>
    private async Task<bool> ApplyAsync(RegistryJob job, List<ImportLine> batch, long position, int percent, CancellationToken token)
    {
        // What was begun before a stop of the server may have been done.
        var begun = job.Status == RegistryJobStatus.Running ? job.Progress.Begun : 0;
        var good = batch.Where(l => l.Element is not null).ToList();
        // Whole batches: a stop in the middle would leave it open which lines were done.
        var refusals = await bulk.RunAsync([.. good.Select(l => l.Element!)], CancellationToken.None);
        var errors = batch.Where(l => l.Refusal is not null).Select(l => Error(l, l.Refusal!)).ToList();
        for (var i = 0; i < good.Count; i++)
        {
            if (refusals[i] is { } refusal && !(good[i].Number <= begun && WasDone(good[i].Element!.Mode, refusal)))
                errors.Add(Error(good[i], refusal));
        }
        batch.Clear();
        return await store.NoteAsync(job.JobId, new RegistryJobProgress(Math.Min(percent, 99), position, position + BatchSize), errors, token);
    }

    /// <summary>A line that may have been done before the server stopped was done, if that is why it is refused now.</summary>
    private static bool WasDone(BulkMode mode, Refusal refusal) => mode switch
    {
        BulkMode.Create => refusal.Error == HubErrors.DeviceAlreadyExists || refusal.Error == HubErrors.ModuleAlreadyExistsOnDevice,
        BulkMode.Delete or BulkMode.DeleteIfMatchETag => refusal.Error == HubErrors.DeviceNotFound || refusal.Error == HubErrors.ModuleNotFound,
        _ => false,
    };

    private static ImportLine? Parse(long number, Line line)
    {
        if (line.IsTooLong)
            return new ImportLine(number, null, null, Unreadable(number, $"it has more than {LineReader.MaxLine} bytes"));
        var bytes = line.Bytes.Span;
        if (number == 1 && bytes.StartsWith(ByteOrderMark))
            bytes = bytes[ByteOrderMark.Length..];
        bytes = bytes.Trim(" \t\r"u8);
        if (bytes.IsEmpty)
            return null;
        try
        {
            var device = JsonSerializer.Deserialize(bytes, Json.Default.BulkDevice);
            return BulkForm.Read(device, BulkMode.CreateOrUpdate).Succeeded(out var element, out var refusal)
                ? new ImportLine(number, device, element, null)
                : new ImportLine(number, device, null, refusal);
        }
        catch (JsonException e)
        {
            return new ImportLine(number, null, null, Unreadable(number, $"byte {e.BytePositionInLine + 1}, at {e.Path ?? "$"}"));
        }
    }

    private static Refusal Unreadable(long number, string where)
        => new(HubErrors.IotHubFormatError, $"Line {number} is not the JSON of a device ({where})", "Correct the line and import it again.");

    private static RegistryJobError Error(ImportLine line, Refusal refusal)
        => new(line.Number, JsonSerializer.Serialize(BulkForm.Error(line.Device, refusal), Json.Default.BulkError));

    private static int Percent(long taken, long? size) => size is > 0 ? (int)(taken * 100 / size.Value) : 0;

    /// <summary>Also without errors, so that none of an earlier import stays.</summary>
    private async Task<Refusal?> WriteErrorsAsync(IBlobContainer output, string jobId, CancellationToken token)
    {
        var file = new BlockWriter(output, RegistryJob.ErrorBlob);
        long after = 0;
        while (true)
        {
            var errors = await store.ErrorsAsync(jobId, after, 1000, token);
            if (errors.Count == 0)
                return await file.CommitAsync(token);
            foreach (var error in errors)
            {
                if (await file.WriteAsync(Encoding.UTF8.GetBytes(error.Entry + "\n"), token) is { } refusal)
                    return refusal;
            }
            after = errors[^1].Line;
        }
    }

    private sealed record ImportLine(long Number, BulkDevice? Device, BulkElement? Element, Refusal? Refusal);
}
