import type { Config } from '../../lib/config/load.ts'
import { createResource, type Resource } from '../../lib/model/resource.ts'
import { createEndpoints } from '../../lib/oauth/endpoints.ts'
import { getProtectedResourceMetadataUrl } from '../../lib/oauth/metadata.ts'
import { reportCertificate } from './certificate.ts'
import { isServerRunning } from './local-server.ts'
import { type Answer, ProbeError, probe } from './probe.ts'
import { createReport, type Finding, type Report } from './report.ts'

type PublicUrlSettings = Pick<Config, 'BASE_URL' | 'HOST' | 'PORT'>

/**
 * What clients meet at BASE_URL, through whatever is in front: whether it leads here, and whether the documents
 * and the challenge arrive as they left.
 */
export async function checkPublicUrl(settings: PublicUrlSettings): Promise<Finding[]> {
  const report = createReport('public-url')
  const { BASE_URL: baseUrl } = settings
  if (!(await reportReach(settings, report))) return report.findings
  await reportCertificate(baseUrl, report)
  await reportDocuments(baseUrl, report)
  await reportChallenge(baseUrl, report)
  return report.findings
}

/** Whether /health at BASE_URL is answered by a server of this kind. */
async function reportReach(settings: PublicUrlSettings, report: Report): Promise<boolean> {
  const { BASE_URL: baseUrl } = settings
  const running = isServerRunning(settings)
  try {
    const answer = await probe(`${baseUrl}/health`)
    if (answer.status === 200 && answer.text === 'ok') {
      report.ok(`${baseUrl} leads to a server that is up.`)
      return true
    }
    reportStranger(answer, settings, await running, report)
  } catch (error) {
    if (!(error instanceof ProbeError)) throw error
    const { reason, advice } = error.failure
    const finding = `${baseUrl} cannot be reached from here: ${reason}.`
    if (await running) report.error(finding, `The server itself is up. ${advice}`)
    else
      report.warning(
        finding,
        `If the server is not started yet: start it and run this again. Else: ${advice}`,
      )
  }
  return false
}

/** Something else than this server answered. */
function reportStranger(
  answer: Answer,
  { BASE_URL: baseUrl, PORT }: PublicUrlSettings,
  isRunning: boolean,
  report: Report,
): void {
  const { status, headers } = answer
  const location = headers.get('location')
  if (status >= 300 && status < 400 && location !== null) {
    const target = URL.parse(location, baseUrl)
    report.error(
      `${baseUrl}/health redirects to ${target?.origin}${target?.pathname}.`,
      'BASE_URL should be where it ends up: clients send neither tokens nor forms after a redirect.',
    )
  } else if (status === 502 || status === 503 || status === 504) {
    const finding = `The proxy at ${baseUrl} answers ${status}: it does not reach the server.`
    if (isRunning) report.error(finding, `The server is up at port ${PORT}: point the proxy there.`)
    else report.warning(finding, 'If the server is not started yet: start it and run this again.')
  } else if (status === 401 || status === 403 || status === 407) {
    report.error(
      `Something in front of ${baseUrl} wants a sign-in of its own or refuses (${status}).`,
      'Let requests to /mcp, /oauth, /.well-known and /health through as they are: clients sign in here and nowhere else.',
    )
  } else {
    report.error(
      `${baseUrl}/health is answered by something else (${status}, ${headers.get('content-type') ?? 'no type'}).`,
      'BASE_URL should lead to this server, with its path if it has one.',
    )
  }
}

/** RFC 8414 §3, RFC 9728 §3: what clients read before anything else. */
async function reportDocuments(baseUrl: string, report: Report): Promise<void> {
  const { origin, pathname } = new URL(baseUrl)
  const { issuer } = createEndpoints(baseUrl)
  const resource = readResource(baseUrl)
  const path = pathname.replace(/\/$/, '')
  const [server] = await Promise.all([
    reportDocument(`${origin}/.well-known/oauth-authorization-server${path}`, { issuer }, baseUrl, report),
    reportDocument(getProtectedResourceMetadataUrl(resource), { resource: resource.url }, baseUrl, report),
  ])
  if (server === undefined) return
  const ways = [
    server.registration_endpoint === undefined ? [] : ['register by themselves'],
    server.client_id_metadata_document_supported === true ? ['are known by the URL of a document'] : [],
  ].flat()
  report.ok(`Clients ${ways.join(', or ') || 'have to be set up one by one'}.`)
}

/** The document, where it says what it should. */
async function reportDocument(
  url: string,
  expected: { issuer: string } | { resource: string },
  baseUrl: string,
  report: Report,
): Promise<Record<string, unknown> | undefined> {
  const answer = await probe(url).catch(() => undefined)
  const [[name, value] = ['', '']] = Object.entries(expected)
  const found = answer?.json?.[name]
  if (answer === undefined) report.error(`${url} gives no answer.`, 'See the log of the proxy.')
  else if (isHostRefused(answer)) {
    report.error(
      'The proxy does not pass the Host header on, and the server refuses foreign ones (403).',
      'In nginx: proxy_set_header Host $http_host; — others call it "preserve host".',
    )
  } else if (answer.status !== 200 || typeof found !== 'string') {
    report.error(`${url} is not answered by the server (${answer.status}).`, adviseWellKnown(baseUrl))
  } else if (found === value) {
    report.ok(`${url} names ${value}, as it should.`)
    return answer.json
  } else {
    report.error(`${url} names ${found} where clients expect ${value}.`, adviseIssuer(found, value))
  }
  return undefined
}

function isHostRefused({ status, json }: Answer): boolean {
  return status === 403 && String(json?.error_description).includes('Host header')
}

function adviseWellKnown(baseUrl: string): string {
  if (new URL(baseUrl).pathname === '/') return 'Let the proxy pass /.well-known/ on to the server.'
  return 'Well-known documents are at the root of the host, their path behind: let the proxy pass /.well-known/ there on to the server as well.'
}

function adviseIssuer(found: string, expected: string): string {
  const isDowngraded = expected.startsWith('https:') && found === expected.replace('https:', 'http:')
  const cause = isDowngraded ? 'Clients refuse http behind TLS. ' : ''
  return `${cause}Documents follow BASE_URL of the server that answers: it runs with other settings than these, or is another one.`
}

/** RFC 9728 §5.1: an MCP client learns from this answer where to sign in. */
async function reportChallenge(baseUrl: string, report: Report): Promise<void> {
  const resource = readResource(baseUrl)
  const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }
  const answer = await probe(resource.url, { method: 'POST', headers, body: '{}' }).catch(() => undefined)
  const challenge = answer?.headers.get('www-authenticate') ?? ''
  if (answer !== undefined && isHostRefused(answer)) return
  if (answer?.status === 401 && challenge.includes(getProtectedResourceMetadataUrl(resource))) {
    report.ok(`${resource.url} asks for a sign-in and says where.`)
  } else {
    report.error(
      `${resource.url} should answer 401 and say where to sign in; what arrives is ${answer?.status ?? 'nothing'}${answer?.status === 401 ? ' without that' : ''}.`,
      'Let the proxy pass POST and the WWW-Authenticate header through unchanged.',
    )
  }
}

function readResource(baseUrl: string): Resource {
  const resource = createResource(baseUrl)
  if (resource === undefined) throw new TypeError('The resource without limits is always there.')
  return resource
}
