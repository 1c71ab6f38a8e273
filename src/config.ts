import { z } from 'zod'
import { type AccessConfig, accessConfig, accessMissing, accessSettings } from './config/access.ts'
import { type LimitsConfig, limitsConfig, limitSettings } from './config/limits.ts'
import { archiveSettings, type ArchivesConfig, archivesConfig } from './config/archives.ts'
import { type ConversionConfig, conversionConfig, conversionSettings } from './config/conversion.ts'
import { type NotifyConfig, notifyConfig, notifySettings, vapidMissing } from './config/notify.ts'
import { type ProcessConfig, processConfig, processSettings } from './config/process.ts'
import { type StorageConfig, storageConfig, storageSettings } from './config/storage.ts'
import { type SchedulesConfig, schedulesConfig, type TasksConfig, tasksConfig, taskSettings } from './config/tasks.ts'
import { type TracingConfig, tracingConfig, tracingSettings } from './config/tracing.ts'
import { type UploadsConfig, uploadContradictions, uploadsConfig, uploadSettings } from './config/uploads.ts'

export type Config = ProcessConfig &
  AccessConfig & {
    limits: LimitsConfig
    storage: StorageConfig
    uploads: UploadsConfig
    tasks: TasksConfig
    schedules: SchedulesConfig
    archives: ArchivesConfig
    conversion: ConversionConfig
    notify: NotifyConfig
    tracing: TracingConfig
  }

/** One schema over all groups, so that every wrong setting is named at once. */
const settings = z.object({
  ...processSettings,
  ...accessSettings,
  ...limitSettings,
  ...storageSettings,
  ...uploadSettings,
  ...taskSettings,
  ...archiveSettings,
  ...conversionSettings,
  ...notifySettings,
  ...tracingSettings,
})

/** The settings are wrong; `problems` names every wrong one, a line each. */
export class ConfigError extends Error {
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(problems.join('\n'))
    this.name = 'ConfigError'
    this.problems = problems
  }
}

/** Reads the settings from an environment. An empty variable counts as not set. Throws ConfigError with all that is wrong. */
export function loadConfig(env: Record<string, string | undefined>): Config {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''))
  const parsed = settings.safeParse(given)
  const wrong = parsed.success
    ? uploadContradictions(parsed.data)
    : parsed.error.issues.map((issue) => describe(issue, given))
  const problems = [...wrong, ...accessMissing(given), ...vapidMissing(given)]
  if (!parsed.success || problems.length > 0) throw new ConfigError(problems)
  const set = parsed.data
  return {
    ...processConfig(set),
    ...accessConfig(set),
    limits: limitsConfig(set),
    storage: storageConfig(set),
    uploads: uploadsConfig(set),
    tasks: tasksConfig(set),
    schedules: schedulesConfig(set),
    archives: archivesConfig(set),
    conversion: conversionConfig(set),
    notify: notifyConfig(set),
    tracing: tracingConfig(set),
  }
}

function describe(issue: z.core.$ZodIssue, given: Record<string, string | undefined>): string {
  const name = issue.path.join('.')
  return given[name] === undefined ? `${name}: is required` : `${name}: ${issue.message}`
}
