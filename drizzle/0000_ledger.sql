CREATE TABLE "bundles" (
	"id" uuid PRIMARY KEY NOT NULL,
	"account_id" uuid NOT NULL,
	"name" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "files" (
	"id" uuid PRIMARY KEY NOT NULL,
	"account_id" uuid NOT NULL,
	"object_id" uuid NOT NULL,
	"bundle_id" uuid,
	"name" text NOT NULL,
	"content_type" text NOT NULL,
	"tags" text[] DEFAULT '{}' NOT NULL,
	"expired_at" timestamp with time zone,
	"deleted_at" timestamp with time zone,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "objects" (
	"id" uuid PRIMARY KEY NOT NULL,
	"pool_id" uuid NOT NULL,
	"key" text NOT NULL,
	"size_bytes" bigint NOT NULL,
	"sha256" "bytea" NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"orphaned_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "pools" (
	"id" uuid PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"kind" text NOT NULL,
	"settings" jsonb NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
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
CREATE TABLE "band_accounts" (
	"band" text NOT NULL,
	"account_id" uuid NOT NULL,
	"last_turn" bigint DEFAULT 0 NOT NULL,
	CONSTRAINT "band_accounts_band_account_id_pk" PRIMARY KEY("band","account_id")
);
--> statement-breakpoint
CREATE TABLE "band_minutes" (
	"band" text NOT NULL,
	"minute" timestamp with time zone NOT NULL,
	"started" integer DEFAULT 0 NOT NULL,
	"completed" integer DEFAULT 0 NOT NULL,
	"failed" integer DEFAULT 0 NOT NULL,
	CONSTRAINT "band_minutes_band_minute_pk" PRIMARY KEY("band","minute")
);
--> statement-breakpoint
CREATE TABLE "bands" (
	"band" text PRIMARY KEY NOT NULL,
	"turn" bigint DEFAULT 0 NOT NULL,
	"base" bigint DEFAULT 0 NOT NULL,
	"paused_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "workers" (
	"id" text PRIMARY KEY NOT NULL,
	"bands" text[] NOT NULL,
	"concurrency" integer NOT NULL,
	"types" text[] NOT NULL,
	"started_at" timestamp with time zone DEFAULT now() NOT NULL,
	"seen_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "idempotency_keys" (
	"account_id" uuid NOT NULL,
	"key" text NOT NULL,
	"request_sha256" "bytea" NOT NULL,
	"response" jsonb NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "idempotency_keys_account_id_key_pk" PRIMARY KEY("account_id","key")
);
--> statement-breakpoint
CREATE TABLE "schedules" (
	"id" uuid PRIMARY KEY NOT NULL,
	"account_id" uuid NOT NULL,
	"name" text NOT NULL,
	"cron" text,
	"time_zone" text,
	"interval_seconds" integer,
	"anchor_at" timestamp with time zone NOT NULL,
	"starts_at" timestamp with time zone,
	"ends_at" timestamp with time zone,
	"enabled" boolean NOT NULL,
	"missed" text NOT NULL,
	"overlap" text NOT NULL,
	"type" text NOT NULL,
	"template" jsonb NOT NULL,
	"next_run_at" timestamp with time zone,
	"last_run_at" timestamp with time zone,
	"last_task_id" uuid,
	"last_error_code" text,
	"last_error_message" text,
	"last_error_at" timestamp with time zone,
	"last_skip_reason" text,
	"last_skip_tick" timestamp with time zone,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "schedules_timing" CHECK ((cron is null) = (interval_seconds is not null) and (cron is null) = (time_zone is null)),
	CONSTRAINT "schedules_missed" CHECK (missed in ('skip', 'runOnce')),
	CONSTRAINT "schedules_overlap" CHECK (overlap in ('allow', 'skip')),
	CONSTRAINT "schedules_next" CHECK (next_run_at is null or enabled)
);
--> statement-breakpoint
CREATE TABLE "task_secrets" (
	"task_id" uuid PRIMARY KEY NOT NULL,
	"sealed" "bytea" NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "task_dependencies" (
	"task_id" uuid NOT NULL,
	"depends_on" uuid NOT NULL,
	CONSTRAINT "task_dependencies_task_id_depends_on_pk" PRIMARY KEY("task_id","depends_on")
);
--> statement-breakpoint
CREATE TABLE "task_events" (
	"task_id" uuid NOT NULL,
	"seq" integer NOT NULL,
	"account_id" uuid NOT NULL,
	"type" text NOT NULL,
	"data" jsonb NOT NULL,
	"xid" "xid8" DEFAULT pg_current_xact_id() NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "task_events_task_id_seq_pk" PRIMARY KEY("task_id","seq")
);
--> statement-breakpoint
CREATE TABLE "tasks" (
	"id" uuid PRIMARY KEY NOT NULL,
	"account_id" uuid NOT NULL,
	"type" text NOT NULL,
	"name" text NOT NULL,
	"description" text,
	"status" text NOT NULL,
	"idle_status" text DEFAULT 'Pending' NOT NULL,
	"status_message" text,
	"progress" double precision DEFAULT 0 NOT NULL,
	"parameters" jsonb NOT NULL,
	"checkpoint" jsonb,
	"has_secrets" boolean DEFAULT false NOT NULL,
	"results" jsonb,
	"error_code" text,
	"error_message" text,
	"priority" smallint DEFAULT 50 NOT NULL,
	"band" text GENERATED ALWAYS AS (case when priority >= 67 then 'high' when priority >= 34 then 'normal' else 'low' end) STORED NOT NULL,
	"estimated_duration_seconds" bigint,
	"attempts" integer DEFAULT 0 NOT NULL,
	"runnable" boolean DEFAULT false NOT NULL,
	"waits_for" integer DEFAULT 0 NOT NULL,
	"is_awaited" boolean DEFAULT false NOT NULL,
	"ready_at" timestamp with time zone DEFAULT now() NOT NULL,
	"queue_key" bigint DEFAULT 0 NOT NULL,
	"dispatch" integer DEFAULT 0 NOT NULL,
	"admitted_at" timestamp with time zone,
	"turn" bigint,
	"epoch" integer DEFAULT 0 NOT NULL,
	"claimed_by" text,
	"lease_expires_at" timestamp with time zone,
	"last_seq" integer DEFAULT 0 NOT NULL,
	"schedule_id" uuid,
	"scheduled_for" timestamp with time zone,
	"started_at" timestamp with time zone,
	"completed_at" timestamp with time zone,
	"expired_at" timestamp with time zone,
	"last_activity" timestamp with time zone DEFAULT now() NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "tasks_status" CHECK (status in ('Pending', 'InProgress', 'Paused', 'Completed', 'Failed', 'Cancelled', 'Expired')),
	CONSTRAINT "tasks_priority" CHECK (priority between 0 and 100),
	CONSTRAINT "tasks_runnable" CHECK (not runnable or (status in ('Pending', 'InProgress') and waits_for = 0))
);
--> statement-breakpoint
CREATE TABLE "upload_chunks" (
	"task_id" uuid NOT NULL,
	"index" integer NOT NULL,
	"checksum" "bytea",
	"lease_token" uuid,
	"lease_expires_at" timestamp with time zone,
	"received_at" timestamp with time zone,
	CONSTRAINT "upload_chunks_task_id_index_pk" PRIMARY KEY("task_id","index"),
	CONSTRAINT "upload_chunks_state" CHECK ((received_at is null) = (lease_token is not null))
);
--> statement-breakpoint
CREATE TABLE "uploads" (
	"task_id" uuid PRIMARY KEY NOT NULL,
	"file_name" text NOT NULL,
	"file_size_bytes" bigint NOT NULL,
	"content_type" text NOT NULL,
	"chunk_size_bytes" integer NOT NULL,
	"chunks_count" integer NOT NULL,
	"chunks_uploaded" integer DEFAULT 0 NOT NULL,
	"pool_id" uuid NOT NULL,
	"bundle_id" uuid,
	"declared_sha256" "bytea" NOT NULL,
	"file_expired_at" timestamp with time zone,
	"sink_key" text NOT NULL,
	"sink_open" boolean DEFAULT true NOT NULL,
	"phase" text DEFAULT 'receiving' NOT NULL,
	"tainted" boolean DEFAULT false NOT NULL,
	"damaged_chunks" integer[],
	"file_id" uuid,
	CONSTRAINT "uploads_phase" CHECK (phase in ('receiving', 'finishing', 'done'))
);
--> statement-breakpoint
ALTER TABLE "files" ADD CONSTRAINT "files_object_id_objects_id_fk" FOREIGN KEY ("object_id") REFERENCES "public"."objects"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "files" ADD CONSTRAINT "files_bundle_id_bundles_id_fk" FOREIGN KEY ("bundle_id") REFERENCES "public"."bundles"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "objects" ADD CONSTRAINT "objects_pool_id_pools_id_fk" FOREIGN KEY ("pool_id") REFERENCES "public"."pools"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "task_outputs" ADD CONSTRAINT "task_outputs_pool_id_pools_id_fk" FOREIGN KEY ("pool_id") REFERENCES "public"."pools"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "task_secrets" ADD CONSTRAINT "task_secrets_task_id_tasks_id_fk" FOREIGN KEY ("task_id") REFERENCES "public"."tasks"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "task_dependencies" ADD CONSTRAINT "task_dependencies_task_id_tasks_id_fk" FOREIGN KEY ("task_id") REFERENCES "public"."tasks"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "task_dependencies" ADD CONSTRAINT "task_dependencies_depends_on_tasks_id_fk" FOREIGN KEY ("depends_on") REFERENCES "public"."tasks"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "task_events" ADD CONSTRAINT "task_events_task_id_tasks_id_fk" FOREIGN KEY ("task_id") REFERENCES "public"."tasks"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "upload_chunks" ADD CONSTRAINT "upload_chunks_task_id_uploads_task_id_fk" FOREIGN KEY ("task_id") REFERENCES "public"."uploads"("task_id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "uploads" ADD CONSTRAINT "uploads_task_id_tasks_id_fk" FOREIGN KEY ("task_id") REFERENCES "public"."tasks"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "uploads" ADD CONSTRAINT "uploads_pool_id_pools_id_fk" FOREIGN KEY ("pool_id") REFERENCES "public"."pools"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "uploads" ADD CONSTRAINT "uploads_bundle_id_bundles_id_fk" FOREIGN KEY ("bundle_id") REFERENCES "public"."bundles"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "uploads" ADD CONSTRAINT "uploads_file_id_files_id_fk" FOREIGN KEY ("file_id") REFERENCES "public"."files"("id") ON DELETE set null ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "bundles_account" ON "bundles" USING btree ("account_id");--> statement-breakpoint
CREATE INDEX "files_account_id" ON "files" USING btree ("account_id","id");--> statement-breakpoint
CREATE INDEX "files_deleted" ON "files" USING btree ("deleted_at") WHERE deleted_at is not null;--> statement-breakpoint
CREATE INDEX "files_expired" ON "files" USING btree ("expired_at") WHERE expired_at is not null;--> statement-breakpoint
CREATE INDEX "files_account_object" ON "files" USING btree ("account_id","object_id");--> statement-breakpoint
CREATE INDEX "files_object" ON "files" USING btree ("object_id");--> statement-breakpoint
CREATE INDEX "objects_sha256" ON "objects" USING btree ("sha256");--> statement-breakpoint
CREATE INDEX "objects_orphaned" ON "objects" USING btree ("orphaned_at") WHERE orphaned_at is not null;--> statement-breakpoint
CREATE INDEX "objects_pool" ON "objects" USING btree ("pool_id","id");--> statement-breakpoint
CREATE INDEX "task_outputs_task" ON "task_outputs" USING btree ("task_id");--> statement-breakpoint
CREATE INDEX "band_accounts_turn" ON "band_accounts" USING btree ("band","last_turn");--> statement-breakpoint
CREATE INDEX "idempotency_keys_created" ON "idempotency_keys" USING btree ("created_at");--> statement-breakpoint
CREATE INDEX "schedules_due" ON "schedules" USING btree ("next_run_at") WHERE next_run_at is not null;--> statement-breakpoint
CREATE INDEX "schedules_account" ON "schedules" USING btree ("account_id","created_at");--> statement-breakpoint
CREATE INDEX "task_dependencies_on" ON "task_dependencies" USING btree ("depends_on");--> statement-breakpoint
CREATE INDEX "task_events_xid" ON "task_events" USING btree ("xid");--> statement-breakpoint
CREATE INDEX "tasks_waiting" ON "tasks" USING btree ("band","account_id","queue_key","id") WHERE runnable and admitted_at is null;--> statement-breakpoint
CREATE INDEX "tasks_admitted" ON "tasks" USING btree ("band","turn") WHERE runnable and admitted_at is not null and lease_expires_at is null;--> statement-breakpoint
CREATE INDEX "tasks_leased" ON "tasks" USING btree ("lease_expires_at") WHERE lease_expires_at is not null;--> statement-breakpoint
CREATE INDEX "tasks_deadline" ON "tasks" USING btree ("expired_at") WHERE expired_at is not null and status in ('Pending', 'InProgress', 'Paused');--> statement-breakpoint
CREATE INDEX "tasks_ended" ON "tasks" USING btree ("completed_at") WHERE completed_at is not null;--> statement-breakpoint
CREATE INDEX "tasks_account" ON "tasks" USING btree ("account_id","last_activity");--> statement-breakpoint
CREATE INDEX "tasks_account_type" ON "tasks" USING btree ("account_id","type","last_activity");--> statement-breakpoint
CREATE UNIQUE INDEX "tasks_tick" ON "tasks" USING btree ("schedule_id","scheduled_for") WHERE schedule_id is not null;--> statement-breakpoint
CREATE INDEX "tasks_of_schedule_open" ON "tasks" USING btree ("schedule_id") WHERE schedule_id is not null and status in ('Pending', 'InProgress', 'Paused');--> statement-breakpoint
CREATE INDEX "tasks_account_status" ON "tasks" USING btree ("account_id","status","last_activity");--> statement-breakpoint
CREATE INDEX "uploads_sink_open" ON "uploads" USING btree ("task_id") WHERE sink_open;