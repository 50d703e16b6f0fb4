import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { StartUpError } from '../errors.ts'

/** What answers a scrape; a registry of the Prometheus client does. */
export interface Scrapable {
  contentType: string
  metrics(): Promise<string>
}

export interface MetricsListener {
  close(): void
}

/** METRICS_PORT cannot be listened on. */
export class MetricsPortError extends StartUpError {}

/**
 * Answers `GET /metrics` on a port of its own, which is not for strangers, and nothing else. Throws
 * `MetricsPortError`.
 */
export async function listenForScrapes(
  registry: Scrapable,
  { host, port }: { host: string; port: number },
): Promise<MetricsListener> {
  const server = createServer(({ method, url = '' }, response) => {
    const isScrape = method === 'GET' && url.split('?')[0] === '/metrics'
    if (isScrape) void answerScrape(registry, response)
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

async function answerScrape(registry: Scrapable, response: ServerResponse): Promise<void> {
  try {
    const text = await registry.metrics()
    response.writeHead(200, { 'content-type': registry.contentType, 'cache-control': 'no-store' }).end(text)
  } catch {
    response.writeHead(500).end()
  }
}
