import type { z } from 'zod'
import { accessSettings } from '../../src/config/access.ts'
import { archiveSettings } from '../../src/config/archives.ts'
import { conversionSettings } from '../../src/config/conversion.ts'
import { limitSettings } from '../../src/config/limits.ts'
import { notifySettings } from '../../src/config/notify.ts'
import { processSettings } from '../../src/config/process.ts'
import { storageSettings } from '../../src/config/storage.ts'
import { taskSettings } from '../../src/config/tasks.ts'
import { tracingSettings } from '../../src/config/tracing.ts'
import { uploadSettings } from '../../src/config/uploads.ts'

/** Every setting that a process reads from its environment, by its name. */
export const allSettings: Readonly<Record<string, z.ZodType>> = {
  ...accessSettings,
  ...limitSettings,
  ...archiveSettings,
  ...conversionSettings,
  ...notifySettings,
  ...processSettings,
  ...storageSettings,
  ...taskSettings,
  ...tracingSettings,
  ...uploadSettings,
}
