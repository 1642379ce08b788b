-- Limits of others that all workers keep together, each by a bucket of one token.

create table upstream_buckets (
    -- Whose limit it is: what the other service knows us by, as a hash.
    key          text primary key,
    -- How many tokens there were at `refilled_at`.
    tokens       double precision not null check (tokens between 0 and 1),
    refilled_at  timestamptz not null default now()
);
