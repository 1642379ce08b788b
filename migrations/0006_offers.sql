-- What a worker's engine can render in a tier, when that is less than the tier accepts: see shared/src/offer.rs.
alter table workers add column offer jsonb;
