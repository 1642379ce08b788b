-- Renders that go on in a model server, outside of the worker that has their job.

-- {"server", "id"}: where the render of this job goes on and what it is called there. Whoever takes the job up next, and
-- reaches that server, asks for it before starting another.
alter table jobs add column remote jsonb check (jsonb_typeof(remote) = 'object');

-- Which process of the operating system a worker is, so that a later one on the same machine can tell whether it still lives.
alter table worker_processes
    -- The boot and the namespace in which the number means this process.
    add column machine      text,
    add column pid          integer,
    -- Ticks from the boot to its start: a number that was given out again has another.
    add column pid_started  bigint;

-- `occupied`: its GPU is busy with a render that nobody wants any more and that cannot be stopped.
alter table worker_processes drop constraint worker_processes_state_check;
alter table worker_processes add constraint worker_processes_state_check
    check (state in ('warming_up', 'ready', 'occupied', 'stopping'));
