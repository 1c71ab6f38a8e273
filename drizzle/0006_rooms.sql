CREATE TABLE "ledgers" (
	"server" text PRIMARY KEY NOT NULL,
	"adopted_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
ALTER TABLE "tasks" ADD COLUMN "pool_ids" text[] GENERATED ALWAYS AS (array_remove(array[lower(parameters->>'poolId'), lower(parameters->>'sourcePoolId'), lower(parameters->>'targetPoolId')], null)) STORED NOT NULL;--> statement-breakpoint
CREATE INDEX "task_events_account_xid" ON "task_events" USING btree ("account_id","xid");