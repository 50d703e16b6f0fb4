import { test } from 'tap'
import { createResource, type Resource } from '../../../lib/model/resource.ts'
import { createEndpoints } from '../../../lib/oauth/endpoints.ts'
import {
  type AdvertisedFeatures,
  createAuthorizationServerMetadata,
  createProtectedResourceMetadata,
  getProtectedResourceMetadataUrl,
} from '../../../lib/oauth/metadata.ts'

const BASE = 'https://mcp.example.com'
const SCOPES = ['org:read', 'event:write']
const OPEN = { dcr: true, cimd: false, iss: true }

function makeResource(base: string, ...slugs: string[]): Resource {
  const resource = createResource(base, ...slugs)
  if (resource === undefined) throw new TypeError('These are not slugs.')
  return resource
}

function describe(features: AdvertisedFeatures = { dcr: true, cimd: false, iss: true }) {
  return createAuthorizationServerMetadata(createEndpoints(BASE), SCOPES, features)
}

test('metadata lists the endpoints and what they enforce (RFC 8414 §2)', async (t) => {
  t.strictSame(describe(), {
    issuer: BASE,
    authorization_endpoint: `${BASE}/oauth/authorize`,
    token_endpoint: `${BASE}/oauth/token`,
    registration_endpoint: `${BASE}/oauth/register`,
    revocation_endpoint: `${BASE}/oauth/revoke`,
    scopes_supported: SCOPES,
    response_types_supported: ['code'],
    response_modes_supported: ['query'],
    grant_types_supported: ['authorization_code', 'refresh_token'],
    token_endpoint_auth_methods_supported: ['none', 'client_secret_basic', 'client_secret_post'],
    revocation_endpoint_auth_methods_supported: ['none', 'client_secret_basic', 'client_secret_post'],
    code_challenge_methods_supported: ['S256'],
    authorization_response_iss_parameter_supported: true,
    client_id_metadata_document_supported: false,
    service_documentation: `${BASE}/`,
  })
})

test('metadata advertises only the enabled features (RFC 8414 §2)', async (t) => {
  t.notOk('registration_endpoint' in describe({ dcr: false, cimd: false, iss: true }))
  const { token_endpoint_auth_methods_supported: methods, ...rest } = describe({
    dcr: true,
    cimd: true,
    iss: true,
  })
  t.ok(methods.includes('private_key_jwt'))
  t.equal(rest.client_id_metadata_document_supported, true)
  t.notOk(rest.token_endpoint_auth_signing_alg_values_supported?.some((name) => /^(none|HS)/.test(name)))
})

test('a resource names itself and its authorization server, exactly the issuer (RFC 9728 §2)', async (t) => {
  const endpoints = createEndpoints(BASE)
  const resource = makeResource(BASE, 'acme', 'web')
  t.strictSame(createProtectedResourceMetadata(resource, endpoints, SCOPES), {
    resource: `${BASE}/mcp/acme/web`,
    authorization_servers: [endpoints.issuer],
    scopes_supported: SCOPES,
    bearer_methods_supported: ['header'],
    resource_name: 'Sentry',
    resource_documentation: `${BASE}/`,
  })
})

test('the metadata URL has the well-known path between host and path (RFC 9728 §3.1)', async (t) => {
  const urls = [
    getProtectedResourceMetadataUrl(makeResource(BASE)),
    getProtectedResourceMetadataUrl(makeResource(BASE, 'acme', 'web')),
    getProtectedResourceMetadataUrl(makeResource('http://localhost:3000')),
    getProtectedResourceMetadataUrl(makeResource('https://example.com/sentry')),
  ]
  t.strictSame(urls, [
    `${BASE}/.well-known/oauth-protected-resource/mcp`,
    `${BASE}/.well-known/oauth-protected-resource/mcp/acme/web`,
    'http://localhost:3000/.well-known/oauth-protected-resource/mcp',
    'https://example.com/.well-known/oauth-protected-resource/sentry/mcp',
  ])
})

test('every URL derives from BASE_URL, the issuer without trailing slash (RFC 8414 §3.3, RFC 9207 §2.4, CVE-2025-6514)', async (t) => {
  for (const base of [BASE, 'http://localhost:3000', 'https://example.com/sentry']) {
    const { origin, issuer, ...endpoints } = createEndpoints(base)
    t.equal(issuer, base)
    t.equal(origin, new URL(base).origin)
    for (const url of Object.values(endpoints)) t.ok(url.startsWith(`${base}/`), url)
  }
})

test('each metadata object is a copy that the caller may change', async (t) => {
  const metadata = createAuthorizationServerMetadata(createEndpoints(BASE), SCOPES, OPEN)
  metadata.scopes_supported.push('org:admin')
  t.strictSame(SCOPES, ['org:read', 'event:write'])
})

test('iss support is advertised only if the operator wants it (RFC 9207 §3)', async (t) => {
  const promised = (iss: boolean) => describe({ ...OPEN, iss }).authorization_response_iss_parameter_supported
  t.same([promised(true), promised(false)], [true, false])
})
