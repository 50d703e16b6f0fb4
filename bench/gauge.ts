/**
 * Loaded into a server with `--import`: tells the process that started it how much memory is in use after a
 * collection, whenever it is asked. The server itself knows nothing of it.
 */
process.on('message', () => {
  globalThis.gc?.()
  process.send?.(process.memoryUsage())
})
// Whoever measures may be gone before it could say so.
process.once('disconnect', () => process.exit())
process.channel?.unref()
