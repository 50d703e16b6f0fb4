import { test } from 'tap'
import { checkRecords } from '../../../commands/doctor/check-records.ts'
import { checkKeys } from '../../../commands/doctor/check-settings.ts'
import { loadConfig } from '../../../lib/config/load.ts'
import { registerClient } from '../../support/client.ts'
import { createSettings, KEYS, list } from '../../support/doctor.ts'
import { startService, useEmbeddedStore, useRedisStore } from '../../support/service.ts'

const OTHER_KEY = 'Qm2bq0S9mZrT7vXyJ4eWcK8hNf1uGdA6oQ5iRsB3tEk='
const SENTRY = { host: 'sentry.invalid', clientId: 'id', clientSecret: 'secret' }

/** Reports, 2026-11-27, stumble 20: with a wrong key against a full store the doctor found 0 errors. */
for (const kind of ['redis', 'embedded']) {
  test(`a grant that the keys do not open is an error that names its key (${kind})`, async (t) => {
    const store = kind === 'redis' ? await useRedisStore(t) : useEmbeddedStore(t)
    const { url } = await startService(t, { settings: { ...KEYS, ...store } })
    const load = (changes: object = {}) =>
      loadConfig({ ...createSettings(SENTRY), ...store, BASE_URL: url, ...changes })
    t.match(list(await checkRecords(load()), 'ok'), [/^records: No grant is stored/])
    await (await registerClient(url)).signIn()
    t.match(list(await checkRecords(load()), 'ok'), [/opens all 1 stored grants/])

    const wrong = await checkRecords(load({ ENCRYPTION_KEY: OTHER_KEY }))
    const [error = ''] = list(wrong, 'error')
    const id = /sealed with key ([\w-]{6}), which is not in ENCRYPTION_KEY/.exec(error)?.[1] ?? ''
    t.match(error, /^records: 1 of 1 stored grants cannot be opened/)
    t.match(
      list(checkKeys(load()), 'ok').join(),
      `keys of ENCRYPTION_KEY ${id},`,
      'the id that the doctor prints',
    )
    const both = load({ ENCRYPTION_KEY: `${OTHER_KEY},${KEYS.ENCRYPTION_KEY}` })
    t.match(list(await checkRecords(both), 'ok'), [/opens all 1/])

    const unsigned = await checkRecords(load({ JWT_SIGNING_KEY: OTHER_KEY }))
    t.match(list(unsigned, 'warning'), [/1 of 1 stored grants were made with another JWT_SIGNING_KEY/])
    t.notMatch(JSON.stringify([wrong, unsigned]), /tEk=|vWxQ=/)
  })
}

test('the records of a store that does not exist yet are nothing to worry about', async (t) => {
  const config = loadConfig({
    ...createSettings(SENTRY),
    STORE: 'embedded',
    DATA_DIR: `${t.testdir({})}/none`,
  })
  t.match(await checkRecords(config), [{ status: 'ok', finding: 'Nothing is stored yet.' }])
  const away = loadConfig({ ...createSettings(SENTRY), REDIS_URL: 'redis://127.0.0.1:1' })
  t.match(await checkRecords(away), [{ status: 'skipped' }])
})
