// The SDKs enable methods and desired properties in the background and tell nobody. This listens to what their transport says of it.
export function watchEnabling(client) {
  const transport = client._transport;
  const open = new Set();
  for (const name of ['enableMethods', 'enableTwinDesiredPropertiesUpdates', 'enableC2D', 'enableInputMessages']) {
    const enable = transport[name];
    if (typeof enable !== 'function') continue;
    transport[name] = function (callback) {
      let done;
      const settled = new Promise((resolve) => {
        done = resolve;
      });
      open.add(settled);
      return enable.call(transport, (...outcome) => {
        open.delete(settled);
        done();
        callback(...outcome);
      });
    };
  }
  return async () => {
    // One turn first: some calls come from the next tick.
    await new Promise((resolve) => setImmediate(resolve));
    while (open.size > 0) await Promise.all(open);
  };
}
