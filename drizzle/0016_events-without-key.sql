ALTER TABLE "task_events" DROP CONSTRAINT "task_events_task_id_tasks_id_fk";
