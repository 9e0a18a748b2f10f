// The owner of a storage account: makes a container, or reads a blob of it, or the lines of all blobs whose names begin so: { connectionString, container, read, lines }.
import { createHash } from 'node:crypto';
import storage from '@azure/storage-blob';
import { run } from './scenario.mjs';

run(async ({ connectionString, container, read, lines }) => {
  const client = storage.BlobServiceClient.fromConnectionString(connectionString).getContainerClient(container);
  if (lines) {
    const found = [];
    for await (const { name } of client.listBlobsFlat({ prefix: lines })) found.push(...(await client.getBlobClient(name).downloadToBuffer()).toString().trim().split('\n'));
    return { lines: found };
  }
  if (!read) return { created: (await client.createIfNotExists()).succeeded };
  const content = await client.getBlobClient(read).downloadToBuffer();
  return { size: content.length, digest: createHash('sha256').update(content).digest('hex') };
});
