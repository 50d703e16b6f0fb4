import { readFileSync } from 'node:fs'

const DOCKERFILE = new URL('../../Dockerfile', import.meta.url)

/** The values that the image gives to variables. Throws for one that it does not set. */
export function readImageEnvironment(names: readonly string[]): Record<string, string> {
  const dockerfile = readFileSync(DOCKERFILE, 'utf8')
  return Object.fromEntries(
    names.map((name) => {
      const [, quoted, plain] =
        new RegExp(`^\\s*(?:ENV )?${name}=(?:"([^"]*)"|(\\S+))`, 'm').exec(dockerfile) ?? []
      const value = quoted ?? plain
      if (value === undefined) throw new TypeError(`The image does not set ${name}.`)
      return [name, value]
    }),
  )
}
