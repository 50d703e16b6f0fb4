import type { Config } from '../../lib/config/load.ts'
import { probe } from './probe.ts'

/** Whether a server with these settings answers on this machine, past any proxy. */
export async function isServerRunning({ HOST, PORT }: Pick<Config, 'HOST' | 'PORT'>): Promise<boolean> {
  try {
    const { status, text } = await probe(`http://${findAddress(HOST)}:${PORT}/health`)
    return status === 200 && text === 'ok'
  } catch {
    return false
  }
}

/** Where something that listens at `host` is reached from the same machine, as a URL spells it. */
function findAddress(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  if (host === '::') return '[::1]'
  return host.includes(':') ? `[${host}]` : host
}
