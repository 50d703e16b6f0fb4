import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import type { RequestListener } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Network } from '../../lib/net/network.ts'
import type { Lifetime } from './lifetime.ts'

/** A host of CIMD documents at `https://client.example`, which is on loopback here. */
export interface DocumentHost {
  port: number
  /** The URL of a path. */
  locate(path: string): string
  /** The handler of a path; other paths get 404. */
  pages: Map<string, RequestListener>
  /** The requested paths. */
  requests: string[]
  /** The number of connections. */
  readonly connections: number
  /** Resolves every name to loopback and allows connections to loopback only. */
  network: Network
}

const run = promisify(execFile)

/** Starts a host on loopback; it ends with the test. */
export async function startDocumentHost(t: Lifetime): Promise<DocumentHost> {
  const { key, certificate } = await createCertificate(t)
  const pages = new Map<string, RequestListener>()
  const requests: string[] = []
  let connections = 0
  const server = createServer({ key, cert: certificate }, (request, response) => {
    const path = request.url ?? ''
    requests.push(path)
    const handle = pages.get(path)
    if (handle === undefined) response.writeHead(404).end()
    else handle(request, response)
  })
  server.on('connection', () => {
    connections += 1
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  const { port } = server.address() as AddressInfo
  return {
    port,
    locate: (path) => `https://client.example:${port}${path}`,
    pages,
    requests,
    get connections() {
      return connections
    },
    network: {
      resolve: async () => [{ address: '127.0.0.1', family: 4 }],
      isAllowedAddress: (address) => address === '127.0.0.1',
      ca: certificate,
    },
  }
}

/** A handler that responds with JSON. */
export function respondWithJson(content: unknown, headers: Record<string, string> = {}): RequestListener {
  return (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(content))
  }
}

async function createCertificate(t: Lifetime): Promise<{ key: string; certificate: string }> {
  const directory = mkdtempSync(join(tmpdir(), 'sentry-mcp-documents-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const [keyFile, certificateFile] = [join(directory, 'key.pem'), join(directory, 'certificate.pem')]
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc', '-keyout', keyFile]
  const names = ['-subj', '/CN=client.example', '-addext', 'subjectAltName=DNS:client.example']
  await run('openssl', ['req', '-x509', '-days', '1', ...key, ...names, '-out', certificateFile])
  return { key: readFileSync(keyFile, 'utf8'), certificate: readFileSync(certificateFile, 'utf8') }
}
