-- What there is to know of the machines that render, and what operators have said to them.

-- One row a worker process, beside the rows of what it serves in `workers`. It goes when the process ends in order; that of one
-- which fell silent stays for a day, to be seen.
create table worker_processes (
    -- Unique for each start: the configured name and something of its own.
    name        text primary key,
    host        text not null,
    version     text not null,
    state       text not null check (state in ('warming_up', 'ready', 'stopping')),
    -- [{"tier", "engine", "model"}]
    engines     jsonb not null,
    -- {"h264": "libx264"}
    encoders    jsonb not null,
    -- [{"name", "memory_bytes", "memory_used_bytes", "utilization_percent", "temperature_celsius"}]
    gpus        jsonb not null,
    started_at  timestamptz not null default now(),
    seen_at     timestamptz not null default now()
)
with (fillfactor = 50);

-- Workers that shall take no job, by the name of one process or by the configured name of several.
create table drains (
    name        text primary key check (length(name) between 1 and 200),
    drained_by  text not null,
    drained_at  timestamptz not null default now()
);

-- Tiers of which no job shall be taken.
create table paused_tiers (
    tier       tier primary key,
    paused_by  text not null,
    paused_at  timestamptz not null default now()
);

-- Since when the current attempt has been under way.
alter table jobs add column claimed_at timestamptz;
