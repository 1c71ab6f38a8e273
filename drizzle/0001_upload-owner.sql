ALTER TABLE "uploads" ADD COLUMN "account_id" uuid;--> statement-breakpoint
CREATE INDEX "tasks_upload_activity" ON "tasks" USING btree ("account_id","last_activity","id") WHERE type = 'FileUpload';--> statement-breakpoint
CREATE INDEX "tasks_upload_created" ON "tasks" USING btree ("account_id","created_at","id") WHERE type = 'FileUpload';--> statement-breakpoint
CREATE INDEX "tasks_upload_updated" ON "tasks" USING btree ("account_id","updated_at","id") WHERE type = 'FileUpload';--> statement-breakpoint
CREATE INDEX "tasks_upload_status" ON "tasks" USING btree ("account_id","status","progress","id") WHERE type = 'FileUpload';--> statement-breakpoint
CREATE INDEX "uploads_account_name" ON "uploads" USING btree ("account_id",left(file_name, 200),"task_id");--> statement-breakpoint
CREATE INDEX "uploads_account_size" ON "uploads" USING btree ("account_id","file_size_bytes","task_id");