-- Credits: whole numbers that an operator grants, a submit reserves, a finished video is charged, and all else gives back. The
-- jobs' own table keeps the ledger, so that it holds whoever changes a job, also a process of the version before.

alter table accounts
    -- Whether submits need credits.
    add column metered boolean not null default false;

alter table jobs add column credits bigint check (credits > 0);
alter table usage add column credits bigint check (credits > 0);

create table credit_balances (
    account_id  uuid primary key references accounts (id) on delete cascade,
    granted     bigint not null default 0,
    reserved    bigint not null default 0 check (reserved >= 0),
    charged     bigint not null default 0 check (charged >= 0)
)
with (fillfactor = 50);

create type credit_kind as enum ('grant', 'reservation', 'charge', 'release');

-- What happened to the credits of an account. No foreign key to jobs: it outlives them.
create table credit_entries (
    id               uuid primary key,
    account_id       uuid not null references accounts (id) on delete cascade,
    kind             credit_kind not null,
    -- Below zero only for a grant that is taken back.
    credits          bigint not null check (credits <> 0 and (kind = 'grant' or credits > 0)),
    job_id           uuid,
    -- What an operator says of a grant, and the name under which a repeated grant is known.
    note             text check (length(note) between 1 and 200),
    idempotency_key  text check (length(idempotency_key) between 1 and 255),
    created_at       timestamptz not null default now(),
    constraint credit_entries_job check ((kind = 'grant') = (job_id is null)),
    constraint credit_entries_grant check (kind = 'grant' or (note is null and idempotency_key is null))
);

create index credit_entries_account on credit_entries (account_id, id);
create unique index credit_entries_once on credit_entries (account_id, idempotency_key) where idempotency_key is not null;
create unique index credit_entries_reservation on credit_entries (job_id) where kind = 'reservation';
create unique index credit_entries_settlement on credit_entries (job_id) where kind in ('charge', 'release');

-- As their owner: whoever may change jobs need not be able to change what they cost.
create function reserve_credits() returns trigger
language plpgsql security definer set search_path from current as $$
begin
    update credit_balances set reserved = reserved + new.credits
    where account_id = new.account_id and granted - reserved - charged >= new.credits;
    if not found then
        raise exception 'too few credits' using errcode = 'check_violation', constraint = 'jobs_credits';
    end if;
    insert into credit_entries (id, account_id, kind, credits, job_id)
    values (uuid_v7(), new.account_id, 'reservation', new.credits, new.id);
    return null;
end
$$;

create trigger jobs_reserve_credits after insert on jobs for each row when (new.credits is not null)
    execute function reserve_credits();

-- A job of which there is no more to come is charged if it has a video, else its credits are free again.
create function settle_credits() returns trigger
language plpgsql security definer set search_path from current as $$
declare
    job jobs := case when tg_op = 'DELETE' then old else new end;
    outcome credit_kind := case when tg_op = 'UPDATE' and new.status = 'completed' then 'charge' else 'release' end;
begin
    insert into credit_entries (id, account_id, kind, credits, job_id)
    values (uuid_v7(), job.account_id, outcome, job.credits, job.id)
    on conflict (job_id) where kind in ('charge', 'release') do nothing;
    if found then
        update credit_balances
        set reserved = reserved - job.credits, charged = charged + case when outcome = 'charge' then job.credits else 0 end
        where account_id = job.account_id;
    end if;
    return null;
end
$$;

create trigger jobs_settle_credits after update of status on jobs for each row
    when (new.credits is not null and old.status in ('queued', 'in_progress') and new.status in ('completed', 'failed', 'cancelled'))
    execute function settle_credits();
create trigger jobs_release_credits after delete on jobs for each row
    when (old.credits is not null and old.status in ('queued', 'in_progress'))
    execute function settle_credits();
