import type { Command } from './command.ts'
import { completionOf } from './completion.ts'
import { download } from './download.ts'
import { ls, rm } from './files.ts'
import { login, logout } from './login.ts'
import { migrate, pools } from './pools.ts'
import { run } from './run.ts'
import { tasks } from './tasks.ts'
import { upload } from './upload.ts'

/** Every command, in the order of the help. */
export const commands: readonly Command[] = [
  login,
  logout,
  upload,
  download,
  ls,
  rm,
  run,
  tasks,
  pools,
  migrate,
  completionOf(() => commands),
]
