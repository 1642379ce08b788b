//! Many callers, one statement: what is asked while a statement is under way goes together in the next one.
//!
//! An idle caller waits for nobody; under load a round trip serves many.

use std::sync::Arc;

use futures::future::BoxFuture;
use sqlx::pool::PoolConnection;
use sqlx::{PgConnection, PgPool, Postgres};
use tokio::sync::{Mutex, MutexGuard, mpsc, oneshot};
use tokio::time::timeout;
use tracing::error;

use crate::db::{self, Error};

/// Batches under way at the same time: one may wait for a slow connection without holding up the rest.
const LANES: usize = 2;

type Call<Q, A> = (Q, oneshot::Sender<A>);
/// What answers questions: as many answers, in their order.
type Statement<Q, A> =
    dyn for<'c> Fn(&'c mut PgConnection, &'c [Q]) -> BoxFuture<'c, Result<Vec<A>, Error>> + Send + Sync;

/// Takes questions one by one and has them answered together.
#[derive(Debug)]
pub struct Batcher<Q, A>(mpsc::Sender<Call<Q, A>>);

impl<Q, A> Clone for Batcher<Q, A> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// The statement that should have answered failed; why is in the log.
#[derive(Debug, thiserror::Error)]
#[error("the database did not answer")]
pub struct Unanswered;

impl<Q: Send + Sync + 'static, A: Send + 'static> Batcher<Q, A> {
    /// A batcher whose `statement` takes up to `most` questions and gives as many answers, in their order. It lives as long as
    /// its last clone and has to be made inside of a runtime.
    pub fn new<F>(pool: PgPool, most: usize, statement: F) -> Self
    where
        F: for<'c> Fn(&'c mut PgConnection, &'c [Q]) -> BoxFuture<'c, Result<Vec<A>, Error>> + Send + Sync + 'static,
    {
        let (calls, queue) = mpsc::channel(most);
        let (queue, statement) = (Arc::new(Mutex::new(queue)), Arc::new(statement));
        for _ in 0..LANES {
            let (queue, statement) = (queue.clone(), statement.clone());
            tokio::spawn(Lane { queue, most, pool: pool.clone(), kept: None, statement }.serve());
        }
        Self(calls)
    }

    /// Waits for the answer to one question.
    pub async fn ask(&self, question: Q) -> Result<A, Unanswered> {
        let (reply, answered) = oneshot::channel();
        self.0.send((question, reply)).await.map_err(|_| Unanswered)?;
        answered.await.map_err(|_| Unanswered)
    }
}

/// One batch after another.
struct Lane<Q, A> {
    queue: Arc<Mutex<mpsc::Receiver<Call<Q, A>>>>,
    most: usize,
    pool: PgPool,
    /// Stays from one batch to the next, since the pool asks each connection that comes back to it whether it lives.
    kept: Option<PoolConnection<Postgres>>,
    statement: Arc<Statement<Q, A>>,
}

impl<Q: Send + Sync + 'static, A: Send + 'static> Lane<Q, A> {
    async fn serve(mut self) {
        while let Some(calls) = self.gather().await {
            let (questions, replies): (Vec<Q>, Vec<_>) = calls.into_iter().unzip();
            match db::within(self.answer(&questions)).await {
                // A reply that nobody waits for any more is no loss.
                Ok(answers) => replies.into_iter().zip(answers).for_each(|(reply, answer)| drop(reply.send(answer))),
                Err(error) => error!(%error, "The database failed"),
            }
        }
    }

    /// The questions of the next batch. None when nobody can ask any more. Meanwhile a connection is kept for a moment only.
    async fn gather(&mut self) -> Option<Vec<Call<Q, A>>> {
        let (mut queue, mut calls) = match timeout(db::FRESH, wait(&self.queue, self.most)).await {
            Ok(waited) => waited,
            Err(_) => {
                self.kept = None;
                wait(&self.queue, self.most).await
            }
        };
        // Whoever is about to ask comes along.
        tokio::task::yield_now().await;
        while calls.len() < self.most
            && let Ok(call) = queue.try_recv()
        {
            calls.push(call);
        }
        (!calls.is_empty()).then_some(calls)
    }

    /// A connection that failed is not kept, nor one that somebody else may be waiting for.
    async fn answer(&mut self, questions: &[Q]) -> Result<Vec<A>, Error> {
        let mut connection = match self.kept.take() {
            Some(kept) => kept,
            None => self.pool.acquire().await?,
        };
        let answers = (self.statement)(&mut connection, questions).await?;
        let others_are_free = self.pool.num_idle() > 0 || self.pool.size() < self.pool.options().get_max_connections();
        self.kept = others_are_free.then_some(connection);
        Ok(answers)
    }
}

/// What has been asked, as soon as there is something. Nothing is lost when the waiting is given up.
async fn wait<T>(queue: &Mutex<mpsc::Receiver<T>>, most: usize) -> (MutexGuard<'_, mpsc::Receiver<T>>, Vec<T>) {
    let (mut queue, mut received) = (queue.lock().await, Vec::new());
    queue.recv_many(&mut received, most).await;
    (queue, received)
}
