//! The former self of a worker: processes of its name on its machine that were killed. Renders of theirs that go on in a model
//! server are taken up again at once, not when their lease has lapsed.

use std::sync::{Mutex, PoisonError};

use clipmill_shared::db;
use clipmill_shared::fleet::{self, process};
use clipmill_shared::jobs::lease::{self, Lease};
use clipmill_shared::tier::Tier;
use tracing::{info, warn};

use crate::env::Env;
use crate::identity;

/// The names of dead processes that may still have jobs.
#[derive(Debug, Default)]
pub(crate) struct Former(Mutex<Vec<String>>);

impl Former {
    fn names(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, names: Vec<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = names;
    }
}

/// Looks for them, once at the start. One that lives is left alone: two workers may have one name, on one machine too.
pub(crate) async fn find(env: &Env) {
    let Some(own) = &env.identity else { return };
    let known = match db::within(process::of_machine(&env.pool, &env.config.name, &own.machine)).await {
        Ok(known) => known,
        // Their leases will lapse.
        Err(error) => return warn!(%error, "Could not look for processes that this one comes after"),
    };
    let dead = known.into_iter().filter(|(_, identity)| !identity::is_alive(identity));
    env.former.set(dead.map(|(name, _)| name).collect());
}

/// Takes over the next job of theirs whose render goes on elsewhere, if there is one.
pub(crate) async fn reclaim(env: &Env, tiers: &[Tier]) -> Result<Option<Lease>, db::Error> {
    let former = env.former.names();
    if former.is_empty() {
        return Ok(None);
    }
    let taken = db::within(lease::reclaim(&env.pool, &former, tiers, &env.name, env.config.lease())).await?;
    match &taken {
        Some(lease) => info!(job.id = %lease.job().id, "Takes over the job of a process that this one comes after"),
        None => {
            // They have nothing left: nobody shall expect anything of them.
            for name in &former {
                db::within(fleet::leave(&env.pool, name)).await?;
                db::within(process::leave(&env.pool, name)).await?;
            }
            env.former.set(Vec::new());
        }
    }
    Ok(taken)
}
