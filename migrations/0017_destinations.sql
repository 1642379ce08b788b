-- Buckets of the customers' own, and finished files that go there. Everything here is added beside what there was, so that a worker
-- of the version before goes on working through it; what it cannot deliver it cannot complete, and another worker does.

create table destinations (
    id             uuid primary key,
    account_id     uuid not null references accounts (id) on delete cascade,
    name           text not null check (length(name) between 1 and 64),
    bucket         text not null check (length(bucket) between 3 and 63),
    region         text not null check (length(region) between 1 and 64),
    -- The S3 server's address; null means AWS itself.
    endpoint       text check (length(endpoint) between 1 and 2048),
    prefix         text not null default '' check (length(prefix) <= 512),
    path_style     boolean not null default false,
    -- Whoever writes there: a pair of keys, or a role that we may take on.
    access_key_id  text check (length(access_key_id) between 1 and 256),
    secret         bytea check (length(secret) between 1 and 1024),
    role_arn       text check (length(role_arn) between 1 and 2048),
    created_at     timestamptz not null default now(),
    updated_at     timestamptz not null default now(),
    constraint destinations_identity check (
        (access_key_id is null) = (secret is null) and (secret is null) <> (role_arn is null)),
    constraint destinations_name unique (account_id, name),
    constraint destinations_owner unique (account_id, id)
);

create trigger destinations_owner before insert on destinations for each row execute function refuse_deleted_account();

alter table jobs
    -- Where the finished files go, as it may be shown: a destination's name or a host, and whether they stay with us too.
    add column delivery jsonb check (jsonb_typeof(delivery) = 'object'),
    -- The way there, until the job has ended: the account's destination, or an address that whoever has it may write to.
    add column destination_id uuid,
    add column upload_url bytea check (length(upload_url) between 1 and 4096),
    add column delivered_at timestamptz,
    add constraint jobs_destination foreign key (account_id, destination_id) references destinations (account_id, id),
    add constraint jobs_recipient check (
        num_nonnulls(destination_id, upload_url) <= case when delivery is null then 0 else 1 end),
    -- Completed means delivered.
    add constraint jobs_delivered check (
        (delivered_at is not null) = (delivery is not null and status in ('completed', 'expired')));

create index jobs_destination on jobs (account_id, destination_id) where destination_id is not null;
create index jobs_upload_url on jobs (id) where upload_url is not null;

-- However a job ends, whoever ends it: nobody needs the way there any more.
create function forget_recipient() returns trigger
language plpgsql as $$
begin
    new.destination_id := null;
    new.upload_url := null;
    return new;
end
$$;

create trigger jobs_forget_recipient before update of status on jobs for each row
    when (new.delivery is not null and new.status not in ('queued', 'in_progress'))
    execute function forget_recipient();

-- As in 0011, and only what is kept here.
create or replace view training_videos as
    select jobs.id, jobs.account_id, jobs.attempt, tier, mode, prompt, width, height, seconds, fps, outputs, finished_at
    from jobs join accounts on accounts.id = account_id
    where jobs.status = 'completed' and training_consent and processing_limited_at is null and deleted_at is null
        and coalesce((delivery ->> 'keep')::boolean, true);
