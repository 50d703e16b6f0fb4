import type { Config } from '../../lib/config/load.ts'
import { createResource, type Resource } from '../../lib/model/resource.ts'
import { createEndpoints } from '../../lib/oauth/endpoints.ts'
import { getProtectedResourceMetadataUrl } from '../../lib/oauth/metadata.ts'
import { isServerRunning, type ProbeResponse, probe, reportCertificate } from './probe.ts'
import { createReport, type Finding, type Problem, type Report } from './report.ts'

/** Checks what clients get at BASE_URL, through the proxy in front: the server, its documents, its challenge. */
export async function checkPublicUrl(settings: Config): Promise<Finding[]> {
  const report = createReport('public-url')
  const { BASE_URL: baseUrl } = settings
  const resource = createResource(baseUrl)
  if (resource === undefined || !(await reach(settings, report))) return report.findings
  await reportCertificate(baseUrl, report)
  await reportDocuments(baseUrl, resource, report)
  await reportChallenge(resource, report)
  return report.findings
}

/** Whether this server responds at BASE_URL; reports why not. */
async function reach(settings: Config, report: Report): Promise<boolean> {
  const { BASE_URL: baseUrl } = settings
  const health = probe(`${baseUrl}/health`)
  const [{ response, failure }, isRunning] = await Promise.all([health, isServerRunning(settings)])
  if (response?.status === 200 && response.text === 'ok') {
    report.ok(`${baseUrl} leads to a running server.`)
    return true
  }
  const [finding, advice] =
    response === undefined
      ? [`${baseUrl} cannot be reached from here: ${failure.reason}.`, failure.advice]
      : explainForeignResponse(response, settings)
  const isAway = response === undefined || GATEWAY_ERRORS.includes(response.status)
  if (!isAway) report.error(finding, advice)
  else if (isRunning) report.error(finding, `The server itself is running. ${advice}`)
  else
    report.warning(
      finding,
      `If the server is not running yet, start it and run this again. Otherwise: ${advice}`,
    )
  return false
}

const GATEWAY_ERRORS = [502, 503, 504]

/** Explains a response that is not from this server. */
function explainForeignResponse(
  { status, headers, redirect }: ProbeResponse,
  { BASE_URL: baseUrl, PORT }: Config,
): Problem {
  if (redirect !== undefined) {
    return [
      `${baseUrl}/health redirects to ${redirect.origin}${redirect.pathname}.`,
      'Set BASE_URL to the target of the redirect: clients do not repeat tokens or forms after one.',
    ]
  }
  if (GATEWAY_ERRORS.includes(status)) {
    return [
      `The proxy at ${baseUrl} responds with ${status}: it does not reach the server.`,
      `Point the proxy at port ${PORT}.`,
    ]
  }
  if ([401, 403, 407].includes(status)) {
    return [
      `A proxy in front of ${baseUrl} requires its own sign-in or refuses the request (${status}).`,
      'Let it pass requests to /mcp, /oauth, /.well-known and /health unchanged: clients cannot sign in at a proxy.',
    ]
  }
  return [
    `Another server responds at ${baseUrl}/health (${status}, ${headers.get('content-type') ?? 'no content type'}).`,
    'Set BASE_URL to the address of this server, with its path if it has one.',
  ]
}

/** RFC 8414 §3, RFC 9728 §3: the metadata that clients read first. */
async function reportDocuments(baseUrl: string, resource: Resource, report: Report): Promise<void> {
  const { origin, pathname } = new URL(baseUrl)
  const { issuer } = createEndpoints(baseUrl)
  const path = pathname.replace(/\/$/, '')
  const serverUrl = `${origin}/.well-known/oauth-authorization-server${path}`
  const server = await reportDocument(serverUrl, 'issuer', issuer, report)
  await reportDocument(getProtectedResourceMetadataUrl(resource), 'resource', resource.url, report)
  if (server === undefined) return
  const [dcr, cimd] = [server.registration_endpoint, server.client_id_metadata_document_supported].map(
    (value) => (value ? 'yes' : 'no'),
  )
  report.ok(`How clients can register: DCR: ${dcr}; CIMD: ${cimd}; STATIC_CLIENTS: yes.`)
}

/** The document, if its `member` has the expected value; else reports why not. */
async function reportDocument(
  url: string,
  member: 'issuer' | 'resource',
  expected: string,
  report: Report,
): Promise<ProbeResponse['json']> {
  const { response } = await probe(url)
  const problem = findDocumentProblem(url, response, response?.json?.[member], expected)
  if (problem !== undefined) {
    report.error(...problem)
    return undefined
  }
  report.ok(`${url} has the expected ${member}, ${expected}.`)
  return response?.json
}

function findDocumentProblem(
  url: string,
  response: ProbeResponse | undefined,
  found: unknown,
  expected: string,
): Problem | undefined {
  if (response === undefined) return [`${url} does not respond.`, 'Check the log of the proxy.']
  if (isHostRefused(response)) {
    return [
      'The proxy does not pass on the Host header, and the server refuses other hosts than its own (403).',
      'In nginx: proxy_set_header Host $http_host; — other proxies call it "preserve host".',
    ]
  }
  if (response.status !== 200 || typeof found !== 'string') {
    return [
      `${url} does not lead to the server (${response.status}).`,
      'Pass /.well-known/ at the root of the host on to the server, also where BASE_URL has a path: clients put the path after it.',
    ]
  }
  if (found === expected) return undefined
  const isDowngraded = expected.startsWith('https:') && found === expected.replace('https:', 'http:')
  const cause = isDowngraded ? 'Clients refuse http behind TLS. ' : ''
  return [
    `${url} names ${found} where clients expect ${expected}.`,
    `${cause}Documents contain the BASE_URL of the server that responds: it runs with other settings, or is another server.`,
  ]
}

function isHostRefused({ status, json }: ProbeResponse): boolean {
  return status === 403 && String(json?.error_description).includes('Host header')
}

/** RFC 9728 §5.1: MCP clients learn from the challenge where to sign in. */
async function reportChallenge(resource: Resource, report: Report): Promise<void> {
  const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }
  const { response } = await probe(resource.url, { method: 'POST', headers, body: '{}' })
  if (response !== undefined && isHostRefused(response)) return
  const challenge = response?.headers.get('www-authenticate') ?? ''
  const isComplete = challenge.includes(getProtectedResourceMetadataUrl(resource))
  if (response?.status === 401 && isComplete) {
    report.ok(`${resource.url} requires a sign-in and says where.`)
    return
  }
  const what = response?.status === 401 ? '401 without it' : (response?.status ?? 'no response')
  report.error(
    `${resource.url} should respond with 401 and a WWW-Authenticate header that says where to sign in; clients get ${what}.`,
    'Let the proxy pass POST requests and the WWW-Authenticate header unchanged.',
  )
}
