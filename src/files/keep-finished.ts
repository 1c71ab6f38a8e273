import type { TaskOutputs } from './outputs.ts'

/** Does work that makes outputs. What it has finished when it fails is noted, so that no later claim makes it again. */
export async function keepFinished<Answer>(outputs: TaskOutputs, work: () => Promise<Answer>): Promise<Answer> {
  try {
    return await work()
  } catch (error) {
    // The error that led here is the one to tell.
    await outputs.flush().catch(() => {})
    throw error
  }
}
