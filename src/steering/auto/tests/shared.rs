//! Two instances on one store, and a restart.

use std::sync::Arc;

use uuid::Uuid;

use crate::ecom::route::Operation;
use crate::observe::Observer;
use crate::routing::{Lever, Toggle};
use crate::settings::{Live, from_text};
use crate::steering::Steerer;
use crate::steering::auto::Automat;
use crate::store::{NewOverride, Reason, SqliteOptions, SqliteStore};
use crate::telemetry::{Class, Meters, RequestFacts, Route};
use crate::types::{Clock, ManualClock, Moment, Msn};

const CONFIG: &str = "[rollback]\nenabled = true\n[[merchants]]\nmsn = \"123456\"";

struct Instance {
    observer: Arc<Observer>,
    steerer: Arc<Steerer>,
    automat: Automat,
    meters: Arc<Meters>,
}

fn msn() -> Msn {
    Msn::parse("123456").unwrap()
}

impl Instance {
    fn on(store: &Arc<SqliteStore>, clock: &Arc<ManualClock>) -> Self {
        let clock: Arc<dyn Clock> = Arc::<ManualClock>::clone(clock);
        let live = Arc::new(Live::new(Arc::new(from_text(CONFIG).unwrap())));
        let meters = Arc::new(Meters::default());
        let steerer = Steerer::new(
            Arc::<SqliteStore>::clone(store),
            live,
            Arc::clone(&clock),
            Arc::clone(&meters),
        );
        let steerer = Arc::new(steerer.with_automatic(Arc::<SqliteStore>::clone(store)));
        let observer = Arc::new(Observer::new(clock));
        let automat = Automat::new(
            Arc::clone(&observer),
            Arc::<SqliteStore>::clone(store),
            Arc::clone(&steerer),
            Arc::clone(&meters),
        );
        Self {
            observer,
            steerer,
            automat,
            meters,
        }
    }

    /// New payments at ePayment that all fail.
    fn failing(&self, calls: usize) {
        for _ in 0..calls {
            let mut facts =
                RequestFacts::begin(Uuid::nil(), &http::Method::POST, Operation::Initiate);
            facts.msn(&msn());
            facts.seen.class = Some(Class::Failed);
            facts.seen.free = true;
            self.observer.note(&facts, Route::Epayment, 502);
        }
    }

    fn cap(&self) -> Option<u8> {
        let policy = &self.steerer.live().snapshot().policy;
        policy.wish(Operation::Initiate, Some(&msn())).cap
    }
}

async fn store(folder: &std::path::Path) -> Arc<SqliteStore> {
    let options = SqliteOptions {
        // Two busy cores may be slow.
        busy_timeout: std::time::Duration::from_secs(60),
        ..SqliteOptions::new(folder.join("store.db"))
    };
    Arc::new(SqliteStore::open(options).await.unwrap())
}

#[tokio::test]
async fn two_instances_add_up_move_once_and_agree() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path()).await;
    let clock = Arc::new(ManualClock::new(Moment::from_millis(1_700_000_000_000)));
    let (one, two) = (Instance::on(&store, &clock), Instance::on(&store, &clock));
    // Neither has seen enough by itself.
    one.failing(12);
    two.failing(12);
    one.automat.look().await.unwrap();
    assert_eq!(one.cap(), None);
    two.automat.look().await.unwrap();
    assert_eq!(two.cap(), Some(0));
    one.steerer.refresh().await.unwrap();
    assert_eq!(one.cap(), Some(0));
    // More of it, seen at once, is no second move.
    one.failing(40);
    two.failing(40);
    let (a, b) = tokio::join!(one.automat.look(), two.automat.look());
    a.and(b).unwrap();
    let changes = one.steerer.store().changes(None, 9).await.unwrap();
    assert_eq!(changes.len(), 1);
    let change = &changes[0];
    assert_eq!(
        (change.what.as_str(), change.who.as_str()),
        ("automatic", "bridge")
    );
    assert_eq!(
        (change.old.as_str(), change.new.as_str()),
        ("as configured", "0%")
    );
    let moves = two.meters.render();
    assert!(
        moves.contains("bridge_automatic_moves_total{move=\"back\"} 1"),
        "{moves}"
    );
}

#[tokio::test]
async fn a_restart_keeps_it_an_override_stands_above_and_a_reset_ends_it() {
    let folder = tempfile::tempdir().unwrap();
    let kept = store(folder.path()).await;
    let clock = Arc::new(ManualClock::new(Moment::from_millis(1_700_000_000_000)));
    let before = Instance::on(&kept, &clock);
    before.failing(20);
    before.automat.look().await.unwrap();
    drop(before);
    kept.close().await;
    drop(kept);
    let kept = store(folder.path()).await;
    let after = Instance::on(&kept, &clock);
    after.steerer.refresh().await.unwrap();
    assert_eq!(after.cap(), Some(0));
    let told = after.automat.turned_back(&msn()).await.unwrap();
    assert!(told.is_some_and(|why| why.contains("20")));
    let because = || Reason::new("ann", "try").unwrap();
    let over = NewOverride {
        lever: Lever::Toggle(Operation::Initiate),
        msn: Some(msn()),
        toggle: Toggle::Epayment,
        reason: because(),
        until: None,
    };
    let over = after.steerer.set(over).await.unwrap();
    assert_eq!(after.cap(), None);
    after.steerer.undo(over.id, because()).await.unwrap();
    assert_eq!(after.cap(), Some(0));
    assert_eq!(
        after.automat.reset(&msn(), because()).await.unwrap(),
        Some(Some(0))
    );
    assert_eq!(after.cap(), None);
    let stranger = Msn::parse("999999").unwrap();
    assert_eq!(
        after.automat.reset(&stranger, because()).await.unwrap(),
        None
    );
    let newest = &after.steerer.store().changes(None, 1).await.unwrap()[0];
    assert_eq!(
        (newest.what.as_str(), newest.who.as_str()),
        ("automatic", "ann")
    );
}
