import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll } from 'vitest'
import type { Client } from '../../src/client/node.ts'
import { buildPage, closeTabs, openTab, type TabOptions } from './browser.ts'
import { type SdkUser, sdkUser } from './sdk.ts'
import { openStage, type Stage, type StageOptions } from './stage.ts'
import { withTestTypes } from './tasks.ts'

/** A system with the test's task types, the dashboard that it serves, and an administrator who is signed in to it. */
export type Dashboard = {
  readonly stage: Stage
  readonly user: SdkUser
  /** The administrator's own way to the server, beside the page. */
  readonly client: Client
  readonly url: string
  /** Opens the page in a browser profile of its own; as the administrator unless a token says who else. */
  tab: (options?: Omit<TabOptions, 'url'>) => Promise<Page>
}

/** Has a dashboard for the tests of a `describe`; what it has is there once they run. Every tab is closed after each of them. */
export function useDashboard(started: Pick<StageOptions, 'workerArgs'> = {}): Dashboard {
  let open: Omit<Dashboard, 'tab'> | undefined
  const opened = (): Omit<Dashboard, 'tab'> => {
    if (open === undefined) throw new Error('the dashboard is there only while tests run')
    return open
  }
  beforeAll(async () => {
    buildPage()
    const stage = await openStage({ env: withTestTypes, ...started })
    const user = await sdkUser({ admin: true })
    const url = stage.system.urls[0] ?? ''
    open = { stage, user, client: user.open(url), url }
  })
  afterEach(closeTabs)
  afterAll(() => open?.stage.close())
  return {
    get stage() {
      return opened().stage
    },
    get user() {
      return opened().user
    },
    get client() {
      return opened().client
    },
    get url() {
      return opened().url
    },
    tab: (options = {}) => openTab({ url: opened().url, token: opened().user.token, ...options }),
  }
}
