//! How a fault is made to strike exactly in a stage.

use clipmill_tests::process::{Puppet, until};
use clipmill_tests::proxy::Way;
use clipmill_tests::puppet::Act;
use clipmill_tests::sabotage;
use clipmill_tests::trap::Trap;

use super::Stage;
use super::scene::Scene;

/// What is done.
pub(super) enum Strike {
    /// The engine does this at the first attempt.
    Prompt(Act),
    /// The worker panics, once, where it records this metric.
    PanicAt(&'static str),
    /// Postgres refuses, once, what the trigger names, while the condition holds.
    PostgresRaises(&'static str, &'static str),
    /// The customer's endpoint fails once.
    EndpointFails,
    /// The process is killed.
    Kill(Place),
    /// The process is stopped until others have taken over and finished, and then goes on.
    Pause(Place),
    /// Every connection to Postgres is cut.
    Cut(Place),
    /// Postgres is stopped and started.
    Restart(Place),
    /// The store refuses the worker's signature.
    WrongKey,
    /// Likewise, and there is a source image to read.
    WrongKeyWithImage,
    /// Every connection to the store is cut when this request is on its way, and stays so.
    CutStore(&'static str),
    /// The store does not answer for longer than a lease.
    Slow(&'static str),
    /// Likewise, and there is a source image to read.
    SlowWithImage(&'static str),
    /// There is no room for the files.
    NoRoom,
    /// The source image needs more memory than it may have.
    Bomb,
}

/// Where a worker is when it strikes.
#[derive(Clone, Copy)]
pub(super) enum Place {
    /// The engine holds.
    InEngine(Act),
    /// This request is on its way to Postgres.
    AtRequest(&'static str),
    /// Postgres has done it, and the worker has not read so.
    AfterCommit(&'static str),
    /// This request is on its way to the store.
    ToStore(&'static str),
}

impl Strike {
    /// Whether it needs a Postgres of its own.
    pub(super) fn restarts(&self) -> bool {
        matches!(self, Strike::Restart(_))
    }

    /// What the prompt has to say.
    pub(super) fn prompt(&self) -> String {
        use Strike::{Cut, Kill, Pause, Prompt, Restart};
        match self {
            Prompt(act)
            | Kill(Place::InEngine(act))
            | Pause(Place::InEngine(act))
            | Cut(Place::InEngine(act))
            | Restart(Place::InEngine(act)) => act.prompt(),
            _ => "a red boat on a calm sea".to_owned(),
        }
    }

    /// Whether the job starts from an image.
    pub(super) fn has_image(&self) -> bool {
        matches!(self, Strike::WrongKeyWithImage | Strike::SlowWithImage(_) | Strike::Bomb)
    }

    /// Does it, and lets the worker that was struck come to its end.
    pub(super) async fn strike(&self, scene: &Scene<'_>) {
        match *self {
            Strike::Prompt(_) | Strike::EndpointFails => until_ended(scene, scene.puppet(&[]).await).await,
            Strike::PanicAt(metric) => {
                // What nobody holds any more lapses soon.
                let mut puppet = scene.puppet(&[(sabotage::PLACE, metric), ("CLIPMILL_LEASE_SECONDS", "3")]).await;
                puppet.says(sabotage::STRUCK).await;
                until_ended(scene, puppet).await;
            }
            Strike::PostgresRaises(event, condition) => {
                scene.let_postgres_raise(event, condition).await;
                let puppet = scene.puppet(&[]).await;
                until("a refusal", async || scene.postgres_raised().await).await;
                until_ended(scene, puppet).await;
            }
            Strike::Kill(place) => {
                let puppet = reach(scene, place, Way::Stalled).await;
                puppet.signal("-KILL").await;
                drop(puppet);
                scene.open();
            }
            Strike::Pause(place) => pause(scene, place).await,
            Strike::Cut(place) => {
                let mut puppet = reach(scene, place, Way::Cut).await;
                scene.database.set(Way::Cut);
                go_on(scene, place, &mut puppet).await;
                scene.open();
                until_ended(scene, puppet).await;
            }
            Strike::Restart(place) => {
                let mut puppet = reach(scene, place, Way::Stalled).await;
                scene.restart_postgres().await;
                go_on(scene, place, &mut puppet).await;
                scene.open();
                until_ended(scene, puppet).await;
            }
            Strike::WrongKey | Strike::WrongKeyWithImage => {
                until_ended(scene, scene.puppet(&[("AWS_SECRET_ACCESS_KEY", "wrong")]).await).await;
            }
            Strike::CutStore(request) => {
                scene.store.set_trap(Trap::before(request, Way::Cut));
                until_ended(scene, scene.puppet(&[]).await).await;
            }
            Strike::Slow(request) | Strike::SlowWithImage(request) => slow(scene, request).await,
            Strike::NoRoom => until_ended(scene, scene.puppet_without_room().await).await,
            Strike::Bomb => {
                scene.plant_bomb().await;
                until_ended(scene, scene.puppet(&[]).await).await;
            }
        }
    }
}

/// Starts a worker and waits until it is there, where the way is broken.
async fn reach(scene: &Scene<'_>, place: Place, then: Way) -> Puppet {
    match place {
        Place::InEngine(_) => {
            let mut puppet = scene.puppet(&[]).await;
            puppet.held().await;
            return puppet;
        }
        Place::AtRequest(request) => scene.database.set_trap(Trap::before(request, then)),
        Place::AfterCommit(request) => scene.database.set_trap(Trap::after(request, then)),
        Place::ToStore(request) => scene.store.set_trap(Trap::before(request, Way::Stalled)),
    }
    let puppet = scene.puppet(&[]).await;
    match place {
        Place::ToStore(_) => scene.store.sprung().await,
        _ => scene.database.sprung().await,
    }
    puppet
}

/// Lets the stage come to its end while the database is still away, where it can.
async fn go_on(scene: &Scene<'_>, place: Place, puppet: &mut Puppet) {
    match place {
        Place::InEngine(_) => puppet.go_on().await,
        Place::ToStore(_) => scene.store.set(Way::Open),
        Place::AtRequest(_) | Place::AfterCommit(_) => return,
    }
    until("uploaded files", async || scene.objects().await.len() == 5).await;
}

/// Waits until the worker has come to terms with what struck it, and stops it.
async fn until_ended(scene: &Scene<'_>, mut puppet: Puppet) {
    until("the end of what was struck", async || scene.has_ended().await).await;
    puppet.finish().await;
}

/// A worker that sleeps while others do its work can change nothing when it wakes up.
async fn pause(scene: &Scene<'_>, place: Place) {
    let mut puppet = reach(scene, place, Way::Stalled).await;
    puppet.signal("-STOP").await;
    scene.recover().await;
    let before = scene.picture().await;
    scene.open();
    puppet.signal("-CONT").await;
    puppet.finish().await;
    assert_eq!(scene.picture().await, before, "a worker that slept changed what others had done");
}

/// The store is waited for, and the lease is kept meanwhile.
async fn slow(scene: &Scene<'_>, request: &'static str) {
    scene.store.set_trap(Trap::before(request, Way::Stalled));
    let puppet = scene.puppet(&[("CLIPMILL_LEASE_SECONDS", "3")]).await;
    scene.store.sprung().await;
    match scene.stage {
        Stage::Expire => assert_eq!(scene.status().await, "completed", "objects first, then the row"),
        _ => scene.until_the_lease_is_renewed_for_longer_than_it_lasts().await,
    }
    scene.open();
    until_ended(scene, puppet).await;
}
