CREATE TABLE "upload_tokens" (
	"id" uuid PRIMARY KEY NOT NULL,
	"token_sha256" "bytea" NOT NULL,
	"account_id" uuid NOT NULL,
	"permissions" text[] NOT NULL,
	"task_id" uuid,
	"bundle_id" uuid,
	"max_bytes" bigint,
	"used_bytes" bigint DEFAULT 0 NOT NULL,
	"expires_at" timestamp with time zone NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "upload_tokens_one" CHECK ((task_id is null) = (bundle_id is not null and max_bytes is not null))
);
--> statement-breakpoint
ALTER TABLE "upload_tokens" ADD CONSTRAINT "upload_tokens_task_id_uploads_task_id_fk" FOREIGN KEY ("task_id") REFERENCES "public"."uploads"("task_id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "upload_tokens" ADD CONSTRAINT "upload_tokens_bundle_id_bundles_id_fk" FOREIGN KEY ("bundle_id") REFERENCES "public"."bundles"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "upload_tokens_sha256" ON "upload_tokens" USING btree ("token_sha256");--> statement-breakpoint
CREATE INDEX "upload_tokens_account" ON "upload_tokens" USING btree ("account_id","created_at");--> statement-breakpoint
CREATE INDEX "upload_tokens_task" ON "upload_tokens" USING btree ("task_id") WHERE task_id is not null;--> statement-breakpoint
CREATE INDEX "upload_tokens_bundle" ON "upload_tokens" USING btree ("bundle_id") WHERE bundle_id is not null;--> statement-breakpoint
CREATE INDEX "upload_tokens_expires" ON "upload_tokens" USING btree ("expires_at");