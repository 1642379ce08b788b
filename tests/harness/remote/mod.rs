//! Model servers that behave as vLLM-Omni, SGLang and the API of OpenAI do, their habits that hurt included: jobs in memory alone, a
//! failed job told of by a 500, a DELETE that ends nothing, an address in an error.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use axum::http::Method;
use clipmill_worker::engine::remote::profile::Profile;
use serde_json::{Value, json};
use tokio::net::TcpListener;

mod film;
mod routes;

/// The model that they serve.
pub const MODEL: &str = "tiny/Film";

/// How a server behaves.
#[derive(Debug, Clone)]
pub struct Manner {
    /// Whose way of speaking it has.
    pub profile: Profile,
    /// How often it is asked before a render is done.
    pub polls: u32,
    /// What a render fails with, as the object's `error`.
    pub error: Option<Value>,
    /// How many frames its videos have, if not as many as were asked for.
    pub frames: Option<u32>,
    /// It hands no video over, but a 400 with an address in it, as SGLang does with a store of its own.
    pub hides_video: bool,
    /// The key that it wants to see.
    pub key: Option<String>,
    /// What it answers to a request in place of taking it.
    pub refusal: Option<(u16, Value)>,
}

impl Manner {
    /// A server that renders what it is asked for.
    pub fn of(profile: Profile) -> Self {
        Self { profile, polls: 2, error: None, frames: None, hides_video: false, key: None, refusal: None }
    }
}

/// A server on loopback. It ends with the test's runtime.
pub struct ModelServer {
    url: String,
    state: Arc<State>,
}

/// What a server knows.
pub(crate) struct State {
    manner: Mutex<Manner>,
    is_warm: AtomicBool,
    is_held: AtomicBool,
    renders: Mutex<Vec<Render>>,
    submitted: Mutex<Vec<Submitted>>,
    asked: Mutex<Vec<(Method, String)>>,
}

/// A render in a server's memory, or one that it forgot and that keeps its GPU busy all the same.
#[derive(Debug, Clone)]
struct Render {
    id: String,
    wish: Submitted,
    polls: u32,
    is_forgotten: bool,
    is_ending: bool,
}

/// A request that arrived.
#[derive(Debug, Clone, Default)]
pub struct Submitted {
    /// Its fields, in the order of their names.
    pub fields: Vec<(String, String)>,
    /// Its files: fields and contents.
    pub files: Vec<(String, Vec<u8>)>,
}

impl Submitted {
    fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }

    fn number(&self, name: &str) -> Option<u32> {
        self.field(name)?.parse().ok()
    }
}

impl State {
    /// A server that has been asked nothing.
    pub(crate) fn new(manner: Manner) -> Arc<Self> {
        Arc::new(Self {
            manner: Mutex::new(manner),
            is_warm: AtomicBool::new(true),
            is_held: AtomicBool::new(false),
            renders: Mutex::default(),
            submitted: Mutex::default(),
            asked: Mutex::default(),
        })
    }

    fn manner(&self) -> Manner {
        self.manner.lock().expect("the lock").clone()
    }

    /// Whether a render is done: so often it was asked for, and nobody holds it.
    fn is_done(&self, render: &Render) -> bool {
        render.polls >= self.manner().polls && !self.is_held.load(Ordering::SeqCst)
    }

    fn is_busy(&self) -> bool {
        let renders = self.renders.lock().expect("the lock").clone();
        renders.iter().any(|render| !self.is_done(render))
    }
}

impl ModelServer {
    /// A server that behaves so.
    pub async fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("its address"));
        let state = State::new(manner);
        let router = routes::router(state.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, state }
    }

    /// Where it listens.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A section of `tiers.toml` that has a tier rendered here.
    pub fn section(&self, tier: &str) -> String {
        section(tier, self.state.manner().profile, &self.url)
    }

    /// Changes how it behaves from now on.
    pub fn behave(&self, change: impl FnOnce(&mut Manner)) {
        change(&mut self.state.manner.lock().expect("the lock"));
    }

    /// Says that it is ready, or not yet.
    pub fn set_warm(&self, is_warm: bool) {
        self.state.is_warm.store(is_warm, Ordering::SeqCst);
    }

    /// Lets no render be done, or lets those go on that were held.
    pub fn hold(&self, is_held: bool) {
        self.state.is_held.store(is_held, Ordering::SeqCst);
    }

    /// Forgets everything, as a process does that is started anew.
    pub fn restart(&self) {
        self.state.renders.lock().expect("the lock").clear();
    }

    /// The requests that it took.
    pub fn submitted(&self) -> Vec<Submitted> {
        self.state.submitted.lock().expect("the lock").clone()
    }

    /// How often it was asked in this way.
    pub fn count(&self, method: &Method, path: &str) -> usize {
        let asked = self.state.asked.lock().expect("the lock");
        asked.iter().filter(|(done, of)| done == method && of.starts_with(path)).count()
    }

    /// Whether its GPU is at work, on whatever.
    pub fn is_busy(&self) -> bool {
        self.state.is_busy()
    }

    /// How many renders it keeps a record of.
    pub fn records(&self) -> usize {
        let renders = self.state.renders.lock().expect("the lock");
        renders.iter().filter(|render| !render.is_forgotten).count()
    }
}

/// A section of `tiers.toml` for a server at an address.
pub fn section(tier: &str, profile: Profile, url: &str) -> String {
    format!(
        "[{tier}]\nengine = \"remote\"\nprofile = \"{profile}\"\nurl = \"{url}\"\nmodel = \"{MODEL}\"\n\
         sizes = [\"256x144\", \"144x256\"]\nfps = 24\nmax_frames = 72\n[{tier}.time]\npoll_seconds = 0.02\n"
    )
}

/// Serves on this listener until the process ends.
pub async fn serve(listener: TcpListener, manner: Manner, is_held: bool) -> std::io::Result<()> {
    let state = State::new(manner);
    state.is_held.store(is_held, Ordering::SeqCst);
    axum::serve(listener, routes::router(state)).await
}

/// The object that tells of a render.
fn object(profile: Profile, render: &Render, status: &str, progress: u32, error: &Value) -> Value {
    let mut object = json!({ "id": render.id, "object": "video", "model": MODEL, "status": status, "progress": progress,
        "created_at": 0, "prompt": render.wish.field("prompt") });
    if !error.is_null() {
        object["error"] = error.clone();
    }
    if profile == Profile::Sglang {
        object["file_path"] = json!("/srv/outputs/secret.mp4");
    }
    object
}
