import { test } from 'tap'
import { registerClient, type Tokens } from '../../support/client.ts'
import { startService, useEmbeddedStore, useRedisStore } from '../../support/service.ts'

for (const useStore of [useEmbeddedStore, useRedisStore]) {
  test(`from the third repeat of one refresh token on, the audit log names it (${useStore.name}, RFC 9700 §4.14.2)`, async (t) => {
    const { url, log } = await startService(t, { settings: await useStore(t) })
    const client = await registerClient(url)
    const { refresh_token: first } = await client.signIn()
    const listOverused = () =>
      log.map((line) => JSON.parse(line)).filter(({ event }) => event === 'refresh_overused')

    const { refresh_token: second } = (await (await client.refresh(first)).json()) as Tokens
    for (const _ of [1, 2]) t.match(await (await client.refresh(first)).json(), { refresh_token: second })
    t.same(listOverused(), [], 'a lost response, and a second process')
    for (const _ of [3, 4]) t.equal((await client.refresh(first)).status, 200, 'the client goes on working')
    t.match(listOverused(), [{ repeats: 3, audit: true }, { repeats: 4 }])

    await client.refresh(second)
    for (const _ of [1, 2]) t.equal((await client.refresh(second)).status, 200)
    t.equal(listOverused().length, 2, 'the next token is counted from the start')
  })
}
