-- What a customer chooses of the finished file, and what the fleet can make of it. A job of the version before has the defaults,
-- and a worker of the version before encodes what it always has.

alter table jobs add column output_options jsonb not null default '{}' check (jsonb_typeof(output_options) = 'object');

-- The codecs that a worker found an encoder for.
alter table workers add column codecs text[] not null default '{h264}';
