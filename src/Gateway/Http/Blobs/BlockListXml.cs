using System.Xml;
using Homeport.Contract.Errors;
using Homeport.Hub.Files;

namespace Homeport.Gateway.Http.Blobs;

/// <summary>The XML of block lists. Source: Azure "Put Block List" and "Get Block List".</summary>
internal static class BlockListXml
{
    /// <summary>Longest list that is read, in bytes: 50,000 ids of 88 characters with their tags.</summary>
    public const int MaxBody = 8 << 20;

    /// <summary>Reads the list of a commit.</summary>
    public static async Task<Outcome<IReadOnlyList<BlockReference>>> ReadAsync(Stream body)
    {
        var settings = new XmlReaderSettings { Async = true, DtdProcessing = DtdProcessing.Prohibit, XmlResolver = null, MaxCharactersInDocument = MaxBody, IgnoreComments = true, IgnoreWhitespace = true };
        var references = new List<BlockReference>();
        try
        {
            using var xml = XmlReader.Create(body, settings);
            if (await xml.MoveToContentAsync() != XmlNodeType.Element || xml.LocalName != "BlockList")
                return Bad("The root is not BlockList");
            var isEmpty = xml.IsEmptyElement;
            await xml.ReadAsync();
            while (!isEmpty && xml.NodeType != XmlNodeType.EndElement)
            {
                if (references.Count >= BlobLimits.MaxBlocks)
                    return new Refusal(BlobErrors.BlockListTooLong, $"The list has more than {BlobLimits.MaxBlocks} blocks", "Use longer blocks.");
                if (xml.NodeType != XmlNodeType.Element || !TryReadSource(xml.LocalName, out var source))
                    return Bad("The list has an entry that is not Committed, Uncommitted or Latest");
                references.Add(new BlockReference(source, (await xml.ReadElementContentAsStringAsync()).Trim()));
            }
            return new Outcome<IReadOnlyList<BlockReference>>(references);
        }
        catch (XmlException e)
        {
            return Bad($"The list is broken at line {e.LineNumber}, character {e.LinePosition}");
        }
    }

    /// <summary>Writes the lists of a blob.</summary>
    public static void Write(XmlWriter xml, BlobBlocks blocks, string type)
    {
        xml.WriteStartElement("BlockList");
        if (type != "uncommitted")
            WriteBlocks(xml, "CommittedBlocks", blocks.Committed);
        if (type != "committed")
            WriteBlocks(xml, "UncommittedBlocks", blocks.Staged);
        xml.WriteEndElement();
    }

    private static void WriteBlocks(XmlWriter xml, string name, IReadOnlyList<BlobBlock> blocks)
    {
        xml.WriteStartElement(name);
        foreach (var block in blocks)
        {
            xml.WriteStartElement("Block");
            xml.WriteElementString("Name", block.Id);
            xml.WriteElementString("Size", XmlConvert.ToString(block.Size));
            xml.WriteEndElement();
        }
        xml.WriteEndElement();
    }

    private static bool TryReadSource(string name, out BlockSource source)
    {
        source = name switch { "Committed" => BlockSource.Committed, "Uncommitted" => BlockSource.Staged, _ => BlockSource.Latest };
        return name is "Committed" or "Uncommitted" or "Latest";
    }

    private static Refusal Bad(string seen) => new(BlobErrors.InvalidXmlDocument, seen, "Send <BlockList><Latest>id</Latest>...</BlockList>.");
}
