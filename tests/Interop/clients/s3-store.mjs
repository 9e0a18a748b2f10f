// An S3 store on this machine, for objects in a folder: { port, directory, bucket }. Its key is the one that s3rver has built in.
import S3rver from 's3rver';
import { report, run } from './scenario.mjs';

run(async ({ port, directory, bucket }) => {
  await new S3rver({ port, address: '127.0.0.1', silent: true, directory, configureBuckets: [{ name: bucket }] }).run();
  report({ event: 'listening' });
  await new Promise(() => {});
});
