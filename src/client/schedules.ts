import type { z } from 'zod'
import type {
  changeScheduleRequest,
  createScheduleRequest,
  listSchedulesQuery,
  ScheduleView,
} from '../contract/schedule.ts'
import type { TaskView } from '../contract/task.ts'
import type { Api, Page, Some } from './api.ts'

type Dated<Body> = Omit<Body, 'startsAt' | 'endsAt'> & {
  startsAt?: string | Date | null
  endsAt?: string | Date | null
}
export type NewSchedule = Dated<z.input<typeof createScheduleRequest>>
export type ScheduleChanges = Dated<z.input<typeof changeScheduleRequest>>
export type ScheduleFilter = Some<z.output<typeof listSchedulesQuery>>

/** `client.schedules`: what makes tasks again and again. Each call throws LongshoreError. */
export class Schedules {
  readonly #api: Api

  constructor(api: Api) {
    this.#api = api
  }

  async create(schedule: NewSchedule): Promise<ScheduleView> {
    return this.#api.create<ScheduleView>('/schedules', schedule)
  }

  async list(filter?: ScheduleFilter): Promise<Page<ScheduleView>> {
    return this.#api.page<ScheduleView>('/schedules', filter)
  }

  /** Every schedule that fits, the oldest first unless said otherwise, page by page. */
  each(filter: ScheduleFilter = {}): AsyncGenerator<ScheduleView, void, void> {
    return this.#api.each<ScheduleView>('/schedules', { sortBy: 'createdAt', sortDescending: false, ...filter })
  }

  async get(scheduleId: string): Promise<ScheduleView> {
    return this.#api.json<ScheduleView>({ path: pathOf(scheduleId) })
  }

  /** What is left out stays; null takes `startsAt` or `endsAt` away. */
  async change(scheduleId: string, changes: ScheduleChanges): Promise<ScheduleView> {
    return this.#api.json<ScheduleView>({
      method: 'PATCH',
      path: pathOf(scheduleId),
      json: changes,
      isRepeatable: true,
    })
  }

  /** The tasks that it made stay. */
  async delete(scheduleId: string): Promise<void> {
    return this.#api.nothing({ method: 'DELETE', path: pathOf(scheduleId) })
  }

  /** Makes a task now, beside its ticks. */
  async run(scheduleId: string): Promise<TaskView> {
    return this.#api.create<TaskView>(`${pathOf(scheduleId)}/run`, undefined)
  }
}

function pathOf(scheduleId: string): string {
  return `/schedules/${encodeURIComponent(scheduleId)}`
}
