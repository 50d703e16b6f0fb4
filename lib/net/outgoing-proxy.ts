import { setGlobalProxyFromEnv } from 'node:http'
import { Agent } from 'node:https'
import { Agent as Direct, type Dispatcher, EnvHttpProxyAgent } from 'undici'
import { type Network, PUBLIC_NETWORK } from './network.ts'

export interface OutgoingProxySettings {
  HTTPS_PROXY: string | undefined
  HTTP_PROXY: string | undefined
  NO_PROXY: readonly string[]
}

/** Never requested through a proxy, for which these names mean its own machine. */
const THIS_MACHINE = ['localhost', '127.0.0.1', '::1', '[::1]']

/**
 * Sends every `fetch` of this process through the proxies of the settings, and every `http` or `https` request without
 * an agent of its own. HTTP_PROXY alone is used for https URLs as well. NO_PROXY lists hosts; a leading dot includes
 * all subdomains, `*` is every host. Returns a function that restores direct connections.
 */
export function useOutgoingProxy(settings: OutgoingProxySettings): () => void {
  const proxies = readProxies(settings)
  return proxies === undefined ? () => undefined : setGlobalProxyFromEnv(proxies)
}

/**
 * The public Internet, as documents of untrusted parties are fetched from it: through the proxy of the settings, if
 * there is one for a host.
 */
export function openPublicNetwork(settings: OutgoingProxySettings): Network {
  const proxyEnv = readProxies(settings)
  return proxyEnv === undefined ? PUBLIC_NETWORK : { ...PUBLIC_NETWORK, agent: new Agent({ proxyEnv }) }
}

/** A client certificate and its private key, PEM. */
export interface ClientCertificate {
  cert: string
  key: string
}

/**
 * What sends requests of `fetch` that present a client certificate to the server, through the proxies of the settings.
 * The proxies themselves do not get the certificate.
 */
export function createCertifiedDispatcher(
  certificate: ClientCertificate,
  settings: OutgoingProxySettings,
): Dispatcher {
  const proxies = readProxies(settings)
  if (proxies === undefined) return new Direct({ connect: { ...certificate } })
  const { HTTP_PROXY: httpProxy = '', HTTPS_PROXY: httpsProxy, NO_PROXY: noProxy } = proxies
  // The options of the `ProxyAgent` for each proxy; the types of EnvHttpProxyAgent lack them.
  const options = {
    httpProxy,
    httpsProxy,
    noProxy,
    connect: { ...certificate },
    requestTls: { ...certificate },
  }
  return new EnvHttpProxyAgent(options)
}

/** The proxies of the settings in the form of Node's `proxyEnv`; undefined when every connection is direct. */
export function readProxies(settings: OutgoingProxySettings) {
  const { HTTP_PROXY, HTTPS_PROXY = HTTP_PROXY, NO_PROXY } = settings
  // Node understands `*` only when it is alone.
  if (HTTPS_PROXY === undefined || NO_PROXY.includes('*')) return undefined
  return { HTTPS_PROXY, HTTP_PROXY, NO_PROXY: [...NO_PROXY, ...THIS_MACHINE].join(',') }
}
