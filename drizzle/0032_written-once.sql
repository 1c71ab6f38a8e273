-- Postgres looks at each row of every update for what its generated columns want, and reads their expressions anew for it when
-- they want nothing: that was a quarter of what claims and ends cost. These two are written once, as a task is made.
ALTER TABLE "tasks" ALTER COLUMN "pool_ids" DROP EXPRESSION;--> statement-breakpoint
ALTER TABLE "tasks" ALTER COLUMN "band" DROP EXPRESSION;--> statement-breakpoint
create function place_task() returns trigger language plpgsql as $$
begin
  new.band := case when new.priority >= 67 then 'high' when new.priority >= 34 then 'normal' else 'low' end;
  new.pool_ids := array_remove(array[
    lower(new.parameters->>'poolId'), lower(new.parameters->>'sourcePoolId'), lower(new.parameters->>'targetPoolId')], null);
  return new;
end
$$;
--> statement-breakpoint
create trigger tasks_place before insert on tasks for each row execute function place_task();
