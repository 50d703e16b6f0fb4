import { setGlobalProxyFromEnv } from 'node:http'
import { Agent } from 'node:https'
import type { Config } from '../config/load.ts'
import { type Network, PUBLIC_NETWORK } from './network.ts'

export type OutgoingProxySettings = Pick<Config, 'HTTPS_PROXY' | 'HTTP_PROXY' | 'NO_PROXY'>

/** What is never asked for through a proxy, which would look for it on its own machine. */
const THIS_MACHINE = ['localhost', '127.0.0.1', '::1', '[::1]']

/**
 * Sends every `fetch` of this process through the proxies of the settings, and so every `http` or `https` request
 * that does not bring an agent of its own. HTTP_PROXY alone serves https addresses as well. NO_PROXY names
 * hosts, which with a leading dot stand for all below them as well; `*` is every host. Returns a function that
 * undoes it.
 */
export function useOutgoingProxy(settings: OutgoingProxySettings): () => void {
  const proxies = readProxies(settings)
  return proxies === undefined ? () => undefined : setGlobalProxyFromEnv(proxies)
}

/**
 * The public Internet as strangers' documents are fetched from it: through the proxies of the settings, where
 * there are any for a host.
 */
export function openPublicNetwork(settings: OutgoingProxySettings): Network {
  const proxyEnv = readProxies(settings)
  return proxyEnv === undefined ? PUBLIC_NETWORK : { ...PUBLIC_NETWORK, agent: new Agent({ proxyEnv }) }
}

/** The proxies of the settings as Node takes them; undefined where no host is reached through one. */
export function readProxies(settings: OutgoingProxySettings) {
  const { HTTP_PROXY, HTTPS_PROXY = HTTP_PROXY, NO_PROXY } = settings
  // Beside other names Node would not know the star for what it is.
  if (HTTPS_PROXY === undefined || NO_PROXY.includes('*')) return undefined
  return { HTTPS_PROXY, HTTP_PROXY, NO_PROXY: [...NO_PROXY, ...THIS_MACHINE].join(',') }
}
