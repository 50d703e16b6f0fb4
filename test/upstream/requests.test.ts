import { test } from 'tap'
import { listRequests } from '../../upstream/requests.ts'

test('a request is read from a path in one piece, in two, in a variable, and with either of two endings', (t) => {
  const source = `
    class Client {
      whoami() { return this.requestJSON("/auth/", void 0, { host: "sentry.io" }) }
      one({ organization }) { return this.requestJSON(apiPath\`/organizations/\${organization}/\`, void 0, options) }
      two() { return this.request(apiPath\`/organizations/\${a}/issues/\` + \`?\${query.toString()}\`) }
      three() { const path = \`/projects/\${a}/\${b}/keys/\`; return this.requestJSON(\`\${path}?\${query}\`) }
      four() {
        const path = apiPath\`/organizations/\${a}/releases/\`
        return this.requestJSON(query ? \`\${path}?\${query}\` : path, void 0, options)
      }
      five(all) {
        let path = \`/organizations/\${a}/monitors/\`
        if (!all) path = \`/projects/\${a}/\${b}/monitors/\`
        return this.requestJSON(path)
      }
    }`
  t.same(listRequests(source), [
    'GET /auth/',
    'GET /organizations/{}/',
    'GET /organizations/{}/issues/',
    'GET /organizations/{}/monitors/',
    'GET /organizations/{}/releases/',
    'GET /projects/{}/{}/keys/',
    'GET /projects/{}/{}/monitors/',
  ])
  t.end()
})

test('the method is that of the options, written there or in a variable', (t) => {
  const source = `
    function one() { return api.requestJSON(\`/teams/\${a}/projects/\`, { method: "POST", body }) }
    function two() { const options = { method: "PUT" }; return api.request(\`/projects/\${a}/\`, options) }
    function three() { return api.request(\`/projects/\${a}/\`, { method: gone ? "DELETE" : "PATCH" }) }`
  t.same(listRequests(source), [
    'DELETE /projects/{}/',
    'PATCH /projects/{}/',
    'PUT /projects/{}/',
    'POST /teams/{}/projects/',
  ])
  t.end()
})

test('a path in a comment or of another host, and an unknown variable, do not count as requests', (t) => {
  const source = `
    // this.requestJSON("/comment/")
    api.request("https://example.com/x/"); api.request(unknown); other("/organizations/")`
  t.same(listRequests(source), [])
  t.end()
})
