// Files of one device, with the SDK's own upload and with the storage client that it brings along.
//   { connectionString, x509: { cert, key }, actions: [...] }
// Actions: { upload: name, size } by the SDK; { ticket: name } asks for an address; { stream: size } uploads to it in blocks, { put: size } in one
// request; { download: true } reads it back; { notify: true | false } reports the end; { list: containerUri } lists a container; { drop: uri }.
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import device from 'azure-iot-device';
import mqtt from 'azure-iot-device-mqtt';
import storage from '@azure/storage-blob';
import { describe, run } from './scenario.mjs';

// Differs from place to place, so that blocks in a wrong order show.
function bytes(size) {
  const buffer = Buffer.alloc(size);
  for (let i = 0; i < size; i++) buffer[i] = (i * 31 + (i >> 8) * 7 + (i >> 16)) & 255;
  return buffer;
}

// One stream of many pieces, as a file is.
const streamOf = (buffer) => Readable.from((function* () {
  for (let i = 0; i < buffer.length; i += 65536) yield buffer.subarray(i, i + 65536);
})(), { objectMode: false });

const digest = (buffer) => createHash('sha256').update(buffer).digest('hex');

async function readAll(stream) {
  const parts = [];
  for await (const part of stream) parts.push(part);
  return Buffer.concat(parts);
}

run(async (args) => {
  const client = device.Client.fromConnectionString(args.connectionString, mqtt.Mqtt);
  if (args.x509) await client.setOptions(args.x509);
  const results = [];
  let ticket;
  const blob = () => new storage.BlockBlobClient(
    `https://${ticket.hostName}/${ticket.containerName}/${ticket.blobName.split('/').map(encodeURIComponent).join('/')}${ticket.sasToken}`,
    storage.newPipeline(new storage.AnonymousCredential(), { retryOptions: { maxTries: 1 } }));

  for (const action of args.actions) {
    try {
      if (action.upload) {
        const content = bytes(action.size);
        await client.uploadToBlob(action.upload, streamOf(content), content.length);
        results.push({ ok: true, digest: digest(content) });
      } else if (action.ticket) {
        const answer = await client.getBlobSharedAccessSignature(action.ticket);
        ticket = answer.result ?? answer;
        results.push({ ok: true, ticket });
      } else if (action.stream !== undefined) {
        const content = bytes(action.stream);
        const done = await blob().uploadStream(streamOf(content), 1024 * 1024, 4);
        results.push({ ok: true, digest: digest(content), etag: done.etag });
      } else if (action.put !== undefined) {
        const content = bytes(action.put);
        const done = await blob().upload(content, content.length, { blobHTTPHeaders: { blobContentType: 'text/plain' }, metadata: { made: 'here' }, conditions: action.conditions });
        results.push({ ok: true, digest: digest(content), etag: done.etag, md5: done.contentMD5 ? Buffer.from(done.contentMD5).toString('base64') : null });
      } else if (action.download) {
        const answer = await blob().download(action.offset ?? 0, action.count);
        const content = await readAll(answer.readableStreamBody);
        results.push({ ok: true, digest: digest(content), size: content.length, contentType: answer.contentType, metadata: answer.metadata, blobType: answer.blobType });
      } else if (action.notify !== undefined) {
        await client.notifyBlobUploadStatus(ticket.correlationId, action.notify, action.notify ? 200 : 500, action.notify ? 'done' : 'failed');
        results.push({ ok: true });
      } else if (action.list) {
        const container = new storage.ContainerClient(action.list);
        const names = [];
        for await (const page of container.listBlobsFlat({ prefix: action.prefix }).byPage({ maxPageSize: action.page ?? 1000 })) {
          names.push(page.segment.blobItems.map((b) => ({ name: b.name, size: b.properties.contentLength })));
        }
        results.push({ ok: true, pages: names });
      } else if (action.drop) {
        const done = await new storage.BlobClient(action.drop).delete();
        results.push({ ok: true, status: done._response.status });
      }
    } catch (error) {
      results.push({ ok: false, error: { ...describe(error), code: error.code ?? error.details?.errorCode ?? null } });
    }
  }
  return { results };
});
