UPDATE "files" SET "size_bytes" = "objects"."size_bytes" FROM "objects" WHERE "objects"."id" = "files"."object_id";--> statement-breakpoint
UPDATE "uploads" SET "reserved_bytes" = "file_size_bytes" WHERE "phase" <> 'done';--> statement-breakpoint
INSERT INTO "pool_usage" ("account_id", "pool_id", "used_bytes", "files_count", "reserved_bytes", "uploads_count")
SELECT "account_id", "pool_id", sum("used_bytes"), sum("files_count"), sum("reserved_bytes"), sum("uploads_count") FROM (
  SELECT f."account_id", o."pool_id", o."size_bytes" AS "used_bytes", 1 AS "files_count", 0 AS "reserved_bytes", 0 AS "uploads_count"
  FROM "files" f JOIN "objects" o ON o."id" = f."object_id"
  UNION ALL
  SELECT "account_id", "pool_id", 0, 0, "reserved_bytes", 1 FROM "uploads" WHERE "reserved_bytes" IS NOT NULL
) AS "had" GROUP BY "account_id", "pool_id";--> statement-breakpoint
INSERT INTO "account_quotas" ("account_id") SELECT DISTINCT "account_id" FROM "pool_usage";
