-- What was done stays on record: entries can be added, and only the sweep of old ones removes any.
create function refuse_audit_change() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' and current_setting('longshore.audit_retention', true) = 'on' then
    return old;
  end if;
  raise exception 'audit entries are not changed or removed' using errcode = 'insufficient_privilege';
end
$$;
--> statement-breakpoint
create trigger audit_entries_append_only before update or delete on audit_entries
  for each row execute function refuse_audit_change();
--> statement-breakpoint
create trigger audit_entries_no_truncate before truncate on audit_entries
  for each statement execute function refuse_audit_change();
