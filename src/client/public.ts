// What both entries offer: errors, and the words of the calls.
export { LongshoreError, TaskFailed } from './errors.ts'
export { hasEnded } from './tasks.ts'
export { signInWithCode } from './sign-in.ts'
export type { Fetch, Page, Token } from './api.ts'
export type { ClientOptions } from './client.ts'
export type { DownloadOptions, DownloadProgress } from './download.ts'
export type { FileChanges, FileFilter } from './files.ts'
export type { BundleChanges, BundleFilter, NewBundle } from './bundles.ts'
export type { Live, LiveOptions, LiveSnapshot } from './live.ts'
export type { LiveEvent, RoomState } from './live-event.ts'
export type { Parallel } from './parallelism.ts'
export type { ResumeStore } from './platform.ts'
export type { NewSchedule, ScheduleChanges, ScheduleFilter } from './schedules.ts'
export type { NewBatchTask, NewTask, RetryFilter, RunOptions, TaskFilter, TaskType } from './tasks.ts'
export type { UploadHandle, UploadOptions, UploadPhase, UploadState } from './upload-options.ts'
export type { UploadFilter } from './uploads.ts'
export type { WatchedEvent, WatchOptions } from './watch.ts'
export type { NewUploadToken } from './tokens.ts'
export type { CreatedUploadToken, UploadTokenView } from '../contract/token.ts'
export type { NewWebhook, WebhookChanges } from './webhooks.ts'
export type { NewPool, PoolChanges } from './admin.ts'
export type { AdminFigures, BandView, BoardSessionView, WorkerView } from '../contract/admin.ts'
export type { BundleView } from '../contract/bundle.ts'
export type { EventData, EventType } from '../contract/event.ts'
export type { FileView } from '../contract/file.ts'
export type { AdminPoolView, PoolPolicy, PoolView } from '../contract/pool.ts'
export type { PoolUsageView, QuotaView, UsageView } from '../contract/quota.ts'
export type { RoomSnapshot, TaskSummary } from '../contract/realtime.ts'
export type { ScheduleView } from '../contract/schedule.ts'
export type {
  Band,
  RetriedTasks,
  TaskChain,
  TaskEventView,
  TaskLink,
  TaskStats,
  TaskStatus,
  TaskView,
} from '../contract/task.ts'
export type { UploadDetails, UploadStats, UploadSummary, UploadView } from '../contract/upload.ts'
export type { WebhookView } from '../contract/webhook.ts'
