CREATE TABLE "task_outputs" (
	"id" uuid PRIMARY KEY NOT NULL,
	"task_id" uuid NOT NULL,
	"epoch" integer NOT NULL,
	"pool_id" uuid NOT NULL,
	"slot" text,
	"key" text,
	"size_bytes" bigint,
	"sha256" "bytea",
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
ALTER TABLE "files" ADD COLUMN "tags" text[] DEFAULT '{}' NOT NULL;--> statement-breakpoint
ALTER TABLE "files" ADD COLUMN "deleted_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "objects" ADD COLUMN "orphaned_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "task_outputs" ADD CONSTRAINT "task_outputs_pool_id_pools_id_fk" FOREIGN KEY ("pool_id") REFERENCES "public"."pools"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "task_outputs_task" ON "task_outputs" USING btree ("task_id");--> statement-breakpoint
CREATE INDEX "files_account_id" ON "files" USING btree ("account_id","id");--> statement-breakpoint
CREATE INDEX "files_deleted" ON "files" USING btree ("deleted_at") WHERE deleted_at is not null;--> statement-breakpoint
CREATE INDEX "files_expired" ON "files" USING btree ("expired_at") WHERE expired_at is not null;--> statement-breakpoint
CREATE INDEX "objects_orphaned" ON "objects" USING btree ("orphaned_at") WHERE orphaned_at is not null;--> statement-breakpoint
CREATE INDEX "objects_pool" ON "objects" USING btree ("pool_id","id");