ALTER TABLE "schedules" ADD COLUMN "permissions" text[];--> statement-breakpoint
ALTER TABLE "tasks" ADD COLUMN "permissions" text[];