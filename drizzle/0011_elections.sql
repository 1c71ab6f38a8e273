CREATE TABLE "elections" (
	"office" text PRIMARY KEY NOT NULL,
	"holder" text,
	"until" timestamp with time zone NOT NULL
);
