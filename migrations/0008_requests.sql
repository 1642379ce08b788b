-- What clients of several kinds need to say and to find again. Everything here is added beside what there was, so that a worker
-- of the version before goes on working through it.

-- Who is told of a job in which words: the events of Standard Webhooks, or the callbacks of the MiniMax API.
create type webhook_format as enum ('standard', 'minimax');

alter table jobs
    -- The key that submitted it.
    add column api_key_id uuid,
    -- Its name for clients whose ids are numbers: what a JSON number holds exactly everywhere.
    add column number bigint check (number between 1 and 9007199254740991),
    -- The video whose seed and inputs it took over.
    add column remixed_from uuid,
    -- The preset that the prompt was put into.
    add column style text,
    -- The camera moves that were added to the prompt, in brackets.
    add column camera text,
    -- What is drawn when that is not the prompt as it was sent.
    add column revised_prompt text,
    add column webhook_format webhook_format not null default 'standard';

create unique index jobs_number on jobs (number) where number is not null;

alter table usage add column api_key_id uuid;
