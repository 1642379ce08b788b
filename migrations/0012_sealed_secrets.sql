-- Secrets may be sealed: what is stored is then longer than the secret. Up to 64 bytes are a secret as it is.
alter table accounts
    drop constraint accounts_webhook_secret_check,
    add constraint accounts_webhook_secret_check check (length(webhook_secret) between 24 and 512);

alter table webhook_endpoints
    drop constraint webhook_endpoints_secret_check,
    add constraint webhook_endpoints_secret_check check (length(secret) between 24 and 512),
    drop constraint webhook_endpoints_previous_secret_check,
    add constraint webhook_endpoints_previous_secret_check check (length(previous_secret) between 24 and 512);
