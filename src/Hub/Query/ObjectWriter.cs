using System.Buffers;
using System.Text.Json;

namespace Homeport.Hub.Query;

/// <summary>Makes the objects of a SELECT clause. Undefined members are left out.</summary>
internal sealed class ObjectWriter : IDisposable
{
    private readonly ArrayBufferWriter<byte> _buffer = new();
    private readonly Utf8JsonWriter _writer;
    private readonly List<ReadOnlyMemory<byte>> _objects = [];

    public ObjectWriter() => _writer = new Utf8JsonWriter(_buffer);

    public IReadOnlyList<ReadOnlyMemory<byte>> Objects => _objects;

    /// <summary>Adds the object of a row and says how many bytes it has.</summary>
    public int Add(IReadOnlyList<QueryColumn> columns, IQueryRow row)
    {
        _writer.WriteStartObject();
        for (var i = 0; i < columns.Count; i++)
            Write(columns[i].Encoded, row.Get(columns[i].Path!));
        return Take();
    }

    /// <summary>Adds the object of a group and says how many bytes it has.</summary>
    public int Add(IReadOnlyList<QueryColumn> columns, QueryGroup group)
    {
        _writer.WriteStartObject();
        for (var i = 0; i < columns.Count; i++)
            Write(columns[i].Encoded, columns[i].Aggregate == Aggregate.None ? group.Key[columns[i].Group] : group.Totals[i].Result(columns[i].Aggregate));
        return Take();
    }

    public void Dispose() => _writer.Dispose();

    private void Write(JsonEncodedText name, in QueryValue value)
    {
        if (!value.IsDefined)
            return;
        _writer.WritePropertyName(name);
        value.WriteTo(_writer);
    }

    private int Take()
    {
        _writer.WriteEndObject();
        _writer.Flush();
        var bytes = _buffer.WrittenSpan.ToArray();
        _objects.Add(bytes);
        _buffer.ResetWrittenCount();
        _writer.Reset();
        return bytes.Length;
    }
}
