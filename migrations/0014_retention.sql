-- Media that stay for longer or shorter than was said first, notices before they go, and what a look at the store found. Everything
-- here is added beside what there was, so that processes of the version before go on working through it.

-- How many finished videos an account may keep until it lets them go.
alter table accounts add column max_pinned int not null default 100 check (max_pinned >= 0);

alter table jobs
    -- Whether its media stay until they are let go: then nothing times them.
    add column pinned boolean not null default false,
    -- Whether nobody has to be told any more that they will go at `expires_at`.
    add column expiry_noted boolean not null default false,
    -- Since when the store is known to lack some of its media.
    add column missing_at timestamptz,
    add constraint jobs_pinned check (not pinned or status = 'completed'),
    drop constraint jobs_expiry,
    add constraint jobs_expiry check ((status in ('completed', 'expired') and not pinned) = (expires_at is not null));

create index jobs_pinned_by on jobs (account_id) where pinned;
create index jobs_expiring on jobs (expires_at) where status = 'completed' and not expiry_noted;

alter table files add column missing_at timestamptz;
alter table exports add column missing_at timestamptz;

-- Since when the store refuses to remove these objects.
alter table removals add column failing_since timestamptz;
create index removals_failing on removals (failing_since) where failing_since is not null;

-- Looks at the whole store, one a night. No ids, no names: counts alone.
create table reconciliations (
    id           uuid primary key,
    started_at   timestamptz not null default now(),
    finished_at  timestamptz,
    report       jsonb
);

create index reconciliations_age on reconciliations (started_at);

-- Whether the account may pin one more video. Its pins pass here one at a time until they are committed, so that none of them misses
-- another.
create function may_pin(account uuid) returns boolean
language plpgsql volatile as $$
declare
    most int;
begin
    perform pg_advisory_xact_lock(hashtextextended('pin:' || account, 0));
    select max_pinned into most from accounts where id = account;
    return (select count(*) from (select from jobs where account_id = account and pinned limit most) as pinned) < most;
end
$$;
