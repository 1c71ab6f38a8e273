DROP INDEX "tasks_account";--> statement-breakpoint
DROP INDEX "tasks_account_type";--> statement-breakpoint
DROP INDEX "tasks_account_status";--> statement-breakpoint
CREATE INDEX "tasks_listed" ON "tasks" USING btree ("account_id","status","last_activity","type");