CREATE TABLE "open_tasks" (
	"account_id" uuid PRIMARY KEY NOT NULL,
	"at_most" bigint NOT NULL,
	"counted_at" timestamp with time zone NOT NULL
);
