using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Homeport.Tool.Migration;

/// <summary>A member of a large JSON file.</summary>
/// <param name="Section">Null for a member of the file itself, else the name of the member that it is in.</param>
/// <param name="Name">Its name.</param>
/// <param name="Value">What it is.</param>
internal sealed record LargeMember(string? Section, string Name, JsonNode? Value);

/// <summary>Reads JSON files of any size, one member in memory at a time.</summary>
internal static class LargeJson
{
    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false, MaxDepth = 64 };

    /// <summary>Opens a file as UTF-8, also one that PowerShell wrote in UTF-16.</summary>
    /// <exception cref="ToolException">The file cannot be read.</exception>
    public static Stream Open(FileInfo file)
    {
        try
        {
            var stream = new FileStream(file.FullName, FileMode.Open, FileAccess.Read, FileShare.Read, 64 * 1024);
            Span<byte> mark = stackalloc byte[3];
            var read = stream.ReadAtLeast(mark, 3, throwOnEndOfStream: false);
            if (read >= 2 && mark[0] == 0xff && mark[1] == 0xfe)
            {
                stream.Position = 2;
                return Encoding.CreateTranscodingStream(stream, Encoding.Unicode, Encoding.UTF8);
            }
            stream.Position = read == 3 && mark[0] == 0xef && mark[1] == 0xbb && mark[2] == 0xbf ? 3 : 0;
            return stream;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw ToolException.BadUsage($"The file '{file.Name}' cannot be read: {e.Message}", e);
        }
    }

    /// <summary>Parses a value whose names are all different.</summary>
    public static JsonNode? Parse(ReadOnlySpan<byte> utf8) => JsonNode.Parse(utf8, null, Strict);

    /// <summary>The members of the object that a file is; those of one of them, an object itself, one by one as well.</summary>
    /// <param name="file">UTF-8.</param>
    /// <param name="opened">Name of the member that is opened.</param>
    /// <param name="token">Ends it.</param>
    /// <exception cref="ToolException">It is no such JSON.</exception>
    public static async IAsyncEnumerable<LargeMember> MembersAsync(Stream file, string opened, [EnumeratorCancellation] CancellationToken token)
    {
        var reader = new MemberReader(opened);
        while (true)
        {
            var member = Guard(reader.Next);
            if (member is not null)
                yield return member;
            else if (reader.IsAtEnd)
                yield break;
            else
                await reader.FillAsync(file, token);
        }
    }

    private static T Guard<T>(Func<T> read)
    {
        try
        {
            return read();
        }
        catch (JsonException e)
        {
            throw ToolException.BadUsage($"The file is not the JSON that is expected: {e.Message}", e);
        }
    }

    /// <summary>Where in the file a reader is, and the part of it that it has not read yet.</summary>
    private sealed class MemberReader(string opened)
    {
        /// <summary>Longest member, in bytes. A twin with all its modules has less than 10 MiB.</summary>
        private const int MaxMember = 64 * 1024 * 1024;

        private byte[] _buffer = new byte[64 * 1024];
        private int _start;
        private int _end;
        private bool _isLast;
        private bool _inside;
        private bool _begun;
        private JsonReaderState _state = new(new JsonReaderOptions { MaxDepth = 64 });

        public bool IsAtEnd { get; private set; }

        /// <summary>The next member; null when more of the file is needed, or at the end.</summary>
        public LargeMember? Next()
        {
            while (!IsAtEnd)
            {
                var reader = new Utf8JsonReader(_buffer.AsSpan(_start, _end - _start), _isLast, _state);
                if (!reader.Read())
                    return null;
                switch (reader.TokenType)
                {
                    case JsonTokenType.StartObject when !_begun:
                        _begun = true;
                        Take(reader);
                        break;
                    case JsonTokenType.EndObject when _inside:
                        _inside = false;
                        Take(reader);
                        break;
                    case JsonTokenType.EndObject:
                        IsAtEnd = true;
                        return null;
                    case JsonTokenType.PropertyName:
                        var (done, member) = ReadMember(reader);
                        if (!done || member is not null)
                            return member;
                        break;
                    default:
                        throw new JsonException("it is no JSON object");
                }
            }
            return null;
        }

        public async Task FillAsync(Stream file, CancellationToken token)
        {
            if (_isLast)
                throw ToolException.BadUsage("The file ends too early: it was not written whole. Export it again.");
            _buffer.AsSpan(_start.._end).CopyTo(_buffer);
            (_start, _end) = (0, _end - _start);
            if (_end == _buffer.Length)
            {
                if (_buffer.Length >= MaxMember)
                    throw ToolException.BadUsage($"A member of the file has more than {MaxMember} bytes.");
                Array.Resize(ref _buffer, _buffer.Length * 2);
            }
            var read = await file.ReadAsync(_buffer.AsMemory(_end), token);
            _isLast = read == 0;
            _end += read;
        }

        /// <summary>Reads the name that was read, and its value. Not done: more of the file is needed, and it begins again.</summary>
        private (bool Done, LargeMember? Member) ReadMember(Utf8JsonReader reader)
        {
            var name = reader.GetString()!;
            if (!reader.Read())
                return (false, null);
            if (!_inside && name == opened && reader.TokenType == JsonTokenType.StartObject)
            {
                _inside = true;
                Take(reader);
                return (true, null);
            }
            var from = (int)reader.TokenStartIndex;
            if (!reader.TrySkip())
                return (false, null);
            var value = Parse(_buffer.AsSpan(_start + from, (int)reader.BytesConsumed - from));
            Take(reader);
            return (true, new LargeMember(_inside ? opened : null, name, value));
        }

        private void Take(Utf8JsonReader reader)
        {
            _start += (int)reader.BytesConsumed;
            _state = reader.CurrentState;
        }
    }
}
