import { createHash } from 'node:crypto'

/** A stable identifier of `length` hexadecimal digits: the same name, the same identifier, in every run. */
export function makeHex(name: string, length = 32): string {
  return createHash('sha256').update(name).digest('hex').slice(0, length)
}

export function slugify(name: string): string {
  return name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '')
}
