const PARENT_POLL_MS = 500;

/**
 * Resolves at Ctrl-C, SIGTERM, a closed terminal, or the end of the process that started this one (`STRATUM_PARENT`).
 * From then on these signals are ignored: stopping is bounded anyway.
 */
export function stopRequested(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => resolve());
    const parent = Number(process.env.STRATUM_PARENT);
    // Another number is the parent of whoever started this one, inherited.
    if (parent === process.ppid) setInterval(() => void (process.ppid !== parent && resolve()), PARENT_POLL_MS).unref();
  });
}
