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
use crate::jobs::watch::Watchers;

/// Rung when a job can be claimed.
pub(crate) const QUEUED: &str = "clipmill_queued";
/// Rung when a webhook is due.
pub(crate) const OUTBOX: &str = "clipmill_outbox";
/// Rung with a job's id when whoever works on it should look whether the lease still holds.
pub(crate) const HALT: &str = "clipmill_halt";

/// Rung with the ids of jobs that have changed, parted by spaces.
pub(crate) const CHANGED: &str = "clipmill_changed";

const RECONNECT_PAUSE: Duration = Duration::from_secs(1);

/// The bells of one process. Cloned cheaply; every clone hears the same.
#[derive(Debug, Clone)]
pub struct Bells {
    channels: &'static [&'static str],
    queued: watch::Sender<()>,
    outbox: watch::Sender<()>,
    halt: broadcast::Sender<Option<JobId>>,
    moved: watch::Sender<()>,
    watchers: Watchers,
}

impl Bells {
    /// What a process hears that works.
    pub fn of_work() -> Self {
        Self::on(&[QUEUED, OUTBOX, HALT])
    }

    /// What a process hears whose clients wait for their jobs.
    pub fn of_waiting() -> Self {
        Self::on(&[CHANGED, HALT])
    }

    fn on(channels: &'static [&'static str]) -> Self {
        Self {
            channels,
            queued: watch::Sender::new(()),
            outbox: watch::Sender::new(()),
            halt: broadcast::Sender::new(256),
            moved: watch::Sender::new(()),
            watchers: Watchers::default(),
        }
    }

    /// Who waits for which job here.
    pub fn watchers(&self) -> &Watchers {
        &self.watchers
    }

    /// Changes whenever some job was taken up or ended, so that others may have come forward in the queue.
    pub fn moved(&self) -> watch::Receiver<()> {
        self.moved.subscribe()
    }

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
        listener.listen_all(self.channels.iter().copied()).await?;
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
        self.moved.send_replace(());
        self.watchers.changed_all();
    }

    /// Wakes those who wait for these jobs, or for others to come forward.
    fn changed(&self, payload: &str) {
        for job in payload.split(' ').filter_map(|id| Uuid::try_parse(id).ok()) {
            self.watchers.changed(job.into());
        }
        self.moved.send_replace(());
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
                self.changed(payload);
            }
            CHANGED => self.changed(payload),
            _ => {}
        }
    }
}

/// Tells all processes which jobs have changed, after the commits that changed them, many with one ring. What is lost with this
/// process is found by those who wait when they look again.
#[derive(Debug, Clone)]
pub struct Announcer(mpsc::Sender<JobId>);

impl Announcer {
    /// An announcer that lives as long as its last clone. Has to be made inside of a runtime.
    pub fn new(pool: PgPool) -> Self {
        let (wishes, mut wished) = mpsc::channel(2 * RING_MOST);
        tokio::spawn(async move {
            let mut jobs = Vec::new();
            while wished.recv_many(&mut jobs, RING_MOST).await > 0 {
                let payload: Vec<String> = jobs.drain(..).map(|job: JobId| job.uuid().simple().to_string()).collect();
                if let Err(error) = db::within(announce(&pool, &payload.join(" "))).await {
                    warn!(%error, "Could not tell those who wait for jobs, they will look by themselves");
                }
                tokio::time::sleep(RING_PAUSE).await;
            }
        });
        Self(wishes)
    }

    /// Tells those who wait for this job that it has changed.
    pub fn changed(&self, job: JobId) {
        let _ = self.0.try_send(job);
    }
}

/// Jobs that one ring names at most: a payload has less than 8000 bytes.
pub(crate) const RING_MOST: usize = 200;
/// What changes meanwhile shares the next ring.
const RING_PAUSE: Duration = Duration::from_millis(20);

async fn announce(pool: &PgPool, payload: &str) -> Result<(), sqlx::Error> {
    ring_alone(&mut *pool.acquire().await?, CHANGED, payload).await
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
        && ring_alone(&mut connection, QUEUED, "").await.is_ok()
    {
        return Ok(connection);
    }
    let mut connection = pool.acquire().await?;
    ring_alone(&mut connection, QUEUED, "").await?;
    Ok(connection)
}

/// A ring with a commit of its own that waits for no disk: there is nothing in it that a crash could lose.
async fn ring_alone(connection: &mut PgConnection, channel: &str, payload: &str) -> Result<(), sqlx::Error> {
    sqlx::query!("select set_config('synchronous_commit', 'off', true), pg_notify($1, $2)", channel, payload)
        .fetch_one(connection)
        .await
        .map(drop)
}

/// Rings a bell when the surrounding transaction commits.
pub(crate) async fn ring(tx: &mut PgConnection, channel: &str, payload: &str) -> Result<(), sqlx::Error> {
    sqlx::query!("select pg_notify($1, $2)", channel, payload).execute(tx).await.map(drop)
}
