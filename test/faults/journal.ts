/** One thing that fails: what a client gets then, and what was measured. */
export interface Entry {
  fault: string
  answer: string
  figures: string
  /** The rules that were not kept, with what was found instead. */
  broken: string[]
}

export interface Chapter {
  title: string
  entries: Entry[]
}

/** What is written down while something fails. */
export interface Notes {
  /** States a rule; a rule that is not kept fails the run. */
  expect(rule: string, isKept: boolean, found?: unknown): void
}

export interface Journal {
  chapters: Chapter[]
  /** Begins a chapter of the report. */
  begin(title: string): Recorder
}

export interface Recorder {
  /** Has something fail; `work` returns the figures. What it throws is a broken rule too. */
  record(fault: string, answer: string, work: (notes: Notes) => Promise<string>): Promise<void>
}

/** Prints each entry as soon as it is there. */
export function createJournal(print: (line: string) => void): Journal {
  const chapters: Chapter[] = []

  function begin(title: string): Recorder {
    const chapter: Chapter = { title, entries: [] }
    chapters.push(chapter)
    return { record: (fault, answer, work) => record(chapter, { fault, answer }, work) }
  }

  async function record(
    { title, entries }: Chapter,
    about: Pick<Entry, 'fault' | 'answer'>,
    work: (notes: Notes) => Promise<string>,
  ): Promise<void> {
    const broken: string[] = []
    const expect: Notes['expect'] = (rule, isKept, found) => {
      if (!isKept) broken.push(found === undefined ? rule : `${rule}: ${describe(found)}`)
    }
    const startedAt = Date.now()
    const figures = await work({ expect }).catch((error: unknown) => {
      broken.push(String(error instanceof Error ? error.stack : error))
      return ''
    })
    entries.push({ ...about, figures, broken })
    const seconds = ((Date.now() - startedAt) / 1000).toFixed(1)
    print(`  ${broken.length === 0 ? 'ok' : 'NO'}  ${title}: ${about.fault}: ${figures} (${seconds} s)\n`)
    for (const rule of broken) print(`        ${rule}\n`)
  }

  return { chapters, begin }
}

function describe(found: unknown): string {
  const text = typeof found === 'string' ? found : JSON.stringify(found)
  return text.length > 1_000 ? `${text.slice(0, 1_000)}…` : text
}
