-- Places in the fair queue for many jobs at once, in the order in which they are given: the clock is read once, and each
-- account's share of a tier is written once. As in 0005 but for that, and for how the first of a queue is found: the minimum of
-- a column may be taken from any index with the rows, and planned while the queue was empty, that was one which had to be read
-- whole. An order by has only one index.
create function fair_starts(ids uuid[], owners uuid[], tiers tier[], costs double precision[])
returns table (job_id uuid, fair_start double precision)
language plpgsql volatile as $$
declare
    clock double precision;
begin
    clock := coalesce(
        (select max(virtual_start) from jobs where status = 'in_progress'),
        (
            select min(head) from unnest(enum_range(null::tier)) as every (tier) cross join lateral (
                select virtual_start as head from jobs
                where status = 'queued' and jobs.tier = every.tier and virtual_start < 'infinity'
                order by virtual_start, id limit 1
            ) as heads
        ),
        (select max(virtual_finish) from shares),
        0
    );
    return query
    with wish as materialized (
        select * from unnest(ids, owners, tiers, costs) with ordinality as wish (id, account_id, tier, cost, place)
    ),
    charged as (
        insert into shares as share (account_id, tier, virtual_finish)
        -- In one order, so that no two statements wait for each other.
        select account_id, tier, clock + sum(cost) from wish group by account_id, tier order by account_id, tier
        on conflict (account_id, tier) do update
            set virtual_finish = greatest(share.virtual_finish, clock) + (excluded.virtual_finish - clock) / share.weight
        returning account_id, tier, virtual_finish, weight
    )
    -- Each starts where what comes after it, and itself, has yet to be served.
    select id, virtual_finish - sum(cost) over (partition by account_id, tier order by place desc) / weight
    from wish join charged using (account_id, tier);
end
$$;

-- For workers of the version before.
create or replace function fair_start(account uuid, wanted tier, cost double precision) returns double precision
language sql volatile as $$
    select fair_start from fair_starts(array[gen_random_uuid()], array[account], array[wanted], array[cost])
$$;
