import { describe, expect, it } from 'vitest'
import { openEngine } from '../../src/queue/engine.ts'
import { engineContract } from '../support/engine-contract.ts'
import { describeOnAllEngines } from '../support/engine-places.ts'
import { openLedger, silent } from '../support/ledger.ts'

describeOnAllEngines('the engine', engineContract)

describe('the engine on Postgres', () => {
  it('leaves nothing behind on its connections when bands are taken and left again and again', async () => {
    const ledger = await openLedger()
    const engine = await openEngine({ redisUrl: undefined, databaseUrl: ledger.databaseUrl, prefix: 'test' }, silent)
    const warnings: Error[] = []
    const note = (warning: Error) => warnings.push(warning)
    process.on('warning', note)
    for (let round = 0; round < 12; round++) await (await engine.consume('low', 1, async () => {})).close()
    // A warning is told in a tick of its own.
    await new Promise((resolve) => setImmediate(resolve))
    process.off('warning', note)
    await engine.close()
    await ledger.close()
    expect(warnings.map(String)).toEqual([])
  })
})
