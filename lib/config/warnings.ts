import { isLoopbackHost } from '../model/loopback.ts'
import { findNearestName } from '../model/nearest-name.ts'
import { SETTINGS, type Settings } from './settings.ts'

type Environment = Readonly<Record<string, string | undefined>>

type AddressSettings = Pick<Settings, 'BASE_URL' | 'PORT' | 'TRUST_PROXY'>

const NAMES = Object.keys(SETTINGS)

/** Every name that is read; others have them for purposes of their own, as proxies do in lower case. */
const READ = new Set(
  Object.entries(SETTINGS).flatMap(([name, { alias }]) => [name, `${name}_FILE`, ...(alias ? [alias] : [])]),
)

/** What lets the service start and is probably not meant, as sentences for the operator. */
export function findWarnings(config: AddressSettings, env: Environment): string[] {
  return [...findMisspelledSettings(env), ...findWrongPort(config)]
}

/** The variables of an environment that are almost named as a setting, which are ignored. */
export function findMisspelledSettings(env: Environment): string[] {
  return Object.keys(env)
    .filter((name) => !READ.has(name) && env[name]?.trim())
    .flatMap((name) => {
      const meant = findNearestName(name.replace(/_FILE$/, ''), NAMES, countMistakes)
      // Without a mistake in it, a name in lower case is another program's.
      if (meant === undefined || name === meant.toLowerCase()) return []
      return [`${name} is set, which is not a setting and is ignored. Is ${meant} meant?`]
    })
}

/** How many wrong letters make a misspelling: of PORT and the like none, since other programs have short names too. */
function countMistakes(length: number): number {
  return Math.floor(length / 6)
}

function findWrongPort({ BASE_URL, PORT, TRUST_PROXY }: AddressSettings): string[] {
  const { protocol, hostname, port } = new URL(BASE_URL)
  if (protocol !== 'http:' || !isLoopbackHost(hostname) || TRUST_PROXY.length > 0 || PORT === 0) return []
  if (Number(port || 80) === PORT) return []
  return [
    `BASE_URL is ${BASE_URL}, but the server listens on PORT ${PORT}: browsers and clients are sent to a port that is not this server's. Give both the same port, unless something forwards the one to the other.`,
  ]
}
