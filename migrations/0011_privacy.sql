-- What an account is beside its jobs, and what its owner may ask for: access, correction, deletion, limitation, portability.
-- Everything here is added beside what there was, so that processes of the version before go on working through it.

alter table accounts
    add column email text check (length(email) between 3 and 320),
    -- How long finished media are kept when a request does not say; null means what the tier says.
    add column retention_seconds int check (retention_seconds > 0),
    -- Whether finished videos may be used for training. What was agreed to is in `consents`.
    add column training_consent boolean not null default false,
    -- Since when nothing of the account is processed: its data stays, its jobs wait.
    add column processing_limited_at timestamptz,
    -- Whether that is the operator's to end, and not the account's own.
    add column limited_by_operator boolean not null default false,
    -- Until when nothing may be deleted, and why.
    add column hold_reason text check (length(hold_reason) between 1 and 500),
    add column hold_until timestamptz,
    -- What an outside payment provider calls the account. Nothing else about payment is kept.
    add column billing_reference text check (length(billing_reference) between 1 and 200),
    -- Since when its keys are dead and its data goes.
    add column deleted_at timestamptz,
    add constraint accounts_hold check ((hold_reason is null) = (hold_until is null)),
    add constraint accounts_limited check (processing_limited_at is not null or not limited_by_operator),
    add constraint accounts_deleted check (deleted_at is null or processing_limited_at is not null);

create index accounts_hold on accounts (hold_until) where hold_until is not null;
create index accounts_deleted on accounts (deleted_at) where deleted_at is not null;

alter table api_keys
    add column scopes text[] not null default '{videos:read,videos:write,account}'
        check (cardinality(scopes) > 0 and scopes <@ '{videos:read,videos:write,account}'),
    add column expires_at timestamptz,
    -- To the minute.
    add column last_used_at timestamptz;

-- What was agreed to, or taken back, in which words, and when.
create table consents (
    id          uuid primary key,
    account_id  uuid not null references accounts (id) on delete cascade,
    given       boolean not null,
    -- The version of the wording that was shown.
    wording     text not null check (length(wording) between 1 and 100),
    created_at  timestamptz not null default now()
);

create index consents_account on consents (account_id, id);

-- Keys of those who run the service.
create table operator_keys (
    id            uuid primary key,
    name          text not null check (length(name) between 1 and 200),
    lookup        text not null unique,
    hash          bytea not null check (length(hash) = 32),
    created_at    timestamptz not null default now(),
    expires_at    timestamptz,
    last_used_at  timestamptz,
    revoked_at    timestamptz
);

-- Every access of an operator to an account. Nothing is changed here, and nothing removed before its time. No foreign key: it
-- outlives what it tells of.
create table audit_log (
    id          uuid primary key,
    account_id  uuid not null,
    -- Who: the name of an operator's key, or the command line.
    actor       text not null check (length(actor) between 1 and 250),
    action      text not null check (length(action) between 1 and 100),
    -- Which fields or things; never their content.
    detail      text[] not null default '{}',
    created_at  timestamptz not null default now()
);

create index audit_log_account on audit_log (account_id, id);
create index audit_log_age on audit_log (created_at);

create function audit_log_is_append_only() returns trigger
language plpgsql as $$
begin
    if tg_op = 'DELETE' and old.created_at < now() - interval '2 years' then
        return old;
    end if;
    raise exception 'the audit log is append-only for two years';
end
$$;

create trigger audit_log_append_only before update or delete on audit_log for each row execute function audit_log_is_append_only();
create trigger audit_log_no_truncate before truncate on audit_log for each statement execute function audit_log_is_append_only();

create type export_state as enum ('queued', 'in_progress', 'completed', 'failed', 'expired');

-- An archive of all that is held about an account. `due_at` is when it may be taken up (again), and then when it goes.
create table exports (
    id           uuid primary key,
    account_id   uuid not null references accounts (id),
    state        export_state not null default 'queued',
    attempt      int not null default 0,
    due_at       timestamptz not null default now(),
    size_bytes   bigint check (size_bytes > 0),
    created_at   timestamptz not null default now(),
    finished_at  timestamptz,
    expires_at   timestamptz,
    constraint exports_completed check (
        (state in ('completed', 'expired')) = (size_bytes is not null) and (size_bytes is null) = (expires_at is null)),
    constraint exports_finished check ((state in ('queued', 'in_progress')) = (finished_at is null))
);

create index exports_account on exports (account_id, id);
create unique index exports_one_at_a_time on exports (account_id) where state in ('queued', 'in_progress');
create index exports_due on exports (due_at) where state in ('queued', 'in_progress', 'completed');

create type erasure_scope as enum ('account', 'period');
create type erasure_state as enum ('held', 'in_progress', 'completed');

-- A wish to have data deleted, and the receipt for it.
create table erasures (
    id            uuid primary key,
    account_id    uuid not null references accounts (id),
    scope         erasure_scope not null,
    -- Of a period: what was created from this moment on, and before that one.
    from_at       timestamptz,
    until_at      timestamptz,
    state         erasure_state not null,
    -- Shows the receipt to whoever has no key any more.
    token_hash    bytea not null unique check (length(token_hash) = 32),
    due_at        timestamptz not null default now(),
    videos        bigint not null default 0,
    files         bigint not null default 0,
    endpoints     bigint not null default 0,
    keys          bigint not null default 0,
    created_at    timestamptz not null default now(),
    finished_at   timestamptz,
    constraint erasures_period check ((scope = 'period') = (from_at is not null and until_at is not null)),
    constraint erasures_finished check ((state = 'completed') = (finished_at is not null))
);

create index erasures_account on erasures (account_id, id);
create index erasures_due on erasures (due_at) where state <> 'completed';

-- What is left of usage when its time is over: months and tiers, of enough accounts that none shows.
create table usage_statistics (
    month     date not null,
    tier      tier not null,
    accounts  int not null check (accounts >= 5),
    jobs      bigint not null,
    seconds   bigint not null,
    primary key (month, tier)
);

create index usage_age on usage (created_at);

alter table jobs
    -- When its words go, once it has ended without a video.
    add column scrub_at timestamptz,
    -- Since when its words are gone.
    add column scrubbed_at timestamptz,
    -- Whether its record stays until it is deleted.
    add column kept boolean not null default false;

update jobs set kept = true from accounts where accounts.id = account_id and keep_history and finished_at is not null;
create index jobs_scrub on jobs (scrub_at) where scrub_at is not null;
create index jobs_forget on jobs (finished_at) where status in ('failed', 'cancelled', 'expired') and not kept;

-- Whatever a customer wrote goes with the media, or when a job without media has been over for as long; unless the account keeps
-- its history, or the law its data.
create function retain_words() returns trigger
language plpgsql as $$
begin
    select keep_history or coalesce(hold_until > now(), false) into new.kept from accounts where id = new.account_id;
    if new.kept then
        return new;
    end if;
    if new.status = 'expired' then
        new.prompt := '';
        new.negative_prompt := null;
        new.revised_prompt := null;
        new.style := null;
        new.camera := null;
        new.scrubbed_at := now();
    else
        new.scrub_at := now() + make_interval(secs => new.retention_seconds);
    end if;
    return new;
end
$$;

create trigger jobs_retain_words before update of status on jobs for each row
    when (new.status in ('failed', 'cancelled', 'expired') and old.status is distinct from new.status)
    execute function retain_words();

-- As in 0005, and not while nothing of the account is processed.
create or replace function may_queue(account uuid, more bigint) returns boolean
language plpgsql volatile as $$
declare
    most int;
    limited timestamptz;
begin
    -- Who ends the account, or its processing, waits for this submit, or this submit for them: nothing comes after the end.
    select max_queued, processing_limited_at into most, limited from accounts where id = account for key share;
    if limited is not null then
        return false;
    end if;
    if most is null then
        return true;
    end if;
    perform pg_advisory_xact_lock(hashtextextended('queue:' || account, 0));
    return (select count(*) from (
        select from jobs where account_id = account and status = 'queued' limit most
    ) as queued) + more <= most;
end
$$;

-- As in 0005, and not while nothing of the account is processed.
create or replace function may_run(account uuid) returns boolean
language plpgsql volatile as $$
declare
    most int;
    limited timestamptz;
begin
    select max_running, processing_limited_at into most, limited from accounts where id = account;
    if limited is not null then
        return false;
    end if;
    if most is null then
        return true;
    end if;
    if not pg_try_advisory_xact_lock(hashtextextended('run:' || account, 0)) then
        return false;
    end if;
    return (select count(*) from jobs where account_id = account and status = 'in_progress') < most;
end
$$;

-- Nothing new belongs to a deleted account, whoever was about to write it when it was deleted.
create function refuse_deleted_account() returns trigger
language plpgsql as $$
begin
    perform from accounts where id = new.account_id and deleted_at is null for key share;
    if not found then
        raise exception 'the account is deleted' using errcode = 'foreign_key_violation';
    end if;
    return new;
end
$$;

create trigger api_keys_owner before insert on api_keys for each row execute function refuse_deleted_account();
create trigger files_owner before insert on files for each row execute function refuse_deleted_account();
create trigger webhook_endpoints_owner before insert on webhook_endpoints for each row execute function refuse_deleted_account();
create trigger exports_owner before insert on exports for each row execute function refuse_deleted_account();
create trigger consents_owner before insert on consents for each row execute function refuse_deleted_account();

-- Which finished videos may be used for training: those of accounts that agree at this moment, and no others.
create view training_videos as
    select jobs.id, jobs.account_id, jobs.attempt, tier, mode, prompt, width, height, seconds, fps, outputs, finished_at
    from jobs join accounts on accounts.id = account_id
    where jobs.status = 'completed' and training_consent and processing_limited_at is null and deleted_at is null;
