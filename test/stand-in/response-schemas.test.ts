import { test } from 'tap'
import { readResponseSchemas } from './response-schemas.ts'

const TEAM = {
  type: 'object',
  properties: {
    id: { type: 'string' },
    role: { type: 'string', nullable: true },
    kind: { type: 'string', enum: ['open', 'closed'] },
    dateCreated: { type: 'string', format: 'date-time' },
  },
  required: ['id', 'role'],
}
const PATH = '/api/0/teams/{team_id_or_slug}/'

const DOCUMENTS = {
  'an OpenAPI document': {
    openapi: '3.0.3',
    paths: {
      [PATH]: {
        get: {
          responses: {
            200: { content: { 'application/json': { schema: { $ref: '#/components/schemas/Team' } } } },
          },
        },
      },
    },
    components: { schemas: { Team: TEAM } },
  },
  'its paths alone': { [PATH]: { get: { responses: { 200: TEAM } } } },
}

for (const [what, document] of Object.entries(DOCUMENTS)) {
  test(`responses are compared with the schemas of ${what}`, (t) => {
    const schemas = readResponseSchemas(document)
    const compare = (body: unknown) => schemas.compare('GET', '/api/0/teams/:team/', 200, body)
    const team = { id: '1', role: null, kind: 'open', dateCreated: new Date().toISOString() }
    t.same(compare(team), [])
    t.match(compare({ ...team, id: 1 }), [{ path: '/id' }])
    t.match(compare({ ...team, kind: 'other' }), [{ path: '/kind' }])
    t.match(compare({ ...team, dateCreated: 'today' }), [{ path: '/dateCreated' }])
    t.match(compare({ id: '1' }), [{ problem: /required.*role/ }])
    t.equal(schemas.compare('POST', '/api/0/teams/:team/', 200, team), undefined, 'no schema')
    t.same(schemas.listMissing([]), ['GET /api/0/teams/*/ 200'])
    t.same(schemas.listMissing(['GET /api/0/teams/:team/ 200']), [])
    t.end()
  })
}

test('a file that is not OpenAPI is refused', (t) => {
  t.throws(() => readResponseSchemas({ name: 'package' }), { message: /not OpenAPI/ })
  t.end()
})
