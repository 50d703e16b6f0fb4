import Type from 'typebox'
import Value from 'typebox/value'
import { TokenRefusedError } from './api.ts'
import { requestSentry, UpstreamUnavailableError } from './request.ts'

const UserSchema = Type.Object({ id: Type.Union([Type.String({ minLength: 1 }), Type.Number()]) })

/**
 * The id of the user whose token this is, asked of the Sentry at `origin`. Throws `TokenRefusedError` or
 * `UpstreamUnavailableError`.
 */
export async function findUserId(origin: string, accessToken: string): Promise<string> {
  const url = new URL('/api/0/auth/', origin)
  const { status, body } = await requestSentry(url, { headers: { authorization: `Bearer ${accessToken}` } })
  if (status === 200 && Value.Check(UserSchema, body)) return String(body.id)
  // This endpoint answers 400 to some tokens that others answer 401 to.
  if ([400, 401, 403].includes(status)) throw new TokenRefusedError('Sentry refused the token.')
  throw new UpstreamUnavailableError(new Error(`Sentry answered ${status} to ${url.pathname}.`))
}
