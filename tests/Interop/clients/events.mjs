// Consumers of the hub's events, with the Event Hubs SDK.
//   { connectionString, group, webSocket, actions: [...] }
// Actions: { info: true }; { read: { count, partition, start, ownerLevel, track, seconds } } reads until there are count events of the device "device" (or of all);
//   { balance: { consumers, events, device, start } } has several consumers share the partitions by one checkpoint store, then closes one;
//   { steal: { partition, levels: [..] } } opens receivers one after the other and tells what became of each; { send: true } tries to send;
//   { resume: { count, device } } reads with checkpoints in two runs.
import { EventHubConsumerClient, EventHubProducerClient, earliestEventPosition, latestEventPosition } from '@azure/event-hubs';
import { WebSocket } from 'ws';
import { describe, report, run, sleep, within } from './scenario.mjs';

const plain = (event) => ({
  body: typeof event.body === 'string' ? event.body : Buffer.isBuffer(event.body) ? event.body.toString() : JSON.stringify(event.body),
  properties: event.properties ?? {},
  system: Object.fromEntries(Object.entries(event.systemProperties ?? {}).map(([k, v]) => [k, v instanceof Date ? v.toISOString() : v instanceof Uint8Array ? Buffer.from(v).toString() : // The SDK makes a plain object of the bytes.
    v && typeof v === 'object' && 0 in v ? Buffer.from(Object.values(v)).toString() : v])),
  offset: event.offset,
  sequenceNumber: event.sequenceNumber,
  enqueued: event.enqueuedTimeUtc?.getTime(),
  partitionKey: event.partitionKey ?? null,
  contentType: event.contentType ?? null,
  messageId: event.messageId ?? null,
  correlationId: event.correlationId ?? null,
});

// The checkpoints and ownerships of all consumers of a process, as a database would keep them.
class SharedStore {
  ownerships = new Map();
  checkpoints = new Map();
  tag = 0;

  async listOwnership() { return [...this.ownerships.values()]; }

  async claimOwnership(wanted) {
    const claimed = [];
    for (const one of wanted) {
      const present = this.ownerships.get(one.partitionId);
      if (present && present.etag !== one.etag) continue;
      const next = { ...one, etag: `${++this.tag}`, lastModifiedTimeInMs: Date.now() };
      this.ownerships.set(one.partitionId, next);
      claimed.push(next);
    }
    return claimed;
  }

  async updateCheckpoint(checkpoint) { this.checkpoints.set(checkpoint.partitionId, checkpoint); }

  async listCheckpoints() { return [...this.checkpoints.values()]; }
}

// A device by its id, or several by how their ids begin.
const isOf = (device) => (event) => {
  const id = event.systemProperties['iothub-connection-device-id'];
  return !device || id === device || (device.endsWith('*') && id.startsWith(device.slice(0, -1)));
};

const positionOf = (start) => (!start || start === 'earliest' ? earliestEventPosition : start === 'latest' ? latestEventPosition
  : { ...start, ...(start.enqueuedOn ? { enqueuedOn: new Date(start.enqueuedOn) } : {}) });

const fast = { retryOptions: { maxRetries: 0, timeoutInMs: 60000 } };

run(async (args) => {
  const options = { ...fast, ...(args.webSocket ? { webSocketOptions: { webSocket: WebSocket } } : {}) };
  const group = args.group ?? '$Default';
  const open = (store, more = {}) => (store
    ? new EventHubConsumerClient(group, args.connectionString, store, { ...options, ...more })
    : new EventHubConsumerClient(group, args.connectionString, options));

  async function info() {
    const client = open();
    try {
      const hub = await client.getEventHubProperties();
      const partitions = [];
      for (const id of hub.partitionIds) partitions.push(await client.getPartitionProperties(id));
      let missing = null;
      try { await client.getPartitionProperties('77'); } catch (error) { missing = { ...describe(error), code: error.code }; }
      return { hub, partitions, missing };
    } finally { await client.close(); }
  }

  function read({ count, partition, start, ownerLevel, track, device, seconds = 30, max = 100 }) {
    const client = open();
    const events = [];
    const errors = [];
    let last = null;
    return new Promise((resolve) => {
      let subscription = null;
      const end = async () => {
        clearTimeout(timer);
        await subscription.close();
        await client.close();
        resolve({ events, errors, last });
      };
      const timer = setTimeout(end, seconds * 1000);
      const handlers = {
        processEvents: async (batch, context) => {
          if (batch.length > 0 && track) last = context.lastEnqueuedEventProperties;
          for (const event of batch.filter(isOf(device))) if (events.length < count) events.push({ partition: context.partitionId, ...plain(event) });
          if (events.length >= count && count > 0) setImmediate(end);
        },
        processError: async (error) => {
          errors.push({ ...describe(error), code: error.code ?? null });
          if (count > 0) setImmediate(end);
        },
      };
      const how = { startPosition: positionOf(start), maxBatchSize: max, maxWaitTimeInSeconds: 1, ownerLevel, trackLastEnqueuedEventProperties: track };
      subscription = partition === undefined ? client.subscribe(handlers, how) : client.subscribe(partition, handlers, how);
      report({ event: 'subscribed' });
    });
  }

  async function balance({ consumers, events, device, start }) {
    const store = new SharedStore();
    const seen = new Map();
    const owned = [];
    const running = [];
    const errors = [];
    const until = async (what, done) => within(90000, what, (async () => { while (!done()) await sleep(20); })());
    const all = () => owned.reduce((sum, set) => sum + set.size, 0);
    let partitions = 0;
    // One after the other, each when the others have found their balance. Consumers that start at once claim the same partitions, and as they have the same epoch the last one
    // that attaches gets a partition, whoever owns it by then; it takes the time of an ownership until they are at one again, more than once if attaching takes long.
    for (let i = 0; i < consumers; i++) {
      owned.push(new Set());
      const client = open(store, { loadBalancingOptions: { strategy: 'greedy', updateIntervalInMs: 300, partitionOwnershipExpirationIntervalInMs: 10000 } });
      const subscription = client.subscribe({
        processClose: async (_, context) => { owned[i].delete(context.partitionId); },
        processEvents: async (batch, context) => {
          // Called without events as well: from now on the partition is read.
          owned[i].add(context.partitionId);
          for (const event of batch.filter(isOf(device))) {
            const key = `${context.partitionId}/${event.sequenceNumber}`;
            seen.set(key, (seen.get(key) ?? 0) + 1);
          }
          if (batch.length > 0) await context.updateCheckpoint(batch[batch.length - 1]);
        },
        processError: async (error) => { errors.push({ ...describe(error), code: error.code ?? null }); },
      }, { startPosition: positionOf(start), maxWaitTimeInSeconds: 1 });
      running.push({ client, subscription });
      partitions ||= (await client.getEventHubProperties()).partitionIds.length;
      await until('balance', () => all() === partitions && owned.every((set) => set.size >= Math.floor(partitions / (i + 1))));
    }
    const balanced = owned.map((set) => set.size);
    report({ event: 'balanced' });
    await until('events', () => seen.size >= events);
    await running[0].subscription.close();
    await running[0].client.close();
    await until('takeover', () => all() === partitions && owned[0].size === 0);
    const after = owned.map((set) => set.size);
    report({ event: 'taken over' });
    await until('later events', () => seen.size >= events * 2);
    for (const { client, subscription } of running.slice(1)) { await subscription.close(); await client.close(); }
    return { balanced, after, seen: seen.size, twice: [...seen.values()].filter((n) => n > 1).length, checkpoints: store.checkpoints.size, errors };
  }

  async function steal({ partition, levels }) {
    const made = [];
    for (const level of levels) {
      const client = open();
      const one = { level: level ?? null, errors: [], client };
      one.subscription = client.subscribe(partition, {
        processEvents: async () => { one.reads = true; },
        processError: async (error) => { one.errors.push(error.code ?? error.name); },
      }, { startPosition: earliestEventPosition, ownerLevel: level, maxWaitTimeInSeconds: 1 });
      await within(15000, 'receiver', (async () => { while (!one.reads && one.errors.length === 0) await sleep(20); })());
      made.push(one);
      await sleep(300);
    }
    await sleep(500);
    const result = made.map(({ level, reads, errors }) => ({ level, reads: !!reads, errors: [...new Set(errors)] }));
    for (const { client, subscription } of made) { await subscription.close(); await client.close(); }
    return result;
  }

  async function send() {
    const producer = new EventHubProducerClient(args.connectionString, options);
    try {
      await producer.sendBatch([{ body: 'no' }]);
      return { sent: true };
    } catch (error) {
      return { sent: false, error: { ...describe(error), code: error.code ?? null } };
    } finally { await producer.close(); }
  }

  // The second run goes on behind the last checkpoint of the first.
  async function resume({ count, device }) {
    const store = new SharedStore();
    const runs = [];
    for (let i = 0; i < 2; i++) {
      const client = open(store, { loadBalancingOptions: { strategy: 'greedy', updateIntervalInMs: 300, partitionOwnershipExpirationIntervalInMs: 3000 } });
      const got = [];
      let subscription;
      await within(30000, 'run', new Promise((resolve) => {
        subscription = client.subscribe({
          processEvents: async (batch, context) => {
            for (const event of batch) {
              if (got.length >= count) return;
              await context.updateCheckpoint(event);
              if (isOf(device)(event)) got.push(event.body?.toString());
              if (got.length === count) resolve();
            }
          },
          processError: async () => {},
        }, { startPosition: earliestEventPosition, maxBatchSize: 3, maxWaitTimeInSeconds: 1 });
      }));
      await subscription.close();
      await client.close();
      runs.push(got);
    }
    return runs;
  }

  const doing = { info, read, balance, steal, send, resume };
  const results = [];
  for (const action of args.actions) {
    const [name, value] = Object.entries(action)[0];
    try {
      results.push(await doing[name](value));
    } catch (error) {
      results.push({ failed: { ...describe(error), code: error.code ?? null } });
    }
  }
  return JSON.parse(JSON.stringify(results, (_, v) => (typeof v === 'bigint' ? Number(v) : v)));
});
