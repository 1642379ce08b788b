-- Images that customers put up before they submit, and how an image of another shape comes into a video.

create type file_state as enum ('pending', 'ready');
create type file_purpose as enum ('video_input', 'vision', 'user_data');

-- A file may serve any number of jobs; each takes a copy of its own.
create table files (
    id              uuid primary key,
    account_id      uuid not null references accounts (id),
    purpose         file_purpose not null,
    file_name       text not null check (length(file_name) between 1 and 255),
    content_type    text not null,
    size_bytes      int not null check (size_bytes > 0),
    state           file_state not null default 'pending',
    -- What was found in it: the name of its object below ACCOUNT/files/FILE/ in the store, and its size in pixels.
    object          text,
    width           int check (width > 0),
    height          int check (height > 0),
    created_at      timestamptz not null default now(),
    expires_at      timestamptz not null,
    -- Until then somebody may be storing something for it.
    writable_until  timestamptz not null,
    -- When it goes by itself: a file that waits for its content when none can come any more.
    due_at          timestamptz not null generated always as (case state when 'ready' then expires_at else writable_until end) stored,

    constraint files_ready check ((state = 'ready') = (object is not null and width is not null and height is not null))
);

create index files_account on files (account_id, id);
create index files_due on files (due_at);

create type image_fit as enum ('crop', 'pad', 'stretch', 'reject');

alter table jobs add column fit image_fit not null default 'crop';
