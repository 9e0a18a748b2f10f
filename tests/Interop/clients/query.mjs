// Runs a query page by page: { connectionString, query, size }.
import iothub from 'azure-iothub';
import { run } from './scenario.mjs';

run(async ({ connectionString, query, size }) => {
  const registry = iothub.Registry.fromConnectionString(connectionString);
  const pages = [];
  // Without the token of the page before, this SDK starts again.
  const cursor = registry.createQuery(query, size);
  do {
    const page = await cursor.next(cursor.continuationToken);
    pages.push(page.result);
  } while (cursor.hasMoreResults);
  return { pages };
});
