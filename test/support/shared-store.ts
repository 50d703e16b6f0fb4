import { Redis } from 'ioredis'
import type { Test } from 'tap'
import { createKeyPrefix } from '../../lib/store/keys.ts'
import { createRedisStore } from '../../lib/store/redis/store.ts'
import type { Store } from '../../lib/store/store.ts'
import { type Service, type ServiceOptions, startService, useRedisStore } from './service.ts'

/** A service and the test's own connection to its store, on the same Redis. */
export interface ServiceWithStore extends Service {
  store: Store
  redis: Redis
  /** The settings that another instance needs to share the store. */
  settings: Record<string, string>
}

export async function startServiceWithStore(
  t: Test,
  options: ServiceOptions = {},
): Promise<ServiceWithStore> {
  const settings = { ...(await useRedisStore(t)), ...options.settings }
  const redis = new Redis(settings.REDIS_URL ?? '')
  t.teardown(() => redis.disconnect())
  const service = await startService(t, { ...options, settings })
  const store = createRedisStore(redis, { prefix: createKeyPrefix(settings.BASE_URL ?? service.url) })
  return { ...service, store, redis, settings: { ...settings, BASE_URL: service.url } }
}
