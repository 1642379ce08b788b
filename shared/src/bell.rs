//! `LISTEN`/`NOTIFY`: one connection a process that wakes whoever waits for work.
//!
//! A bell carries no truth. Whoever hears it looks at the ledger; whoever misses it looks a little later anyway.

use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::PgListener;
use sqlx::{PgConnection, PgPool, Postgres};
use tokio::sync::{broadcast, mpsc, watch};
use tokio_util::sync::CancellationToken;
use tracing::warn;
use uuid::Uuid;

use crate::db;
use crate::id::JobId;

/// Rung when a job can be claimed.
pub(crate) const QUEUED: &str = "clipmill_queued";
/// Rung when a webhook is due.
pub(crate) const OUTBOX: &str = "clipmill_outbox";
/// Rung with a job's id when whoever works on it should look whether the lease still holds.
pub(crate) const HALT: &str = "clipmill_halt";

const RECONNECT_PAUSE: Duration = Duration::from_secs(1);

/// The bells of one process. Cloned cheaply; every clone hears the same.
#[derive(Debug, Clone)]
pub struct Bells {
    queued: watch::Sender<()>,
    outbox: watch::Sender<()>,
    halt: broadcast::Sender<Option<JobId>>,
}

impl Default for Bells {
    fn default() -> Self {
        Self { queued: watch::Sender::new(()), outbox: watch::Sender::new(()), halt: broadcast::Sender::new(256) }
    }
}

impl Bells {
    /// Changes whenever a job can be claimed.
    pub fn queued(&self) -> watch::Receiver<()> {
        self.queued.subscribe()
    }

    /// Changes whenever a webhook is due.
    pub fn outbox(&self) -> watch::Receiver<()> {
        self.outbox.subscribe()
    }

    /// Names the jobs whose workers should look at their lease; `None` means all of them.
    pub fn halt(&self) -> broadcast::Receiver<Option<JobId>> {
        self.halt.subscribe()
    }

    /// Wakes whoever waits for a job in this process.
    pub fn ring_queued(&self) {
        self.queued.send_replace(());
    }

    /// Listens until `stop`, reconnecting for as long as it takes. After each connect every bell is rung once,
    /// for what was missed meanwhile.
    pub async fn listen(&self, pool: &PgPool, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            tokio::select! {
                () = stop.cancelled() => return,
                ended = self.hear(pool) => if let Err(error) = ended {
                    warn!(%error, "Lost the connection that listens for notifications, polling until it is back");
                },
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(RECONNECT_PAUSE) => {}
            }
        }
    }

    async fn hear(&self, pool: &PgPool) -> Result<(), sqlx::Error> {
        let mut listener = PgListener::connect_with(pool).await?;
        listener.listen_all([QUEUED, OUTBOX, HALT]).await?;
        loop {
            self.ring_all();
            // `None` says that the connection was lost and is being made anew: ring everything once.
            while let Some(notification) = listener.try_recv().await? {
                self.ring(notification.channel(), notification.payload());
            }
        }
    }

    fn ring_all(&self) {
        self.queued.send_replace(());
        self.outbox.send_replace(());
        let _ = self.halt.send(None);
    }

    fn ring(&self, channel: &str, payload: &str) {
        match channel {
            QUEUED => self.queued.send_replace(()),
            OUTBOX => self.outbox.send_replace(()),
            HALT => {
                if let Ok(job) = Uuid::try_parse(payload) {
                    // No receiver means that nothing renders here.
                    let _ = self.halt.send(Some(job.into()));
                }
            }
            _ => {}
        }
    }
}

/// Tells all processes that a job can be claimed, after the commit that made it so.
///
/// A NOTIFY inside of a transaction makes the commits of the whole server wait for each other. So the submits of a process
/// commit first and then share the next ring; should the process die in between, whoever waits looks by itself.
#[derive(Debug, Clone)]
pub struct Ringer(mpsc::Sender<()>);

impl Ringer {
    /// A ringer that lives as long as its last clone. Has to be made inside of a runtime.
    pub fn new(pool: PgPool) -> Self {
        let (wishes, mut wished) = mpsc::channel(1);
        tokio::spawn(async move {
            // Kept while it works: to be given out anew, a connection is first asked whether it lives.
            let mut connection = None;
            while wished.recv().await.is_some() {
                let idle = connection.take();
                match db::within(ring_queued(&pool, idle)).await {
                    Ok(used) => connection = Some(used),
                    Err(error) => {
                        warn!(%error, "Could not tell the workers of a new job, they will look by themselves")
                    }
                }
            }
        });
        Self(wishes)
    }

    /// Wishes for a ring. One that is about to be rung serves this wish too.
    pub fn queued(&self) {
        let _ = self.0.try_send(());
    }
}

type Connection = PoolConnection<Postgres>;

/// Rings on this connection, or on a new one if it has died meanwhile. Gives back the one that worked.
async fn ring_queued(pool: &PgPool, idle: Option<Connection>) -> Result<Connection, sqlx::Error> {
    if let Some(mut connection) = idle
        && ring_alone(&mut connection).await.is_ok()
    {
        return Ok(connection);
    }
    let mut connection = pool.acquire().await?;
    ring_alone(&mut connection).await?;
    Ok(connection)
}

/// A ring with a commit of its own that waits for no disk: there is nothing in it that a crash could lose.
async fn ring_alone(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query!("select set_config('synchronous_commit', 'off', true), pg_notify($1, '')", QUEUED)
        .fetch_one(connection)
        .await
        .map(drop)
}

/// Rings a bell when the surrounding transaction commits.
pub(crate) async fn ring(tx: &mut PgConnection, channel: &str, payload: &str) -> Result<(), sqlx::Error> {
    sqlx::query!("select pg_notify($1, $2)", channel, payload).execute(tx).await.map(drop)
}
