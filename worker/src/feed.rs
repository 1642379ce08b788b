//! The ledger as an apalis backend: work is fetched when a worker is ready for it, and given back when it stops.
//!
//! A database that is away makes a fetch wait, never end: the worker outlives it.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use apalis_core::backend::finalize::Ephemeral;
use apalis_core::backend::{Backend, BackendConfig};
use apalis_core::task::Task;
use apalis_core::task::builder::TaskBuilder;
use apalis_core::task::task_id::{RandomId, TaskId};
use apalis_core::worker::context::WorkerContext;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Where work comes from.
pub(crate) trait Source: Send + Sync + 'static {
    /// One piece of it.
    type Item: Send + 'static;

    /// Waits until there is work and takes it. Comes back empty only once `stop` says so.
    fn fetch(&self, stop: &CancellationToken) -> impl Future<Output = Vec<Self::Item>> + Send;

    /// Gives back what was taken and will not be worked on.
    fn give_back(&self, items: Vec<Self::Item>) -> impl Future<Output = ()> + Send;
}

/// An apalis backend over a [`Source`].
pub(crate) struct Feed<S: Source> {
    source: Arc<S>,
    taken: VecDeque<S::Item>,
    fetching: Option<JoinHandle<Vec<S::Item>>>,
    closing: Option<BoxFuture<'static, ()>>,
    stop: CancellationToken,
}

impl<S: Source> Feed<S> {
    /// A feed of what `source` has, until `stop`.
    pub(crate) fn new(source: Arc<S>, stop: &CancellationToken) -> Self {
        Self { source, taken: VecDeque::new(), fetching: None, closing: None, stop: stop.child_token() }
    }

    /// The fetch runs in a task of its own: while a worker drains, its backend is not polled, and what is taken in that
    /// moment has to be given back all the same.
    fn poll_fetch(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let (source, stop) = (&self.source, &self.stop);
        let fetching = self.fetching.get_or_insert_with(|| tokio::spawn(fetch(source.clone(), stop.clone())));
        let items = ready!(fetching.poll_unpin(cx));
        self.fetching = None;
        // A fetch that panicked has taken nothing that its lease would not bring back.
        self.taken.extend(items.unwrap_or_default());
        Poll::Ready(())
    }
}

async fn fetch<S: Source>(source: Arc<S>, stop: CancellationToken) -> Vec<S::Item> {
    let items = source.fetch(&stop).await;
    if !stop.is_cancelled() {
        return items;
    }
    source.give_back(items).await;
    Vec::new()
}

impl<S: Source> Backend for Feed<S> {
    type Task = Task<S::Item>;
    type Error = Infallible;

    fn poll_ready(&mut self, _: &mut Context<'_>, _: &WorkerContext) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn poll_next(&mut self, cx: &mut Context<'_>, _: &WorkerContext) -> Poll<Option<Result<Self::Task, Infallible>>> {
        while self.taken.is_empty() {
            if self.stop.is_cancelled() && self.fetching.is_none() {
                return Poll::Ready(None);
            }
            ready!(self.poll_fetch(cx));
        }
        Poll::Ready(
            self.taken
                .pop_front()
                .map(|item| Ok(TaskBuilder::new(item).task_id(TaskId::from_string(RandomId::default())).build())),
        )
    }

    /// Lets a fetch in flight come to its end, so that nothing is taken and forgotten, and gives everything back.
    fn poll_close(&mut self, cx: &mut Context<'_>, _: &WorkerContext) -> Poll<Result<(), Infallible>> {
        self.stop.cancel();
        if self.closing.is_none() {
            if self.fetching.is_some() {
                ready!(self.poll_fetch(cx));
            }
            let (source, items) = (self.source.clone(), self.taken.drain(..).collect());
            self.closing = Some(async move { source.give_back(items).await }.boxed());
        }
        match &mut self.closing {
            Some(closing) => closing.poll_unpin(cx).map(Ok),
            None => Poll::Ready(Ok(())),
        }
    }
}

impl<S: Source> BackendConfig for Feed<S> {
    type Args = S::Item;
    type Id = RandomId;
    type Kind = Ephemeral;
    type Config = ();
    type Layer = tower::layer::util::Identity;

    fn config(&self) -> &() {
        &()
    }

    fn middleware(&mut self, _: &mut WorkerContext) -> Self::Layer {
        Self::Layer::new()
    }
}

/// Waits for a bell, a pause or the end, whichever is first. False says that it is the end.
pub(crate) async fn wait(bell: &mut watch::Receiver<()>, pause: Duration, stop: &CancellationToken) -> bool {
    tokio::select! {
        biased;
        () = stop.cancelled() => false,
        _ = bell.changed() => true,
        () = tokio::time::sleep(pause) => true,
    }
}
