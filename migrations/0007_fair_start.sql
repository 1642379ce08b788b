-- As in 0005, but for how the first of a queue is found. The minimum of a column may be taken from any index with the rows;
-- planned while the queue was empty, that was one which had to be read whole. An order by has only one index.
create or replace function fair_start(account uuid, wanted tier, cost double precision) returns double precision
language plpgsql volatile as $$
declare
    clock double precision;
    start double precision;
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
    insert into shares as share (account_id, tier, virtual_finish) values (account, wanted, clock + cost)
    on conflict (account_id, tier) do update
        set virtual_finish = greatest(share.virtual_finish, clock) + cost / share.weight
    returning virtual_finish - cost / weight into start;
    return start;
end
$$;
