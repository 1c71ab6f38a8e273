UPDATE "uploads" SET "account_id" = "tasks"."account_id" FROM "tasks" WHERE "tasks"."id" = "uploads"."task_id";
