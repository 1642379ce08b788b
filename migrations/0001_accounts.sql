create type tier as enum ('fast', 'pro');

-- Who owns what. Everything that a request can reach carries an account.
create table accounts (
    id              uuid primary key,
    name            text not null check (length(name) between 1 and 200),
    -- Signs every webhook of this account (Standard Webhooks, HMAC-SHA256).
    webhook_secret  bytea not null check (length(webhook_secret) between 24 and 64),
    -- On: source images stay until the video is deleted. Off: they go as soon as the job has ended.
    keep_history    boolean not null default false,
    created_at      timestamptz not null default now()
);

-- A key is found by its public part and proved by the hash of the whole.
create table api_keys (
    id           uuid primary key,
    account_id   uuid not null references accounts (id) on delete cascade,
    name         text not null check (length(name) between 1 and 200),
    lookup       text not null unique,
    hash         bytea not null check (length(hash) = 32),
    created_at   timestamptz not null default now(),
    revoked_at   timestamptz
);

create index api_keys_account on api_keys (account_id);

-- Fair queuing: where an account's last job of a tier ends in virtual time, and how fast its time runs.
create table shares (
    account_id      uuid not null references accounts (id) on delete cascade,
    tier            tier not null,
    virtual_finish  double precision not null default 0,
    weight          double precision not null default 1 check (weight > 0),
    primary key (account_id, tier)
)
with (fillfactor = 70);
