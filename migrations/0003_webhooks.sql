-- What happened to a job, as its customer is told. At most one of a kind a job.
create table events (
    id          uuid primary key,
    account_id  uuid not null references accounts (id),
    job_id      uuid not null references jobs (id) on delete cascade,
    kind        text not null,
    created_at  timestamptz not null default now(),
    unique (job_id, kind)
);

-- The wish to tell an endpoint of an event. `due_at` is the next try while `settled_at` is null.
create table deliveries (
    id           uuid primary key,
    account_id   uuid not null references accounts (id),
    event_id     uuid not null references events (id) on delete cascade,
    url          text not null,
    attempt      int not null default 0,
    due_at       timestamptz not null default now(),
    settled_at   timestamptz,
    delivered    boolean not null default false,
    -- HTTP status of the last answer; null when there was none.
    last_status  int,
    created_at   timestamptz not null default now(),
    constraint deliveries_settled check (not delivered or settled_at is not null)
)
with (fillfactor = 70);

create index deliveries_due on deliveries (due_at) where settled_at is null;
create index deliveries_event on deliveries (event_id);
