import type { UpstreamWrite } from '../../upstream/tool-call.ts'

/** What the writes of a failed call did, after a blank line; empty if they did nothing. */
export function describeWrites(writes: readonly UpstreamWrite[]): string {
  const accepted = writes.find(isAccepted)
  if (accepted !== undefined) {
    return `\n\nSentry accepted a change of this call (HTTP ${accepted.status}) before it failed. Do not repeat the call: look in Sentry first.`
  }
  return writes.some(isUncertain)
    ? '\n\nSentry may have carried out the change. Look in Sentry before you try again.'
    : ''
}

/** Whether Sentry confirmed a write. */
export function isAccepted({ status = 0 }: UpstreamWrite): boolean {
  return status >= 200 && status < 300
}

/** Whether Sentry may have carried out a write that it did not confirm. */
export function isUncertain({ status }: UpstreamWrite): boolean {
  return status === undefined || status >= 500
}
