-- A visible mark on videos. An account that says nothing has none; a worker of the version before renders on, without it.

alter table accounts
    -- What its mark looks like, if that is not the service's own.
    add column watermark jsonb check (jsonb_typeof(watermark) = 'object'),
    -- The PNG of it, if it is no text.
    add column watermark_image bytea check (length(watermark_image) <= 262144),
    -- Whether each of its videos has to carry a mark.
    add column watermark_required boolean not null default false,
    add constraint accounts_watermark check ((watermark_image is not null) = coalesce(watermark ? 'image', false));

-- The mark as it was when the job was submitted; its PNG, if it has one, lies beside the job's source images.
alter table jobs add column watermark jsonb check (jsonb_typeof(watermark) = 'object');

-- As in 0011, and the words of a mark go too.
create or replace function retain_words() returns trigger
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
        new.watermark := jsonb_set(new.watermark, '{text}', '""', false);
        new.scrubbed_at := now();
    else
        new.scrub_at := now() + make_interval(secs => new.retention_seconds);
    end if;
    return new;
end
$$;
