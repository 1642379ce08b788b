create type removal_reason as enum ('expired', 'source', 'superseded', 'deleted');

-- Objects that have to go, and when. No foreign key to jobs: some outlive the row that they belonged to.
create table removals (
    id          uuid primary key,
    account_id  uuid not null references accounts (id),
    job_id      uuid not null,
    reason      removal_reason not null,
    -- Every object whose key starts with this goes.
    prefix      text not null check (length(prefix) > 30),
    attempt     int not null default 0,
    due_at      timestamptz not null,
    created_at  timestamptz not null default now(),
    unique (job_id, reason, prefix)
);

create index removals_due on removals (due_at);
