CREATE TABLE "presence" (
	"process_id" text NOT NULL,
	"account_id" uuid NOT NULL,
	CONSTRAINT "presence_process_id_account_id_pk" PRIMARY KEY("process_id","account_id")
);
--> statement-breakpoint
CREATE TABLE "presence_processes" (
	"id" text PRIMARY KEY NOT NULL,
	"seen_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "push_notices" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"subscription_id" uuid NOT NULL,
	"task_id" uuid,
	"seq" integer,
	"type" text NOT NULL,
	"data" jsonb NOT NULL,
	"attempts" integer DEFAULT 0 NOT NULL,
	"next_attempt_at" timestamp with time zone DEFAULT now() NOT NULL,
	"give_up_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "push_subscriptions" (
	"id" uuid PRIMARY KEY NOT NULL,
	"account_id" uuid NOT NULL,
	"transport" text NOT NULL,
	"host" text NOT NULL,
	"address" "bytea" NOT NULL,
	"address_sha256" "bytea" NOT NULL,
	"since" text NOT NULL,
	"expires_at" timestamp with time zone,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
ALTER TABLE "presence" ADD CONSTRAINT "presence_process_id_presence_processes_id_fk" FOREIGN KEY ("process_id") REFERENCES "public"."presence_processes"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "push_notices" ADD CONSTRAINT "push_notices_subscription_id_push_subscriptions_id_fk" FOREIGN KEY ("subscription_id") REFERENCES "public"."push_subscriptions"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "presence_account" ON "presence" USING btree ("account_id");--> statement-breakpoint
CREATE UNIQUE INDEX "push_notices_event" ON "push_notices" USING btree ("subscription_id","task_id","seq");--> statement-breakpoint
CREATE INDEX "push_notices_due" ON "push_notices" USING btree ("next_attempt_at");--> statement-breakpoint
CREATE UNIQUE INDEX "push_subscriptions_address" ON "push_subscriptions" USING btree ("transport","address_sha256");--> statement-breakpoint
CREATE INDEX "push_subscriptions_account" ON "push_subscriptions" USING btree ("account_id","created_at");