import { hashToken, isEqual } from '../../crypto/hash.ts'
import type { Client } from '../../model/client.ts'
import type { AuthorizationServer } from '../authorization-server.ts'
import { InvalidClientError, InvalidRequestError } from '../errors.ts'
import { checkAssertion } from './assertion.ts'
import { type CredentialsForm, readClientCredentials } from './credentials.ts'

/**
 * The client of a request to the token or revocation endpoint, proven in the way it registered (RFC 6749 §3.2.1). A
 * secret may come in the header or the form, whichever was registered. Throws `InvalidRequestError`,
 * `InvalidClientError`, and what is thrown when the store or the client's document is away.
 */
export async function authenticateClient(
  form: CredentialsForm,
  authorization: string | undefined,
  server: AuthorizationServer,
): Promise<Client> {
  const { clientId, secret, assertion } = readClientCredentials(form, authorization)
  const client = await server.findClient(clientId)
  if (client === undefined) throw new InvalidClientError('The client_id is not one that this server issued.')
  if (assertion !== undefined) {
    if (client.keys === undefined) throw createOtherMethodError(client)
    await checkAssertion(assertion, client.keys, client, server)
  } else if (secret !== undefined) {
    checkSecret(secret, client)
  } else if (client.tokenEndpointAuthMethod !== 'none') {
    throw new InvalidClientError('The client must authenticate.')
  }
  return client
}

function checkSecret(secret: string, client: Client): void {
  if (client.secretHash === undefined) throw createOtherMethodError(client)
  if (!isEqual(hashToken(secret), client.secretHash)) {
    throw new InvalidClientError('The client_secret is not the one that was issued.')
  }
}

/** A client that has no secret must not be sent away with "wrong secret": it is told what it is. */
function createOtherMethodError({ tokenEndpointAuthMethod }: Client): Error {
  return tokenEndpointAuthMethod === 'none'
    ? new InvalidRequestError('This client is public: it sends client_id and no secret.')
    : new InvalidClientError(`The client authenticates by ${tokenEndpointAuthMethod}.`)
}
