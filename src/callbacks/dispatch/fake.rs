//! An outbox in memory for the tests of delivering, and the parts around it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::*;
use crate::ecom::callback::CallbackStatus;
use crate::store::{
    Accepted, CallbackCounts, CallbackFilter, CallbackId, CallbackOrigin, CallbackState,
    CallbackTarget, CallbackView, DuePayment, Handled, Lease, NewEvent, Pruned, Registered,
    RegistrationState, Retention, Settled, Stray, UnmatchedEvent, Webhook,
};
use crate::types::{Amount, CallerHash, ManualClock, Msn, OrderText, Scope, StoreSecret};

/// When the tests begin.
pub(crate) const START: Moment = Moment::from_millis(1_700_000_000_000);

/// A callback that is due.
pub(crate) fn due() -> DueCallback {
    DueCallback {
        id: CallbackId(1),
        lease: Lease(0),
        msn: Msn::parse("123456").unwrap(),
        order: OrderText::parse("order-0001").unwrap(),
        reference: OrderText::parse("order-0001").unwrap().reference().unwrap(),
        status: CallbackStatus::Reserved,
        amount: Amount::new(49_900).unwrap(),
        at: START,
        transaction_id: "5001".to_owned(),
        attempts: 0,
        queued_at: START,
        target: CallbackTarget {
            prefix: "https://shop.example/cb".to_owned(),
            auth_token: None,
        },
        scope_asked: None,
        caller: CallerHash::of(b"key", &StoreSecret::new([7; 32])),
    }
}

/// A row of the outbox.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) due: DueCallback,
    pub(crate) state: CallbackState,
    pub(crate) due_at: Moment,
    pub(crate) note: Option<String>,
    leased_until: Option<Moment>,
}

#[derive(Debug, Default)]
struct Table {
    rows: BTreeMap<i64, Row>,
    /// Waiting and not leased, by unit.
    queues: BTreeMap<Msn, BTreeSet<(Moment, i64)>>,
    leased: BTreeSet<i64>,
    next_lease: i64,
    most_leased: BTreeMap<Msn, usize>,
    most_leased_in_all: usize,
    claims: usize,
    settlements_to_fail: usize,
    counts: HashMap<CallbackState, usize>,
}

impl Table {
    fn leased_by_unit(&self) -> HashMap<Msn, usize> {
        let mut counts = HashMap::new();
        for id in &self.leased {
            *counts.entry(self.rows[id].due.msn.clone()).or_default() += 1;
        }
        counts
    }

    fn end_leases(&mut self, now: Moment) {
        let ended: Vec<i64> = self
            .leased
            .iter()
            .copied()
            .filter(|id| self.rows[id].leased_until.is_some_and(|until| until <= now))
            .collect();
        for id in ended {
            self.leased.remove(&id);
            let row = self.rows.get_mut(&id).unwrap();
            row.leased_until = None;
            let (msn, at) = (row.due.msn.clone(), row.due_at);
            self.queues.entry(msn).or_default().insert((at, id));
        }
    }
}

/// The outbox. Keeps the rules of the trait that delivering relies on.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    table: Mutex<Table>,
    news: Notify,
}

impl Outbox {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a callback under the next free id.
    pub(crate) fn queue(&self, mut due: DueCallback) -> CallbackId {
        let mut table = self.table();
        let id = i64::try_from(table.rows.len()).unwrap() + 1;
        due.id = CallbackId(id);
        let due_at = due.queued_at;
        table
            .queues
            .entry(due.msn.clone())
            .or_default()
            .insert((due_at, id));
        table.rows.insert(
            id,
            Row {
                due,
                state: CallbackState::Pending,
                due_at,
                note: None,
                leased_until: None,
            },
        );
        CallbackId(id)
    }

    pub(crate) fn row(&self, id: CallbackId) -> Row {
        self.table().rows[&id.0].clone()
    }

    /// Of those that have ended.
    pub(crate) fn count(&self, state: CallbackState) -> usize {
        self.table().counts.get(&state).copied().unwrap_or_default()
    }

    /// The most that were claimed at once: of one unit, and of all.
    pub(crate) fn most_leased(&self) -> (BTreeMap<Msn, usize>, usize) {
        let table = self.table();
        (table.most_leased.clone(), table.most_leased_in_all)
    }

    pub(crate) fn claims(&self) -> usize {
        self.table().claims
    }

    /// The next settlements fail.
    pub(crate) fn fail_settlements(&self, count: usize) {
        self.table().settlements_to_fail = count;
    }

    /// Waits until something settled makes this true.
    pub(crate) async fn until(&self, sought: impl Fn(&Self) -> bool) {
        let met = async {
            loop {
                let news = self.news.notified();
                tokio::pin!(news);
                news.as_mut().enable();
                if sought(self) {
                    return;
                }
                news.await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), met)
            .await
            .expect("it never came true");
    }
}

#[async_trait]
impl CallbackStore for Outbox {
    async fn claim_callbacks(
        &self,
        stage: Stage,
        now: Moment,
        limits: ClaimLimits,
        until: Moment,
    ) -> Result<Vec<DueCallback>, StoreError> {
        assert_eq!(stage, Stage::Deliver);
        let mut table = self.table();
        table.claims += 1;
        table.end_leases(now);
        let mut claimed = Vec::new();
        let leased = table.leased_by_unit();
        let units: Vec<Msn> = table.queues.keys().cloned().collect();
        for msn in units {
            let mut held = leased.get(&msn).copied().unwrap_or_default();
            while held < limits.per_unit && claimed.len() < limits.total {
                let queue = table.queues.get_mut(&msn).unwrap();
                let Some((_, id)) = queue.first().copied().filter(|(at, _)| *at <= now) else {
                    break;
                };
                queue.pop_first();
                table.next_lease += 1;
                let lease = Lease(table.next_lease);
                table.leased.insert(id);
                let row = table.rows.get_mut(&id).unwrap();
                row.leased_until = Some(until);
                row.due.lease = lease;
                claimed.push(row.due.clone());
                held += 1;
            }
            let most = table.most_leased.entry(msn).or_default();
            *most = held.max(*most);
        }
        table.most_leased_in_all = table.most_leased_in_all.max(table.leased.len());
        Ok(claimed)
    }

    async fn settle_callback(
        &self,
        id: CallbackId,
        lease: Lease,
        settled: Settled,
        _now: Moment,
    ) -> Result<bool, StoreError> {
        let mut table = self.table();
        if table.settlements_to_fail > 0 {
            table.settlements_to_fail -= 1;
            return Err(StoreError::Locked);
        }
        let Some(row) = table.rows.get_mut(&id.0) else {
            return Ok(false);
        };
        if row.due.lease != lease || row.leased_until.is_none() {
            return Ok(false);
        }
        row.leased_until = None;
        row.due.attempts += 1;
        let mut again = None;
        match settled {
            Settled::Delivered => {
                row.state = CallbackState::Delivered;
                row.due.target.auth_token = None;
            }
            Settled::Retry { at, why } => {
                row.due_at = at;
                row.note = Some(why);
                again = Some((row.due.msn.clone(), at));
            }
            Settled::Dead { why } => {
                row.state = CallbackState::Dead;
                row.note = Some(why);
            }
            Settled::Ready { .. } => panic!("of another stage"),
        }
        let state = row.state;
        *table.counts.entry(state).or_default() += 1;
        table.leased.remove(&id.0);
        if let Some((msn, at)) = again {
            table.queues.entry(msn).or_default().insert((at, id.0));
        }
        drop(table);
        self.news.notify_waiters();
        Ok(true)
    }

    async fn next_callback_at(&self, _: Stage) -> Result<Option<Moment>, StoreError> {
        let table = self.table();
        let queued = table
            .queues
            .values()
            .filter_map(|queue| queue.first().map(|(at, _)| *at));
        let leased = table
            .leased
            .iter()
            .filter_map(|id| table.rows[id].leased_until);
        Ok(queued.chain(leased).min())
    }

    async fn accept_event(&self, _: NewEvent, _: Moment) -> Result<Accepted, StoreError> {
        unreachable!("the dispatcher does not ask for it")
    }
    async fn unmatched(
        &self,
        _: (Moment, i64),
        _: usize,
    ) -> Result<Vec<UnmatchedEvent>, StoreError> {
        unreachable!("the dispatcher does not ask for it")
    }
    async fn keep_stray(&self, _: Stray, _: Moment) -> Result<(), StoreError> {
        unreachable!("the dispatcher does not ask for it")
    }
    async fn callbacks(&self, _: CallbackFilter) -> Result<Vec<CallbackView>, StoreError> {
        unreachable!("the dispatcher does not ask for it")
    }
    async fn callback(&self, _: CallbackId) -> Result<Option<CallbackView>, StoreError> {
        unreachable!("the dispatcher does not ask for it")
    }
    async fn replay_callback(&self, _: CallbackId, _: Moment) -> Result<Handled, StoreError> {
        unreachable!("the dispatcher does not ask for it")
    }
    async fn drop_callback(
        &self,
        _: CallbackId,
        _: String,
        _: Moment,
    ) -> Result<Handled, StoreError> {
        unreachable!("the dispatcher does not ask for it")
    }
    async fn callback_counts(&self) -> Result<CallbackCounts, StoreError> {
        unreachable!("the dispatcher does not ask for it")
    }
    async fn callback_origins(&self, _: usize) -> Result<Vec<CallbackOrigin>, StoreError> {
        unreachable!("the dispatcher does not ask for it")
    }
    async fn claim_polls(
        &self,
        _: Moment,
        _: usize,
        _: Moment,
    ) -> Result<Vec<DuePayment>, StoreError> {
        unreachable!("the dispatcher does not ask for it")
    }
    async fn settle_poll(
        &self,
        _: &Scope,
        _: &OrderText,
        _: Lease,
        _: Option<Moment>,
    ) -> Result<bool, StoreError> {
        unreachable!("the dispatcher does not ask for it")
    }
    async fn webhooks(&self, _: Option<&Msn>) -> Result<Vec<Webhook>, StoreError> {
        unreachable!("the dispatcher does not ask for it")
    }
    async fn see_unit(&self, _: &Msn, _: Moment) -> Result<(), StoreError> {
        unreachable!("the dispatcher does not ask for it")
    }
    async fn recheck_unit(&self, _: &Msn, _: Moment) -> Result<(), StoreError> {
        unreachable!("the dispatcher does not ask for it")
    }
    async fn claim_registration(
        &self,
        _: &Msn,
        _: Moment,
        _: Moment,
    ) -> Result<Option<Lease>, StoreError> {
        unreachable!("the dispatcher does not ask for it")
    }
    async fn settle_registration(
        &self,
        _: &Msn,
        _: Lease,
        _: Registered,
        _: Moment,
        _: Moment,
    ) -> Result<bool, StoreError> {
        unreachable!("the dispatcher does not ask for it")
    }
    async fn forget_webhook(&self, _: &Msn, _: &str) -> Result<(), StoreError> {
        unreachable!("the dispatcher does not ask for it")
    }
    async fn registrations(&self) -> Result<Vec<RegistrationState>, StoreError> {
        unreachable!("the dispatcher does not ask for it")
    }
    async fn prune(&self, _: Retention) -> Result<Pruned, StoreError> {
        unreachable!("the dispatcher does not ask for it")
    }
}

/// Knows nobody for so many questions, then one user; counts the questions.
#[derive(Debug, Default)]
pub(crate) struct Users {
    asked: Mutex<usize>,
    silent: usize,
    known: bool,
}

impl Users {
    pub(crate) fn after(silent: usize) -> Self {
        Self {
            silent,
            known: true,
            ..Self::default()
        }
    }

    pub(crate) fn asked(&self) -> usize {
        *self.asked.lock().unwrap()
    }
}

#[async_trait]
impl UserSource for Users {
    async fn user(&self, _: &DueCallback) -> Option<(String, UserDetails)> {
        let mut asked = self.asked.lock().unwrap();
        *asked += 1;
        (self.known && *asked > self.silent).then(|| {
            let user = UserDetails {
                email: Some("kari@example.com".to_owned()),
                first_name: None,
                last_name: None,
                mobile_number: None,
                user_id: "sub-1".to_owned(),
            };
            ("sub-1".to_owned(), user)
        })
    }
}

/// An outbox, a clock and what else a dispatcher is made of.
#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) meters: Arc<Meters>,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) users: Arc<Users>,
    pub(crate) settings: settings::Callbacks,
    pub(crate) limits: Limits,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self {
            outbox: Arc::default(),
            clock: Arc::new(ManualClock::new(START)),
            meters: Arc::default(),
            lifecycle: Lifecycle::new(),
            users: Arc::default(),
            settings: settings::Callbacks {
                timeout: Duration::from_secs(10),
                schedule: [0, 5, 30, 120].map(Duration::from_secs).to_vec(),
                allow_http: true,
                allow_private_addresses: true,
                allowed_hosts: Vec::new(),
            },
            limits: Limits::default(),
        }
    }

    pub(crate) fn parts(&self) -> Parts {
        Parts {
            store: Arc::clone(&self.outbox) as Arc<dyn CallbackStore>,
            settings: self.settings.clone(),
            limits: self.limits,
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            meters: Arc::clone(&self.meters),
            lifecycle: self.lifecycle.clone(),
            user: Arc::clone(&self.users) as Arc<dyn UserSource>,
        }
    }

    pub(crate) fn dispatcher(&self) -> Dispatcher {
        Dispatcher::new(self.parts()).unwrap()
    }

    /// Queues a callback of a unit to an address.
    pub(crate) fn queue(&self, msn: &str, order: usize, prefix: &str) -> CallbackId {
        let mut due = due();
        due.msn = Msn::parse(msn).unwrap();
        due.order = OrderText::parse(&format!("order-{order:04}")).unwrap();
        due.reference = due.order.reference().unwrap();
        due.queued_at = self.clock.now();
        prefix.clone_into(&mut due.target.prefix);
        self.outbox.queue(due)
    }

    /// What is due now is delivered.
    pub(crate) async fn deliver(&self) -> usize {
        self.dispatcher().run_once(self.clock.now()).await.unwrap()
    }
}
