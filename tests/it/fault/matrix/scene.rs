//! One cell's service: a job, its customer's endpoint, and proxies on the ways of the worker that is struck.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use clipmill_tests::cluster::Cluster;
use clipmill_tests::process::{Puppet, until};
use clipmill_tests::proxy::{Proxy, Way};
use clipmill_tests::server::{small, text};
use clipmill_tests::{Receiver, Server, picture};
use image::{GrayImage, ImageFormat};
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;

use super::{End, Stage, Strike, facts};

/// Leases outlast a restart of Postgres; a worker that is told to stop finishes what it has.
const ARGUMENTS: [&str; 2] = ["--grace-seconds", "60"];

/// A source image of 289 million pixels, which is more than one may have when it is decoded, in some hundred KB.
const BOMB_SIDE_PX: u32 = 17_000;

/// One cell's service.
pub(super) struct Scene<'a> {
    pub(super) stage: Stage,
    pub(super) server: Server,
    pub(super) receiver: Receiver,
    pub(super) database: Proxy,
    pub(super) store: Proxy,
    cluster: Option<&'a Cluster>,
    job: Value,
    /// Whether the video's time is up.
    is_due: bool,
}

impl<'a> Scene<'a> {
    /// A service without a job, on the shared Postgres or on one of its own.
    pub(super) async fn new(stage: Stage, cluster: Option<&'a Cluster>) -> Self {
        let server = match cluster {
            Some(cluster) => Server::on_its_own_postgres(cluster).await,
            None => Server::start().await,
        };
        let (database, store) = server.proxies().await;
        let receiver = Receiver::answering([]).await;
        Self { stage, server, receiver, database, store, cluster, job: Value::Null, is_due: false }
    }

    /// Strikes, lets others clear up, and looks at what came of it.
    pub(super) async fn play(mut self, strike: &Strike, end: &End) {
        if matches!(strike, Strike::EndpointFails) {
            self.receiver = Receiver::answering([500]).await;
        }
        self.job = self.submit(strike).await["id"].clone();
        if self.stage == Stage::Expire {
            self.recover().await;
            self.is_due = true;
            self.sql("update removals set due_at = now()").await;
        }
        strike.strike(&self).await;
        self.recover().await;
        facts::hold(&self, end).await;
    }

    async fn submit(&self, strike: &Strike) -> Value {
        let mut body = small();
        body["prompt"] = json!(strike.prompt());
        body["webhook_url"] = json!(self.receiver.url());
        if strike.has_image() {
            body["input_reference"] = json!(format!("data:image/jpeg;base64,{}", BASE64.encode(picture::COFFEE)));
        }
        self.server.submit(body).await
    }

    /// A worker behind the proxies, with these changes to its environment.
    pub(super) async fn puppet(&self, changes: &[(&'static str, &str)]) -> Puppet {
        let mut environment = self.server.environment_behind(&self.database, &self.store).await;
        environment.extend(changes.iter().map(|(name, value)| (*name, (*value).to_owned())));
        Puppet::start(environment, &ARGUMENTS)
    }

    /// A worker whose disk is full.
    pub(super) async fn puppet_without_room(&self) -> Puppet {
        Puppet::without_room(self.server.environment_behind(&self.database, &self.store).await, &ARGUMENTS)
    }

    /// Mends the ways.
    pub(super) fn open(&self) {
        self.database.set(Way::Open);
        self.store.set(Way::Open);
    }

    /// Restarts the cell's own Postgres.
    pub(super) async fn restart_postgres(&self) {
        self.cluster.expect("a Postgres of its own").restart().await;
    }

    /// Another worker does what is left: nothing waits, nothing is in progress, all is told, all is swept.
    pub(super) async fn recover(&self) {
        self.server.age_leases().await;
        self.server.expire().await;
        self.sql("update jobs set run_at = now()").await;
        while clipmill_worker::pull::step(&self.server.env).await.unwrap() {
            self.sql("update jobs set run_at = now()").await;
        }
        self.tell().await;
        let due = if self.is_due { "true" } else { "reason <> 'expired'" };
        self.sql(&format!("update removals set due_at = now() where {due}")).await;
        while self.server.expire().await > 0 {}
        self.tell().await;
    }

    async fn tell(&self) {
        self.sql("update deliveries set due_at = now()").await;
        while self.server.notify().await > 0 {}
    }

    /// Makes Postgres refuse once what a trigger names.
    pub(super) async fn let_postgres_raise(&self, event: &str, condition: &str) {
        self.sql(&format!(
            "create sequence strikes;
            create function strike() returns trigger language plpgsql security definer as $$
            begin
                if nextval('strikes') = 1 then raise exception 'as the test wants it'; end if;
                return coalesce(new, old);
            end $$;
            create trigger strike before {event} for each row when ({condition}) execute function strike()",
        ))
        .await;
    }

    /// Whether it did.
    pub(super) async fn postgres_raised(&self) -> bool {
        sqlx::query_scalar("select is_called from strikes").fetch_one(&self.server.pool).await.unwrap()
    }

    /// Puts another image in the place of the job's own.
    pub(super) async fn plant_bomb(&self) {
        let name: String =
            sqlx::query_scalar("select first_frame from jobs").fetch_one(&self.server.pool).await.unwrap();
        let key = format!("{}/{}/source/{name}", self.server.account, text(&self.job));
        let mut bytes = std::io::Cursor::new(Vec::new());
        GrayImage::new(BOMB_SIDE_PX, BOMB_SIDE_PX).write_to(&mut bytes, ImageFormat::Png).unwrap();
        self.server.storage.put(&key, "image/png", bytes.into_inner().into()).await.unwrap();
    }

    /// Whether the worker that was struck has come to terms with it.
    pub(super) async fn has_ended(&self) -> bool {
        let question = match self.stage {
            Stage::Notify => return !self.receiver.messages().is_empty(),
            Stage::Expire => {
                "select status = 'expired' or exists (select from removals where reason = 'expired' and attempt > 0) from jobs"
            }
            _ => "select attempt > 0 and status <> 'in_progress' from jobs",
        };
        sqlx::query_scalar(question).fetch_one(&self.server.pool).await.unwrap()
    }

    /// The state of the job.
    pub(super) async fn status(&self) -> String {
        sqlx::query_scalar("select status::text from jobs").fetch_one(&self.server.pool).await.unwrap()
    }

    /// Waits as long as a lease lasts, during which it has to be kept.
    pub(super) async fn until_the_lease_is_renewed_for_longer_than_it_lasts(&self) {
        self.sql("create table noted as select lease_until from jobs").await;
        let question = "select jobs.lease_until > noted.lease_until + interval '3 seconds' from jobs, noted";
        let renewed = async || sqlx::query_scalar(question).fetch_one(&self.server.pool).await.unwrap();
        until("renewals of the lease", renewed).await;
    }

    /// The keys of the job's objects.
    pub(super) async fn objects(&self) -> Vec<String> {
        self.server.objects(&self.job).await
    }

    /// What the customer reads of the job.
    pub(super) async fn video(&self) -> Value {
        self.server.video(&self.job).await
    }

    /// All that the ledger says, but for removals: a worker that wakes up may ask for its own objects to be removed.
    pub(super) async fn picture(&self) -> (Value, Vec<String>) {
        let rows = "select jsonb_build_array(
                (select jsonb_agg(row) from jobs as row), (select jsonb_agg(row) from usage as row),
                (select jsonb_agg(row order by id) from events as row), (select jsonb_agg(row order by id) from deliveries as row)
            )";
        let rows = sqlx::query_scalar(rows).fetch_one(&self.server.pool).await.unwrap();
        let made_by_others = |key: &String| !key.contains("/1/");
        (rows, self.objects().await.into_iter().filter(made_by_others).collect())
    }

    /// Runs a statement of the test's own.
    pub(super) async fn sql(&self, statement: &str) {
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&self.server.pool).await.unwrap();
    }
}
