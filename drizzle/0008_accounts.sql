CREATE TABLE "account_quotas" (
	"account_id" uuid PRIMARY KEY NOT NULL,
	"admin_limit_bytes" bigint,
	"token_limit_bytes" bigint
);
--> statement-breakpoint
CREATE TABLE "attempts" (
	"scope" text NOT NULL,
	"subject" text NOT NULL,
	"started_at" timestamp with time zone DEFAULT now() NOT NULL,
	"count" integer DEFAULT 1 NOT NULL,
	CONSTRAINT "attempts_scope_subject_pk" PRIMARY KEY("scope","subject")
);
--> statement-breakpoint
CREATE TABLE "bundle_accesses" (
	"token_sha256" "bytea" PRIMARY KEY NOT NULL,
	"bundle_id" uuid NOT NULL,
	"expires_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "pool_usage" (
	"account_id" uuid NOT NULL,
	"pool_id" uuid NOT NULL,
	"used_bytes" bigint DEFAULT 0 NOT NULL,
	"files_count" bigint DEFAULT 0 NOT NULL,
	"reserved_bytes" bigint DEFAULT 0 NOT NULL,
	"uploads_count" bigint DEFAULT 0 NOT NULL,
	CONSTRAINT "pool_usage_account_id_pool_id_pk" PRIMARY KEY("account_id","pool_id")
);
--> statement-breakpoint
CREATE TABLE "upload_challenges" (
	"task_id" uuid PRIMARY KEY NOT NULL,
	"nonce" "bytea" NOT NULL,
	"ranges" jsonb NOT NULL,
	"expires_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
DROP INDEX "bundles_account";--> statement-breakpoint
ALTER TABLE "bundles" ADD COLUMN "description" text;--> statement-breakpoint
ALTER TABLE "bundles" ADD COLUMN "slug" text;--> statement-breakpoint
ALTER TABLE "bundles" ADD COLUMN "is_shared" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "bundles" ADD COLUMN "passcode_hash" text;--> statement-breakpoint
ALTER TABLE "bundles" ADD COLUMN "expired_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "bundles" ADD COLUMN "updated_at" timestamp with time zone DEFAULT now() NOT NULL;--> statement-breakpoint
ALTER TABLE "files" ADD COLUMN "size_bytes" bigint;--> statement-breakpoint
ALTER TABLE "objects" ADD COLUMN "detected_type" text;--> statement-breakpoint
ALTER TABLE "objects" ADD COLUMN "is_exclusive" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "pools" ADD COLUMN "policy" jsonb DEFAULT '{}'::jsonb NOT NULL;--> statement-breakpoint
ALTER TABLE "pools" ADD COLUMN "cost_multiplier" double precision DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE "pools" ADD COLUMN "disabled_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "pools" ADD COLUMN "deleted_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "pools" ADD COLUMN "updated_at" timestamp with time zone DEFAULT now() NOT NULL;--> statement-breakpoint
ALTER TABLE "uploads" ADD COLUMN "reserved_bytes" bigint;--> statement-breakpoint
ALTER TABLE "bundle_accesses" ADD CONSTRAINT "bundle_accesses_bundle_id_bundles_id_fk" FOREIGN KEY ("bundle_id") REFERENCES "public"."bundles"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "pool_usage" ADD CONSTRAINT "pool_usage_pool_id_pools_id_fk" FOREIGN KEY ("pool_id") REFERENCES "public"."pools"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "upload_challenges" ADD CONSTRAINT "upload_challenges_task_id_uploads_task_id_fk" FOREIGN KEY ("task_id") REFERENCES "public"."uploads"("task_id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "attempts_started" ON "attempts" USING btree ("started_at");--> statement-breakpoint
CREATE INDEX "bundle_accesses_bundle" ON "bundle_accesses" USING btree ("bundle_id");--> statement-breakpoint
CREATE INDEX "pool_usage_pool" ON "pool_usage" USING btree ("pool_id");--> statement-breakpoint
CREATE UNIQUE INDEX "bundles_slug" ON "bundles" USING btree ("slug") WHERE slug is not null;--> statement-breakpoint
CREATE INDEX "files_account_created" ON "files" USING btree ("account_id","created_at","id");--> statement-breakpoint
CREATE INDEX "files_account_updated" ON "files" USING btree ("account_id","updated_at","id");--> statement-breakpoint
CREATE INDEX "files_account_name" ON "files" USING btree ("account_id",left(name, 200),"id");--> statement-breakpoint
CREATE INDEX "files_account_size" ON "files" USING btree ("account_id","size_bytes","id");--> statement-breakpoint
CREATE INDEX "files_account_trash" ON "files" USING btree ("account_id","deleted_at","id") WHERE deleted_at is not null;--> statement-breakpoint
CREATE INDEX "files_bundle" ON "files" USING btree ("bundle_id","id") WHERE bundle_id is not null;--> statement-breakpoint
CREATE INDEX "uploads_bundle" ON "uploads" USING btree ("bundle_id") WHERE bundle_id is not null;--> statement-breakpoint
CREATE INDEX "uploads_open" ON "uploads" USING btree ("pool_id") WHERE phase <> 'done';--> statement-breakpoint
CREATE INDEX "bundles_account" ON "bundles" USING btree ("account_id","created_at","id");