DROP INDEX "tasks_waiting";--> statement-breakpoint
CREATE INDEX "tasks_waiting" ON "tasks" USING btree ("band","account_id","queue_key","id","ready_at","type") WHERE runnable and admitted_at is null;