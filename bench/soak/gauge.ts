/**
 * Loaded into a server with `--import`: replies to each message of the parent process with the memory in use after a
 * garbage collection.
 */
process.on('message', () => {
  globalThis.gc?.()
  process.send?.(process.memoryUsage())
})
// The parent process may be killed without ending this one.
process.once('disconnect', () => process.exit())
process.channel?.unref()
