// The owner of a storage account: makes a container, or reads a blob of it: { connectionString, container, read }.
import { createHash } from 'node:crypto';
import storage from '@azure/storage-blob';
import { run } from './scenario.mjs';

run(async ({ connectionString, container, read }) => {
  const client = storage.BlobServiceClient.fromConnectionString(connectionString).getContainerClient(container);
  if (!read) return { created: (await client.createIfNotExists()).succeeded };
  const content = await client.getBlobClient(read).downloadToBuffer();
  return { size: content.length, digest: createHash('sha256').update(content).digest('hex') };
});
