-- Events go with their tasks. By statement, so that removing a thousand tasks is one look-up of theirs; the look-up has a
-- snapshot of its own and sees what was written while the removal waited for a row.
create function remove_events_of_tasks() returns trigger language plpgsql as $$
begin
  delete from task_events where task_id in (select id from gone);
  return null;
end
$$;
--> statement-breakpoint
create trigger tasks_events_go_along after delete on tasks referencing old table as gone
  for each statement execute function remove_events_of_tasks();
