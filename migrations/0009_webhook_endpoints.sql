-- Webhook endpoints of an account, beside the `webhook_url` of a single job. Everything here is added beside what there was, so
-- that a worker of the version before goes on working through it.

create type endpoint_disabled_reason as enum ('gone', 'failing', 'requested');

-- Where an account wants to be told, and of what.
create table webhook_endpoints (
    id               uuid primary key,
    account_id       uuid not null references accounts (id) on delete cascade,
    name             text not null check (length(name) between 1 and 200),
    url              text not null check (length(url) between 1 and 2048),
    -- Kinds of events; null means all, also those that are yet to come.
    event_types      text[] check (cardinality(event_types) > 0),
    -- Signs what is sent here. After a rotation the previous one signs too, until its time is over.
    secret           bytea not null check (length(secret) between 24 and 64),
    previous_secret  bytea check (length(previous_secret) between 24 and 64),
    previous_until   timestamptz,
    -- Since when there was no success; null while the last try was one.
    failing_since    timestamptz,
    disabled_at      timestamptz,
    disabled_reason  endpoint_disabled_reason,
    created_at       timestamptz not null default now(),
    updated_at       timestamptz not null default now(),
    constraint webhook_endpoints_previous check ((previous_secret is null) = (previous_until is null)),
    constraint webhook_endpoints_disabled check ((disabled_at is null) = (disabled_reason is null))
)
with (fillfactor = 70);

create index webhook_endpoints_account on webhook_endpoints (account_id, id);

-- An event is about a job or about an endpoint.
alter table events
    alter column job_id drop not null,
    add column endpoint_id uuid references webhook_endpoints (id) on delete cascade,
    add constraint events_subject check (num_nonnulls(job_id, endpoint_id) = 1);

create index events_account on events (account_id, created_at, id);
create index events_endpoint on events (endpoint_id) where endpoint_id is not null;
create index events_jobless on events (created_at) where job_id is null;

-- A delivery to an endpoint names no account, since the endpoint has one. So a worker of the version before, which would sign
-- it with the account's secret, finds no account for it and passes it by.
alter table deliveries
    alter column account_id drop not null,
    add column endpoint_id uuid references webhook_endpoints (id) on delete cascade,
    -- The attempt after which the retry schedule began, since a replay begins it anew.
    add column first_attempt int not null default 0,
    add constraint deliveries_owner check ((account_id is null) = (endpoint_id is not null));

create unique index deliveries_endpoint_event on deliveries (endpoint_id, event_id) where endpoint_id is not null;
create index deliveries_endpoint on deliveries (endpoint_id, id) where endpoint_id is not null;

-- The log: what was sent to endpoints and what they said. Signatures and secrets are no part of it.
create table delivery_attempts (
    delivery_id      uuid not null references deliveries (id) on delete cascade,
    attempt          int not null,
    started_at       timestamptz not null,
    duration_ms      int not null check (duration_ms >= 0),
    -- HTTP status of the answer, or a word for why there was none.
    status           int,
    error            text,
    url              text not null,
    request_headers  jsonb not null,
    request_body     text not null check (octet_length(request_body) <= 2048),
    response_body    text check (octet_length(response_body) <= 2048),
    primary key (delivery_id, attempt),
    constraint delivery_attempts_end check (num_nonnulls(status, error) = 1)
);

create index delivery_attempts_age on delivery_attempts (started_at);

alter table delivery_attempts set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);

-- A UUID of version 7: milliseconds, then chance.
create function uuid_v7() returns uuid
language sql volatile as $$
    select encode(set_bit(set_bit(overlay(
        uuid_send(gen_random_uuid())
        placing substring(int8send(floor(extract(epoch from clock_timestamp()) * 1000)::bigint) from 3) from 1 for 6
    ), 52, 1), 53, 1), 'hex')::uuid
$$;

-- Whoever writes an event, also a worker of the version before, wishes to tell every endpoint that takes its kind. An endpoint
-- that is being deleted is waited for and then passed by.
create function tell_endpoints() returns trigger
language plpgsql as $$
begin
    -- Most accounts have no endpoint, and to begin an insert of nothing costs more than to look.
    if not exists (select from webhook_endpoints where account_id = new.account_id) then
        return null;
    end if;
    insert into deliveries (id, endpoint_id, event_id, url)
    select uuid_v7(), id, new.id, url from webhook_endpoints
    where account_id = new.account_id and disabled_at is null and new.kind <> 'video.in_progress'
        and (event_types is null or new.kind = any(event_types))
    for key share;
    if found then
        perform pg_notify('clipmill_outbox', '');
    end if;
    return null;
end
$$;

create trigger events_tell_endpoints after insert on events for each row execute function tell_endpoints();
