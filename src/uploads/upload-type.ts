/** The task type of an upload. */
export const uploadType = 'FileUpload'

/** Somebody is waiting for an upload to be finished, so it goes before ordinary work (priority 50). */
export const uploadPriority = 80
