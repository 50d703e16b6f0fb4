import { test } from 'tap'
import type { Caller } from '../../../lib/model/caller.ts'
import { AUTHORIZED, createCall, fetchIn, startHost } from './tool-request.ts'

test('a call limited to an organization reaches no path of another', async (t) => {
  const sentry = await startHost(t)
  const call = createCall(sentry.origin, { constraints: { organizationSlug: 'acme' } })
  const allowed = ['auth/', 'organizations/acme/issues/', 'projects/acme/shop/', 'teams/acme/web/projects/']
  for (const path of allowed) {
    t.ok((await fetchIn(call, `${sentry.origin}/api/0/${path}`, AUTHORIZED)).ok, path)
  }
  const forbidden = [
    'organizations/',
    'organizations/other/issues/',
    'organizations/acme2/',
    'organizations/acme/../other/',
    'organizations/acme%2f..%2fother/',
    'projects/other/shop/',
    'issues/1/',
    'users/me/',
    '',
  ]
  for (const path of forbidden) {
    const request = fetchIn(call, `${sentry.origin}/api/0/${path}`, AUTHORIZED)
    await t.rejects(request, { message: /limited to the organization acme/ }, path)
  }
  t.equal(sentry.requests.length, allowed.length)
})

test('a limit to a project is checked on the way out, at every hop of a redirect (RFC 8707 §2)', async (t) => {
  const sentry = await startHost(t, (request, response) => {
    const location = new URL(request.url ?? '', 'http://localhost').searchParams.get('to')
    if (location === null) response.end('{}')
    else response.writeHead(302, { location }).end()
  })
  const constraints = { organizationSlug: 'acme', projectSlug: 'web', projectId: '7' }
  const call = createCall(sentry.origin, { constraints })
  const base = `${sentry.origin}/api/0`
  const ask = (path: string, method = 'GET') => fetchIn(call, `${base}${path}`, { ...AUTHORIZED, method })
  for (const path of [
    '/projects/acme/web/',
    '/projects/acme/7/keys/',
    '/organizations/acme/events/?project=7',
  ]) {
    t.ok((await ask(path)).ok, path)
  }
  t.ok((await ask('/organizations/acme/issues/1/', 'PUT')).ok)
  const outside = [
    '/projects/acme/shop/',
    '/projects/acme/8/',
    '/organizations/acme/events/',
    '/organizations/acme/events/?project=8',
    '/organizations/acme/events/?project=7&project=8',
    '/organizations/acme/trace/1/?project=7',
    '/organizations/acme/preprodartifacts/snapshots/1/',
    '/projects/other/web/',
  ]
  for (const path of outside) {
    const before = sentry.requests.length
    await t.rejects(ask(path), { message: /limited to the (project web|organization acme)/ }, path)
    t.equal(sentry.requests.length, before)
    const hop = `/projects/acme/web/?to=${encodeURIComponent(`/api/0${path}`)}`
    await t.rejects(
      ask(hop),
      { message: /limited to the (project web|organization acme)/ },
      `redirect to ${path}`,
    )
    t.equal(sentry.requests.length, before + 1, 'the redirect is not followed')
  }
  for (const path of ['/organizations/acme/teams/', '/teams/acme/all/projects/']) {
    await t.rejects(ask(path, 'POST'), { message: /limited to the project web/ }, path)
  }
})

test('a limit to organizations is checked on the way out, at every hop of a redirect (ALLOWED_ORGANIZATIONS)', async (t) => {
  const sentry = await startHost(t, (request, response) => {
    const location = new URL(request.url ?? '', 'http://localhost').searchParams.get('to')
    if (location === null) response.end('{}')
    else response.writeHead(302, { location }).end()
  })
  const constraints = { allowedOrganizations: ['acme', 'acme-labs'] }
  const call = createCall(sentry.origin, { constraints })
  const ask = (path: string, method = 'GET') =>
    fetchIn(call, `${sentry.origin}${path}`, { ...AUTHORIZED, method })
  const within = [
    '/api/0/auth/',
    '/api/0/organizations/acme/issues/?project=1&query=organization%3Aother',
    '/api/0/projects/acme-labs/shop/',
    '/api/0/teams/acme/web/projects/',
    '/api/0/organizations/acme/releases/a%2Fb%401.0..2/',
    '/api/0/organizations/acme/events/?organization=acme-labs',
  ]
  for (const path of within) t.ok((await ask(path)).ok, path)
  const outside = [
    ...['/api/0/organizations/other/', '/api/0/organizations/4501/issues/', '/api/0/organizations/ACME/'],
    ...['/api/0/organizations/acme2/', '/api/0/organizations/%61cme/', '/api/0/projects/other/shop/'],
    ...['/api/0/issues/1/', '/api/0/projects/', '/api/0/users/me/', '/api/0/', '/organizations/acme/'],
    ...['/api/1/organizations/acme/', '/x/y/auth/', '/api/0/organizations/acme%2f..%2fother/'],
    '/api/0/organizations/acme/..%2fother/issues/',
    '/api/0/organizations/acme/%2e%2E%5cother/',
    '/api/0/organizations/acme/%252e%252e%252fother/',
    ...['organization', 'organizationSlug', 'organization_id_or_slug', 'orgSlug', 'org_id'].map(
      (name) => `/api/0/organizations/acme/events/?${name}=other`,
    ),
    '/api/0/organizations/acme/events/?organization=acme&organization=other',
  ]
  const refused = { name: 'OutOfReachError', message: /limited to the organizations acme and acme-labs\.$/ }
  for (const path of outside) {
    const before = sentry.requests.length
    await t.rejects(ask(path), refused, path)
    t.equal(sentry.requests.length, before)
    await t.rejects(ask(`/api/0/organizations/acme/?to=${encodeURIComponent(path)}`), refused, `to ${path}`)
    t.equal(sentry.requests.length, before + 1, 'the redirect is not followed')
  }
  for (const [path, method] of [
    ['/api/0/organizations/', 'POST'],
    ['/api/0/auth/', 'PUT'],
    ['/api/0/projects/other/shop/', 'DELETE'],
  ] as const)
    await t.rejects(ask(path, method), refused, `${method} ${path}`)
})

test('a list of organizations is asked for and shown as far as the limit goes, also after a redirect', async (t) => {
  const all = [{ slug: 'other' }, { slug: 'acme', id: '1' }, { id: '2' }, null, { slug: 'ACME' }]
  let body: unknown = all
  const sentry = await startHost(t, (request, response) => {
    if (request.url?.startsWith('/api/0/organizations/acme/'))
      response.writeHead(302, { location: '/api/0/organizations/?owner=1' }).end()
    else response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  })
  const call = createCall(sentry.origin, { constraints: { allowedOrganizations: ['acme', 'acme-labs'] } })
  const list = async (path: string) =>
    (await fetchIn(call, `${sentry.origin}/api/0${path}`, AUTHORIZED)).json()
  t.same(await list('/organizations/?per_page=25&query=books'), [{ slug: 'acme', id: '1' }])
  const asked = new URL(sentry.requests[0]?.url ?? '', sentry.origin).searchParams
  t.equal(asked.get('query'), 'books slug:acme slug:acme-labs')
  t.equal(asked.get('per_page'), '25')
  t.same(await list('/organizations/acme/'), [{ slug: 'acme', id: '1' }])
  body = { detail: all }
  t.same(await list('/organizations/'), [])
  const limited = createCall(sentry.origin, { constraints: { organizationSlug: 'acme' } })
  await t.rejects(fetchIn(limited, `${sentry.origin}/api/0/organizations/`, AUTHORIZED), {
    name: 'OutOfReachError',
  })
})

test('at sentry.io the host of another organization is out of reach, and regions are not', async (t) => {
  const path = '/api/0/organizations/acme/issues/'
  const ask = (host: string, origin: string, constraints: Caller['constraints']) =>
    fetchIn(
      {
        ...createCall(origin, { constraints }),
        signal: AbortSignal.abort(new Error('it would have been sent')),
      },
      `https://${host}${path}`,
      AUTHORIZED,
    )
  for (const constraints of [{ allowedOrganizations: ['acme'] }, { organizationSlug: 'acme' }]) {
    for (const host of ['sentry.io', 'us.sentry.io', 'de.sentry.io', 'acme.sentry.io'])
      await t.rejects(
        ask(host, 'https://sentry.io', constraints),
        { message: 'it would have been sent' },
        host,
      )
    for (const host of ['other.sentry.io', 'acme.us.sentry.io', 'acme.other.sentry.io', 'ACME2.sentry.io'])
      await t.rejects(ask(host, 'https://sentry.io', constraints), { name: 'OutOfReachError' }, host)
  }
  const own = { allowedOrganizations: ['acme'] }
  await t.rejects(ask('parent.sentry.io', 'https://parent.sentry.io', own), {
    message: 'it would have been sent',
  })
  const regional = { organizationSlug: 'acme', regionUrl: 'https://eu2.sentry.io' }
  await t.rejects(ask('eu2.sentry.io', 'https://sentry.io', regional), { message: 'it would have been sent' })
})
