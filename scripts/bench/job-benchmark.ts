export type JobBenchmark = {
  rounds: number
  /** Tiny sizes: shows that everything runs, says nothing about speed. */
  brief: boolean
  /** A server on which databases may be made; undefined: an embedded one is started where one is needed. */
  databaseUrl: string | undefined
  /** Where all data of the run lies; removed after it. */
  parentFolder: string | undefined
  log: (line: string) => void
}
