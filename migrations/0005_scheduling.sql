-- Scheduling beyond fair shares. Everything here is added beside what there was, so that a worker of the version before
-- goes on working through it.

-- `max_running` holds an account's jobs back, `max_queued` refuses further ones; null means no limit.
alter table accounts
    add column max_running int check (max_running > 0),
    add column max_queued int default 10000 check (max_queued > 0);

-- A job that must not run before `run_at` stands at the end of time until then: no scan of the queue passes it.
alter table jobs
    add column priority smallint not null default 0 check (priority between -10 and 10),
    add column timeout_seconds int check (timeout_seconds > 0),
    add column deadline_at timestamptz,
    add constraint jobs_run_after check (virtual_start < 'infinity' or run_at <= created_at + interval '30 days');

create index jobs_order on jobs (account_id, tier, priority desc, id) where status = 'queued';
create index jobs_urgent on jobs (priority) where status = 'queued' and priority > 0;
create index jobs_scheduled on jobs (run_at) where status = 'queued' and virtual_start = 'infinity';
create index jobs_deadline on jobs (deadline_at) where status in ('queued', 'in_progress') and deadline_at is not null;
create index jobs_record on jobs (finished_at) where status in ('failed', 'cancelled', 'expired');

-- A queue is as fast as its indexes are clean: vacuum by the thousand, not by the share of a table that only grows.
alter table jobs set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
    autovacuum_analyze_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
alter table deliveries set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
alter table removals set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
alter table shares set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);

-- Which workers there are, one row a worker and tier, and how fast they were lately. `name` is unique for each start.
create table workers (
    name          text not null,
    tier          tier not null,
    gpus          int not null check (gpus > 0),
    -- Means of recent attempts: seconds that one held a GPU, and seconds from claim to upload for one unit of cost.
    gpu_seconds   double precision,
    unit_seconds  double precision,
    seen_at       timestamptz not null default now(),
    primary key (name, tier)
)
with (fillfactor = 50);

-- Start-time fair queuing (Goyal, Vin, Cheng 1996): a job starts where its account's last one of the tier ends, but never
-- before the system's virtual time, which is the start of what is being served, else of what waits first, else the end
-- of all that was ever served. The clock is one for all tiers, so that a worker of several can compare them.
create function fair_start(account uuid, wanted tier, cost double precision) returns double precision
language plpgsql volatile as $$
declare
    clock double precision;
    start double precision;
begin
    clock := coalesce(
        (select max(virtual_start) from jobs where status = 'in_progress'),
        (
            select min(head) from unnest(enum_range(null::tier)) as every (tier) cross join lateral (
                select min(virtual_start) as head from jobs
                where status = 'queued' and jobs.tier = every.tier and virtual_start < 'infinity'
            ) as heads
        ),
        (select max(virtual_finish) from shares),
        0
    );
    insert into shares as share (account_id, tier, virtual_finish) values (account, wanted, clock + cost)
    on conflict (account_id, tier) do update
        set virtual_finish = greatest(share.virtual_finish, clock) + cost / share.weight
    returning virtual_finish - cost / weight into start;
    return start;
end
$$;

-- Whether the account may queue so many more jobs. Its submits pass here one at a time until they are committed, so that
-- none of them misses another.
create function may_queue(account uuid, more bigint) returns boolean
language plpgsql volatile as $$
declare
    most int;
begin
    select max_queued into most from accounts where id = account;
    if most is null then
        return true;
    end if;
    perform pg_advisory_xact_lock(hashtextextended('queue:' || account, 0));
    return (select count(*) from (
        select from jobs where account_id = account and status = 'queued' limit most
    ) as queued) + more <= most;
end
$$;

-- Whether the account may run one more job. Claims of a limited account pass here one at a time until they are
-- committed; one that meets another does not wait, it takes the next account's job.
create function may_run(account uuid) returns boolean
language plpgsql volatile as $$
declare
    most int;
begin
    select max_running into most from accounts where id = account;
    if most is null then
        return true;
    end if;
    if not pg_try_advisory_xact_lock(hashtextextended('run:' || account, 0)) then
        return false;
    end if;
    return (select count(*) from jobs where account_id = account and status = 'in_progress') < most;
end
$$;
