create type job_status as enum ('queued', 'in_progress', 'completed', 'failed', 'cancelled', 'expired');
create type job_mode as enum ('text_to_video', 'image_to_video');

-- The ledger: one row is the truth of a job.
create table jobs (
    id                 uuid primary key,
    account_id         uuid not null references accounts (id),
    status             job_status not null default 'queued',

    -- The wish.
    tier               tier not null,
    mode               job_mode not null,
    model              text not null,
    prompt             text not null,
    negative_prompt    text,
    width              int not null check (width between 2 and 8192 and width % 2 = 0),
    height             int not null check (height between 2 and 8192 and height % 2 = 0),
    seconds            int not null check (seconds > 0),
    fps                int not null check (fps > 0),
    seed               bigint not null check (seed >= 0),
    -- File names of the source images below ACCOUNT/JOB/source/ in the store.
    first_frame        text,
    last_frame         text,
    metadata           jsonb not null default '{}' check (jsonb_typeof(metadata) = 'object'),
    webhook_url        text,
    retention_seconds  int not null check (retention_seconds > 0),
    idempotency_key    text,
    fingerprint        bytea not null,

    -- The queue. `attempt` only ever grows: it fences every write of a worker and names its objects.
    -- `released` counts the attempts that were given back and are not held against the job.
    virtual_start      double precision not null,
    run_at             timestamptz not null default now(),
    attempt            int not null default 0,
    released           int not null default 0,
    max_attempts       int not null default 3,
    lease_until        timestamptz,
    worker             text,
    progress           smallint not null default 0 check (progress between 0 and 100),

    -- Moments.
    created_at         timestamptz not null default now(),
    started_at         timestamptz,
    finished_at        timestamptz,
    expires_at         timestamptz,

    -- What came of it.
    outputs            jsonb,
    error_code         text,
    error_message      text,

    constraint jobs_attempts check (attempt >= 0 and released >= 0 and attempt - released between 0 and max_attempts),
    constraint jobs_lease check ((status = 'in_progress') = (lease_until is not null)),
    constraint jobs_finish check ((status in ('queued', 'in_progress')) = (finished_at is null)),
    constraint jobs_error check ((status = 'failed') = (error_code is not null and error_message is not null)),
    constraint jobs_outputs check ((status = 'completed') = (outputs is not null)),
    constraint jobs_expiry check ((status in ('completed', 'expired')) = (expires_at is not null)),
    constraint jobs_images check ((mode = 'image_to_video') = (first_frame is not null or last_frame is not null))
)
-- Room in each page for the writes that touch no index: progress and lease renewal stay HOT.
with (fillfactor = 70);

create unique index jobs_idempotency on jobs (account_id, idempotency_key) where idempotency_key is not null;
create index jobs_claim on jobs (tier, virtual_start, id) where status = 'queued';
create index jobs_running on jobs (virtual_start) where status = 'in_progress';
create index jobs_account on jobs (account_id, id);

-- What was rendered, kept when the video is deleted. One row a job, so nothing is counted twice.
create table usage (
    job_id      uuid primary key,
    account_id  uuid not null references accounts (id),
    tier        tier not null,
    width       int not null,
    height      int not null,
    seconds     int not null,
    created_at  timestamptz not null default now()
);

create index usage_account on usage (account_id, created_at);
