-- One look-up for each task that went. Asked for all at once, the planner guessed how many they are and read every event there is.
create or replace function remove_events_of_tasks() returns trigger language plpgsql as $$
declare
  removed uuid;
begin
  for removed in select id from gone loop
    delete from task_events where task_id = removed;
  end loop;
  return null;
end
$$;
