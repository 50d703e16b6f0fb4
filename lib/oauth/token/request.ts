import Type, { type Static } from 'typebox'
import { createCodeChallenge, isCodeVerifier } from '../../crypto/pkce.ts'
import type { Client } from '../../model/client.ts'
import { isScopeWithin, parseScope } from '../../model/scope.ts'
import type { CodeOutcome, GrantRecord, RotationOutcome } from '../../store/store.ts'
import type { AuthorizationServer } from '../authorization-server.ts'
import { CREDENTIAL_PARAMETERS } from '../clients/credentials.ts'
import { InvalidGrantError, InvalidScopeError, InvalidTargetError } from '../errors.ts'
import { ParameterSchema, readParameter, requireParameter } from '../parameters.ts'
import { readResourceIndicator } from '../resource/indicator.ts'

/** RFC 6749 §4.1.3 and §6, RFC 7636 §4.5, RFC 8707 §2.2. Parameters that are not named here are ignored. */
export const TokenFormSchema = Type.Object({
  grant_type: ParameterSchema,
  ...CREDENTIAL_PARAMETERS,
  code: ParameterSchema,
  redirect_uri: ParameterSchema,
  code_verifier: ParameterSchema,
  refresh_token: ParameterSchema,
  resource: ParameterSchema,
  scope: ParameterSchema,
})

export type TokenForm = Static<typeof TokenFormSchema>

/** RFC 6749 §5.1. */
export const TokenAnswerSchema = Type.Object({
  access_token: Type.String(),
  token_type: Type.Literal('Bearer'),
  expires_in: Type.Integer(),
  refresh_token: Type.String(),
  scope: Type.String(),
})

/** RFC 7636 §4.5: the verifier is required, since every code was issued for a challenge. */
export function checkVerifier(form: TokenForm): string {
  const verifier = requireParameter('code_verifier', form.code_verifier)
  if (!isCodeVerifier(verifier)) throw new InvalidGrantError('code_verifier is not of its form.')
  return createCodeChallenge(verifier)
}

/** RFC 8707 §2.2: a resource of this server, judged before a code is spent on it. */
export function checkResourceForm(form: TokenForm, server: AuthorizationServer): string | undefined {
  return readResourceIndicator(form.resource, server.config.BASE_URL)?.url
}

/** RFC 8707 §2.2: the token is for the resource that was granted. */
export function checkGrantedResource(resource: string | undefined, grant: GrantRecord): void {
  if (resource !== undefined && resource !== grant.resource) {
    throw new InvalidTargetError('The resource is not the one that was granted.')
  }
}

/** RFC 6749 §6: a refresh may ask for less than was granted, never for more. */
export function checkGrantedScope(form: TokenForm, grant: GrantRecord): string[] {
  const text = readParameter('scope', form.scope)
  const scopes = text === undefined ? grant.scope : parseScope(text)
  if (!isScopeWithin(scopes, grant.scope)) throw new InvalidScopeError('The scope is more than was granted.')
  return scopes
}

/** RFC 6749 §4.1.3 and §10.5: the grant of a code that was spent just now. A replay is for the caller to punish. */
export function expectRedeemed(outcome: CodeOutcome): string {
  switch (outcome.outcome) {
    case 'redeemed':
      return outcome.grantId
    case 'wrong_verifier':
      throw new InvalidGrantError('code_verifier does not match the code_challenge.')
    case 'wrong_redirect_uri':
      throw new InvalidGrantError('redirect_uri is not the one of the authorization request.')
    case 'replayed':
      throw new InvalidGrantError('The code was already used.')
    case 'other_resource':
      throw new InvalidTargetError('The resource is not the one that was granted.')
    case 'missing':
    case 'other_client':
      throw new InvalidGrantError('The code is not valid or has ended.')
  }
}

/** RFC 6749 §6: whether a refresh token was exchanged. */
export function checkRotation(outcome: RotationOutcome): void {
  switch (outcome.outcome) {
    case 'rotated':
    case 'repeated':
      return
    case 'reused':
      throw new InvalidGrantError('The refresh token was already used; the sign-in was ended for safety.')
    default:
      throw createDeadRefreshTokenError()
  }
}

/** RFC 6749 §6: the grant of a refresh token stands and is this client's. */
export function checkGrant(grant: GrantRecord | undefined, client: Client): GrantRecord {
  if (grant?.status !== 'active' || grant.clientId !== client.id) throw createDeadRefreshTokenError()
  return grant
}

export function createDeadRefreshTokenError(): InvalidGrantError {
  return new InvalidGrantError('The refresh token is not valid or has ended.')
}
