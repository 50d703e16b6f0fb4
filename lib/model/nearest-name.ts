/**
 * The candidate that is the fewest letters away from a name, if that is at most `limit`. Case does not count, nor what
 * is neither a letter nor a digit, but for the dots of a path. Only the first hundred characters of the name are read.
 */
export function findNearestName(
  name: string,
  candidates: readonly string[],
  limit: (length: number) => number,
): string | undefined {
  const wanted = simplifyName(name.slice(0, 100))
  const [best] = candidates
    .map((candidate) => ({ candidate, distance: measureDistance(wanted, simplifyName(candidate)) }))
    .sort((left, right) => left.distance - right.distance)
  return best !== undefined && best.distance <= limit(wanted.length) ? best.candidate : undefined
}

/** A name without case, dashes and the like, so that `read-only` and `READ_ONLY` are one. */
export function simplifyName(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z0-9.]/g, '')
}

/** The least number of letters to change, add or remove that makes one text the other: Levenshtein's distance. */
function measureDistance(left: string, right: string): number {
  let row = Array.from({ length: right.length + 1 }, (_, index) => index)
  for (const [index, letter] of [...left].entries()) {
    const next = [index + 1]
    for (const [column, other] of [...right].entries()) {
      const change = (row[column] ?? 0) + (letter === other ? 0 : 1)
      next.push(Math.min(change, (row[column + 1] ?? 0) + 1, (next[column] ?? 0) + 1))
    }
    row = next
  }
  return row[right.length] ?? 0
}
