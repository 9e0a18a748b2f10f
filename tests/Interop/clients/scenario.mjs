// What every scenario shares: one JSON argument in, JSON lines out. The last line is the result.
import { readFileSync } from 'node:fs';

export function report(line) {
  process.stdout.write(JSON.stringify(line) + '\n');
}

// An error as data: the class that the SDK chose is what an application branches on.
export function describe(error) {
  if (!error) return null;
  return {
    name: error.name && error.name !== 'Error' ? error.name : error.constructor?.name ?? 'Error',
    message: String(error.message ?? error),
    status: error.response?.statusCode ?? error.statusCode ?? null,
    body: typeof error.responseBody === 'string' ? error.responseBody : error.result ? JSON.stringify(error.result) : null,
    header: error.response?.headers?.['iothub-errorcode'] ?? error.response?.headers?.['x-ms-error-code'] ?? null,
  };
}

export const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

export function within(milliseconds, what, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took longer than ${milliseconds} ms`)), milliseconds);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

// The argument is JSON, or the name of a file with JSON in it.
export function run(main) {
  const text = process.argv[2] ?? '{}';
  const args = JSON.parse(text.startsWith('{') ? text : readFileSync(text, 'utf8'));
  main(args).then(
    (result) => {
      report({ result });
      setTimeout(() => process.exit(0), 20);
    },
    (error) => {
      report({ failure: describe(error), stack: String(error?.stack) });
      setTimeout(() => process.exit(2), 20);
    },
  );
}
