/** What runs at the moment, and can be stopped. */

/** Return `{run, stop}`; `changed` is told whether anything runs, each time that this may change. */
export function newRuns(changed) {
  const running = new Set();

  /** Run `task(signal)`, where the signal aborts once all is stopped. */
  const run = async (task) => {
    const controller = new AbortController();
    running.add(controller);
    changed(true);
    try {
      return await task(controller.signal);
    } finally {
      running.delete(controller);
      changed(running.size > 0);
    }
  };

  const stop = () => {
    for (const controller of running) controller.abort();
  };

  return { run, stop };
}
