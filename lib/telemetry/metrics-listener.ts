import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { StartUpError } from '../errors.ts'

/** A registry of the Prometheus client. */
export interface MetricsRegistry {
  contentType: string
  metrics(): Promise<string>
}

export interface MetricsListener {
  close(): void
}

/** METRICS_PORT cannot be listened on. */
class MetricsPortError extends StartUpError {}

/**
 * Serves `GET /metrics`, and nothing else, on its own port, which must not be public. Throws `MetricsPortError`.
 */
export async function listenForScrapes(
  registry: MetricsRegistry,
  { host, port }: { host: string; port: number },
): Promise<MetricsListener> {
  const server = createServer(({ method, url = '' }, response) => {
    const isScrape = method === 'GET' && url.split('?')[0] === '/metrics'
    if (isScrape) void sendMetrics(registry, response)
    else response.writeHead(404).end()
  })
  server.listen(port, host)
  try {
    await once(server, 'listening')
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new MetricsPortError(`Cannot listen on METRICS_PORT at ${host}:${port}: ${reason}.`, { cause })
  }
  return {
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}

async function sendMetrics(registry: MetricsRegistry, response: ServerResponse): Promise<void> {
  try {
    const text = await registry.metrics()
    response.writeHead(200, { 'content-type': registry.contentType, 'cache-control': 'no-store' }).end(text)
  } catch {
    response.writeHead(500).end()
  }
}
