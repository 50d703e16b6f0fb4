/** One fault: what a client gets meanwhile, and what was measured. */
export interface FaultResult {
  fault: string
  response: string
  figures: string
  /** The rules that were broken, each with what was found instead. */
  broken: string[]
}

export interface Section {
  title: string
  results: FaultResult[]
}

/** Records a rule as broken unless it holds. Does not throw, so that the rest is checked too. */
export type Check = (rule: string, holds: boolean, found?: unknown) => void

export interface Results {
  sections: Section[]
  /** Adds a section to the report. */
  addSection(title: string): FaultRecorder
}

export interface FaultRecorder {
  /** Records a fault; `work` makes it happen and returns the figures. An error that it throws is a broken rule. */
  record(fault: string, response: string, work: (check: Check) => Promise<string>): Promise<void>
}

/** Prints each result as soon as it is there. */
export function createResults(print: (line: string) => void): Results {
  const sections: Section[] = []

  function addSection(title: string): FaultRecorder {
    const section: Section = { title, results: [] }
    sections.push(section)
    return { record: (fault, response, work) => record(section, { fault, response }, work) }
  }

  async function record(
    { title, results }: Section,
    about: Pick<FaultResult, 'fault' | 'response'>,
    work: (check: Check) => Promise<string>,
  ): Promise<void> {
    const broken: string[] = []
    const startedAt = Date.now()
    const figures = await work((rule, holds, found) => {
      if (!holds) broken.push(found === undefined ? rule : `${rule}: ${describe(found)}`)
    }).catch((error: unknown) => {
      broken.push(String(error instanceof Error ? error.stack : error))
      return ''
    })
    results.push({ ...about, figures, broken })
    const seconds = ((Date.now() - startedAt) / 1000).toFixed(1)
    print(`  ${broken.length === 0 ? 'ok' : 'NO'}  ${title}: ${about.fault}: ${figures} (${seconds} s)\n`)
    for (const rule of broken) print(`        ${rule}\n`)
  }

  return { sections, addSection }
}

function describe(found: unknown): string {
  const text = typeof found === 'string' ? found : JSON.stringify(found)
  return text.length > 1_000 ? `${text.slice(0, 1_000)}…` : text
}
