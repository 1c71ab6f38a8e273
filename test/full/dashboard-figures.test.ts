import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, inject, it } from 'vitest'
import { violationsOn } from '../dashboard/accessibility.ts'
import { useDashboard } from '../support/dashboard.ts'
import { sdkUser } from '../support/sdk.ts'
import { until } from '../support/system.ts'

const defaultPoolId = '550e8400-e29b-41d4-a716-446655440000'

describe.skipIf(!inject('hasChromium'))('the figures of the dashboard', () => {
  const dashboard = useDashboard({ workerArgs: ['--concurrency', '16'] })

  it('tell which account has how many slots just now, and whose task each worker runs', async () => {
    const [ada, ben] = [await sdkUser(), await sdkUser()]
    const page = await dashboard.tab({ path: '/queues' })
    const accounts = page.getByRole('region', { name: 'Accounts' })
    await accounts.getByText('Nothing runs just now.').waitFor()
    const begin = async (user: typeof ada, names: string[]) => {
      const { tasks } = user.open(dashboard.url)
      return Promise.all(names.map((name) => tasks.create({ type: 'Count', name, parameters: { to: 1_000_000 } })))
    }
    const begun = await begin(ada, ['Ada one', 'Ada two', 'Ada three'])
    begun.push(...(await begin(ben, ['Ben one'])))
    const shares = async () => (await accounts.getByRole('listitem').allInnerTexts()).map((row) => row.split(/\n/))
    // Whoever has most comes first.
    const both = [
      [ada.account, '3 (75 %)'],
      [ben.account, '1 (25 %)'],
    ]
    expect(await until(async () => ((await shares()).flat().includes('3 (75 %)') ? shares() : undefined))).toEqual(both)
    const workers = page.getByRole('region', { name: 'Workers' })
    await workers.getByText(/^4 of \d+ slots/).waitFor()
    for (const [name, { account }] of [['Ada two', ada] as const, ['Ben one', ben] as const]) {
      const row = workers.getByRole('listitem').filter({ hasText: name }).last()
      expect(await row.innerText()).toContain(`account ${account.slice(0, 8)}`)
    }
    expect(await violationsOn(page)).toEqual([])

    for (const { taskId } of begun.slice(0, 3)) await ada.open(dashboard.url).tasks.cancel(taskId)
    await accounts.getByText('1 (100 %)').waitFor()
    expect(await shares()).toEqual([[ben.account, '1 (100 %)']])
    await ben.open(dashboard.url).tasks.cancel(begun[3]?.taskId ?? '')
    await accounts.getByText('Nothing runs just now.').waitFor()
  })

  it('tell how fast a migration goes, how long it has to go, and how fast it was', async () => {
    const { client, user } = dashboard
    const settings = { path: 'pools/second' }
    const pool = await client.admin.createPool({ name: 'Second', kind: 'local', settings })
    const sizeBytes = 300_000
    // The bytes of a file are moved as one, and what was moved is told after each.
    for (let index = 0; index < 12; index++) {
      const path = join(user.folder, `moved-${index}.bin`)
      await writeFile(path, Buffer.alloc(sizeBytes, index))
      await client.upload(path)
    }
    const bytesPerSecond = 600_000
    const parameters = { sourcePoolId: defaultPoolId, targetPoolId: pool.id, concurrency: 1, bytesPerSecond }
    const { taskId } = await client.tasks.create({ type: 'StorageMigration', parameters })
    const page = await dashboard.tab({ path: '/pools' })
    const migration = page.getByRole('region', { name: 'Migrations' }).getByRole('listitem')
    const name = (await client.admin.pools()).find(({ id }) => id === defaultPoolId)?.name
    await migration.getByRole('link', { name: `${name} → Second` }).waitFor()
    const running = migration.getByText(/^\d+ % · [\d.]+ % a minute · \d+ s left$/)
    const [, percent = '', rate = '', left = ''] =
      /^(\d+) % · ([\d.]+) % a minute · (\d+) s left$/.exec(await running.innerText()) ?? []
    // What is to go at this rate takes what it says is left.
    expect(Math.abs((60 * (100 - Number(percent))) / Number(rate) - Number(left))).toBeLessThan(2)
    expect(Number(percent)).toBeGreaterThan(0)
    await until(async () => ((await client.tasks.get(taskId)).status === 'Completed' ? true : undefined), 60_000)
    const [, shown = ''] =
      /^Moved 12 files: 12 objects of 3600000 bytes\. (\d+) KiB\/s over \d+ s$/.exec(
        await migration.getByText(/^Moved 12 files/).innerText(),
      ) ?? []
    const { startedAt, completedAt } = await client.tasks.get(taskId)
    const tookSeconds = (Date.parse(completedAt ?? '') - Date.parse(startedAt ?? '')) / 1000
    expect(Math.abs(Number(shown) - (12 * sizeBytes) / 1024 / tookSeconds)).toBeLessThan(1)
    // No faster than it was told to.
    expect(Number(shown) * 1024).toBeLessThan(bytesPerSecond * 1.2)
    await migration.getByRole('button', { name: /^Roll back / }).waitFor()
  })
})
