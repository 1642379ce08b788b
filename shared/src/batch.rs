//! Many callers, one statement: what is asked while a statement is under way goes together in the next one.
//!
//! An idle caller waits for nobody; under load a round trip serves many.

use std::future::Future;
use std::sync::Arc;

use tokio::sync::{Mutex, mpsc, oneshot};
use tracing::error;

use crate::db;

/// Batches under way at the same time: one may wait for a slow connection without holding up the rest.
const LANES: usize = 2;

type Call<Q, A> = (Q, oneshot::Sender<A>);

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

impl<Q: Send + 'static, A: Send + 'static> Batcher<Q, A> {
    /// A batcher whose `answer` takes up to `most` questions and gives as many answers, in their order. It lives as long as its
    /// last clone and has to be made inside of a runtime.
    pub fn new<F>(most: usize, answer: impl Fn(Vec<Q>) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<Vec<A>, db::Error>> + Send,
    {
        let (calls, queue) = mpsc::channel(most);
        let (queue, answer) = (Arc::new(Mutex::new(queue)), Arc::new(answer));
        for _ in 0..LANES {
            let (queue, answer) = (queue.clone(), answer.clone());
            tokio::spawn(async move { while serve(&queue, most, &*answer).await {} });
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

/// Answers what waits. False when nobody can ask any more.
async fn serve<Q, A, F>(queue: &Mutex<mpsc::Receiver<Call<Q, A>>>, most: usize, answer: &impl Fn(Vec<Q>) -> F) -> bool
where
    F: Future<Output = Result<Vec<A>, db::Error>>,
{
    let mut calls = Vec::new();
    let mut queue = queue.lock().await;
    if queue.recv_many(&mut calls, most).await == 0 {
        return false;
    }
    // Whoever is about to ask comes along.
    tokio::task::yield_now().await;
    while calls.len() < most
        && let Ok(call) = queue.try_recv()
    {
        calls.push(call);
    }
    drop(queue);
    let (questions, replies): (Vec<Q>, Vec<_>) = calls.into_iter().unzip();
    match db::within(answer(questions)).await {
        // A reply that nobody waits for any more is no loss.
        Ok(answers) => replies.into_iter().zip(answers).for_each(|(reply, answer)| drop(reply.send(answer))),
        Err(error) => error!(%error, "The database failed"),
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn questions_that_come_together_are_answered_together_and_each_gets_its_own_answer() {
        let batcher = Batcher::new(8, async |questions: Vec<usize>| {
            tokio::task::yield_now().await;
            let size = questions.len();
            Ok(questions.into_iter().map(|question| (question, size)).collect())
        });
        let mut asked = tokio::task::JoinSet::new();
        for question in 0..32 {
            let batcher = batcher.clone();
            asked.spawn(async move { (question, batcher.ask(question).await.expect("an answer")) });
        }
        let (questions, answers): (Vec<usize>, Vec<(usize, usize)>) = asked.join_all().await.into_iter().unzip();
        assert!(questions.iter().zip(&answers).all(|(question, (answer, _))| question == answer));
        assert!(answers.iter().any(|(_, size)| *size > 1) && answers.iter().all(|(_, size)| *size <= 8));
    }

    #[tokio::test]
    async fn a_statement_that_failed_leaves_its_callers_unanswered_and_serves_the_next() {
        let batcher = Batcher::new(8, async |questions: Vec<bool>| match questions[0] {
            true => Ok(questions),
            false => Err(db::Error::PoolTimedOut),
        });
        assert!(batcher.ask(false).await.is_err());
        assert!(batcher.ask(true).await.is_ok());
    }
}
