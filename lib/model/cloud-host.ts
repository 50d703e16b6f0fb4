/** Whether a host is sentry.io. mcp-core has the same rule (`isSentryHost`): a host with a port is not. */
export function isCloudHost(host: string): boolean {
  return host === 'sentry.io' || host.endsWith('.sentry.io')
}
