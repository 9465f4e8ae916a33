/** What is measured: returns something of its result, so that no compiler may leave the work out. */
export type Work = () => unknown

export interface Case {
  /** What is asked of both sides. */
  readonly name: string
  /** Rows that one call deals with. */
  readonly rows: number
  readonly ours: Work
  readonly peer: Work
}

export interface Benchmark {
  readonly name: string
  /** One line: what against what. */
  readonly what: string
  readonly peer: string
  /** Makes the inputs, and throws unless both sides give the same answer. */
  prepare(): Promise<readonly Case[]> | readonly Case[]
}

/** A benchmark of processes and servers, which makes its own table. */
export interface ReportingBenchmark {
  readonly name: string
  readonly what: string
  report(): Promise<Report>
}

export interface Report {
  /** The first row is the heading. */
  readonly rows: readonly (readonly string[])[]
  /** What is written as JSON. */
  readonly results: unknown
}

export interface Measured {
  readonly name: string
  readonly rows: number
  /** Medians over the rounds of one call. */
  readonly oursMs: number
  readonly peerMs: number
  /** Of the peer's time over ours in the same round: median and quartiles. Above 1 we are faster. */
  readonly ratio: { readonly median: number; readonly lower: number; readonly upper: number }
  readonly rounds: number
}

const rounds = 21
/** A turn is so many calls that it takes at least this long: shorter ones measure the clock. */
const leastTurnMs = 25
const warmUpMs = 300

/** Both sides take turns, so that whatever else the machine does falls on both; who goes first alternates. */
export function measure({ name, rows, ours, peer }: Case): Measured {
  const [oursCalls, peerCalls] = [callsOf(ours), callsOf(peer)]
  const times: { readonly ours: number; readonly peer: number }[] = []
  for (let round = 0; round < rounds; round++) {
    if (round % 2 === 0) {
      const first = turn(ours, oursCalls)
      times.push({ ours: first, peer: turn(peer, peerCalls) })
    } else {
      const first = turn(peer, peerCalls)
      times.push({ ours: turn(ours, oursCalls), peer: first })
    }
  }
  const ratios = times.map((time) => time.peer / time.ours)
  return {
    name,
    rows,
    oursMs: quantile(
      times.map((time) => time.ours),
      0.5,
    ),
    peerMs: quantile(
      times.map((time) => time.peer),
      0.5,
    ),
    ratio: { median: quantile(ratios, 0.5), lower: quantile(ratios, 0.25), upper: quantile(ratios, 0.75) },
    rounds,
  }
}

/** Warms up, and says how many calls make a turn. */
function callsOf(work: Work): number {
  let calls = 0
  const started = performance.now()
  while (performance.now() - started < warmUpMs) {
    work()
    calls++
  }
  return Math.max(1, Math.round((calls * leastTurnMs) / (performance.now() - started)))
}

/** Milliseconds a call. */
function turn(work: Work, calls: number): number {
  const started = performance.now()
  for (let call = 0; call < calls; call++) work()
  return (performance.now() - started) / calls
}

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.round((sorted.length - 1) * share)] as number
}
