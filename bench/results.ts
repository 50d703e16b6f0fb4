import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import type { LoadResult } from './load.ts'
import type { Series } from './rounds.ts'

/** What `npm run bench` has measured, by its parts. Times in ms, memory in MB unless a name says otherwise. */
export interface Results {
  /** The same requests at every contender, 16 at a time. */
  contenders: {
    list: Record<ContenderName, Series>
    whoami: Record<Exclude<ContenderName, 'bare'>, Series>
    /** From starting the process to its first response. */
    startMs: Record<ContenderName, number>
    residentMb: Record<ContenderName, number>
  }
  /** `whoami`, by requests at a time. */
  latency: { connections: number; results: Record<Exclude<ContenderName, 'bare'>, LoadResult> }[]
  /** CPU time of the service for one request of each kind. */
  methods: { cpuMs: Record<MethodName, number> }
  /** Resident memory of one instance by the number of calls, 64 at a time. */
  memory: { calls: number; residentMb: number }[]
  /** CPU time of `ping` by the number of grants that are stored and used. */
  grants: { redisBytes: number; levels: { grants: number; cpuMs: number }[] }
  /** CPU time of `tools/list` by the number of catalogue variants in use. */
  variants: { variants: number; cpuMs: number }[]
  /** CPU time of `whoami` with one instance and with two on one Redis. */
  instances: { one: Series; two: Series }
  /** From starting the service to its first response: each of some starts. */
  start: { ms: number[] }
}

export type ContenderName = 'bare' | 'sdk' | 'fastmcp' | 'service'
export type MethodName = 'initialize' | 'ping' | 'notification' | 'refused' | 'refresh' | 'signIn'

const FOLDER = new URL('./results/', import.meta.url)

/** Writes the figures of one part, and on which machine they were measured. `load` is that of other programs. */
export function writeResult<Part extends keyof Results>(
  part: Part,
  result: Results[Part],
  load: number,
): void {
  mkdirSync(FOLDER, { recursive: true })
  // The parallelism would be that of the core that the load is bound to.
  const machine = `${cpus().length} cores, Node ${process.versions.node}, load before: ${load.toFixed(1)}`
  const text = JSON.stringify({ machine, result }, shorten, 2)
  writeFileSync(new URL(`${part}.json`, FOLDER), `${text}\n`)
}

/** The committed figures of one part; undefined if it was never measured. */
export function readResult<Part extends keyof Results>(part: Part): Results[Part] | undefined {
  const file = new URL(`${part}.json`, FOLDER)
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).result : undefined
}

/** On which machine the contenders were compared. */
export function readMachine(): string {
  return JSON.parse(readFileSync(new URL('contenders.json', FOLDER), 'utf8')).machine
}

/** The committed figures of all parts. Throws when a part was never measured. */
export function readResults(): Results {
  const read = <Part extends keyof Results>(part: Part): Results[Part] => {
    const result = readResult(part)
    if (result === undefined)
      throw new Error(`There is no bench/results/${part}.json: run npm run bench -- ${part}.`)
    return result
  }
  return {
    contenders: read('contenders'),
    latency: read('latency'),
    methods: read('methods'),
    memory: read('memory'),
    grants: read('grants'),
    variants: read('variants'),
    instances: read('instances'),
    start: read('start'),
  }
}

/** More digits than a measurement has make a file long. */
function shorten(_key: string, value: unknown): unknown {
  return typeof value === 'number' ? Number(value.toPrecision(4)) : value
}
