import { type Client, TaskFailed, type TaskView, type WatchedEvent } from '../client/node.ts'
import type { Context } from './command.ts'
import { exitCodes, Interrupted } from './exit.ts'
import { formatBar, shown } from './format.ts'

/** Waits for a task's end and prints it. Answers the exit code: a task that does not complete is a failure. */
export async function followTask(context: Context, client: Client, taskId: string): Promise<number> {
  const { terminal, signal, json } = context
  try {
    const task = await client.tasks.wait(taskId, { signal, onEvent: (event) => terminal.status(statusOf(event)) })
    printEnd(context, task)
    return exitCodes.done
  } catch (error) {
    if (error instanceof TaskFailed) {
      printEnd(context, error.task)
      if (!json) terminal.problem(`${error.message} (${error.code})`)
      return exitCodes.failed
    }
    if (!(error instanceof Interrupted)) throw error
    terminal.note(`The task goes on. To watch it: longshore tasks watch ${taskId}`)
    return exitCodes.interrupted
  }
}

function statusOf({ type, data }: WatchedEvent): string {
  if (type !== 'task.progress') return `${type.replace(/^\w+\./, '')} …`
  const message = data.statusMessage === null ? '' : `  ${shown(data.statusMessage)}`
  return `${formatBar(data.progress / 100)} ${String(Math.floor(data.progress)).padStart(3)} %${message}`
}

function printEnd({ terminal, json }: Context, task: TaskView): void {
  terminal.status('')
  if (json) return terminal.print(JSON.stringify(task))
  terminal.note(`${task.type} ${task.taskId}: ${task.status}`)
  for (const [name, value] of Object.entries(task.results ?? {})) {
    terminal.print(`${name}: ${typeof value === 'string' ? shown(value) : JSON.stringify(value)}`)
  }
}
