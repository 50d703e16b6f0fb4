import { findQuality, parseAccept } from '../../http/accept.ts'

/** The media types of responses that a client accepts. */
export interface AcceptedTypes {
  /** `application/json`. */
  json: boolean
  /** `text/event-stream`. */
  stream: boolean
}

/** Reads which responses `Accept` allows (RFC 9110 §12.5.1). Without it, all are accepted. */
export function readAccept(accept: string | undefined): AcceptedTypes {
  const ranges = parseAccept(accept)
  if (ranges.length === 0) return { json: true, stream: true }
  return {
    json: findQuality('application/json', ranges) > 0,
    stream: findQuality('text/event-stream', ranges) > 0,
  }
}
