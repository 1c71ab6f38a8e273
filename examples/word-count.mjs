// An app's own task type. Run it with TASK_MODULES=./examples/word-count.mjs set for the API and the workers.
import { defineJob } from 'longshore'
import { z } from 'zod'

const wordCount = defineJob({
  type: 'WordCount',
  title: 'Count words',
  parameters: z.strictObject({ texts: z.array(z.string()).min(1) }),
  // What was done already when a worker had to stop: the next one goes on from there.
  checkpoint: z.object({ textsDone: z.int(), words: z.int() }),
  results: z.object({ words: z.int() }),
  maxAttempts: 3,
  async run({ texts }, { signal, progress, checkpoint, saveCheckpoint }) {
    let { textsDone, words } = checkpoint ?? { textsDone: 0, words: 0 }
    for (const text of texts.slice(textsDone)) {
      signal.throwIfAborted()
      words += text.split(/\s+/).filter((word) => word !== '').length
      textsDone++
      await saveCheckpoint({ textsDone, words })
      progress((100 * textsDone) / texts.length, `${textsDone} of ${texts.length} texts`)
    }
    return { kind: 'completed', results: { words } }
  },
})

export const jobs = [wordCount]
