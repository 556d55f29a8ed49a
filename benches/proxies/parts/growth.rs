//! A store that has grown: the same calls with ten thousand payments recorded and with a million (and 5 million calls).
//!
//! The records are made of one another in SQL, as the bridge would have written them; `--payments N` records another
//! number. Must not: measure a file that is still being written out.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Instant;

use rusqlite::Connection;

use super::pass::added;
use super::{Bench, PROXY, REST, subject, table};
use crate::load::Plan;
use crate::peers::{BRIDGE, Running};
use crate::rounds::{self, Subject};
use crate::work::Work;

const FEW: u64 = 10_000;
const MANY: u64 = 1_000_000;
/// Money calls of each payment.
const CALLS: u64 = 5;

/// Copies payment 0 and what belongs to it. ?1: how many there are to be.
const PAYMENTS: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?1)
    INSERT INTO payments (scope, order_id, caller, msn, origin, kind, reference, amount, currency, text, callback_prefix,
        auth_token, auth_sealed, scope_asked, fall_back, request_id, create_key, created_at, changed_at)
    SELECT scope, printf('order-000-%08d', i), caller, msn, origin, kind, printf('order-000-%08d', i), amount, currency,
        text, callback_prefix, auth_token, auth_sealed, scope_asked, fall_back, request_id, printf('bridge-%032d', i),
        created_at, changed_at
    FROM payments p, n WHERE p.order_id = 'order-000-00000000'";

const LEDGER: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?1)
    INSERT INTO ledger (scope, order_id, msn, reference, origin, kind, amount, currency, created_at, state, learnt_at,
        learnt, class, capture_day, refund_day, due_at)
    SELECT scope, printf('order-000-%08d', i), msn, printf('order-000-%08d', i), origin, kind, amount, currency,
        created_at, state, learnt_at, learnt, class, capture_day, refund_day, NULL
    FROM ledger l, n WHERE l.order_id = 'order-000-00000000'";

/// ?2: calls of each payment.
const ADJUSTMENTS: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?1 * ?2)
    INSERT INTO adjustments (scope, order_id, op, api, request_id, key, attempt, amount, computed, text, state, until,
        done_amount, transaction_id, done_at, begun_at, changed_at, closed_at, revision)
    SELECT scope, printf('order-000-%08d', i / ?2), op, api, printf('old-%d', i), printf('old-key-%032d', i), attempt,
        amount, computed, text, state, until, done_amount, printf('psp-%d', i), done_at, begun_at, changed_at, closed_at,
        revision
    FROM adjustments a, n WHERE a.order_id = 'order-000-00000000'";

/// A kind of call, and the work that it is where so many payments are recorded.
type Kind = (&'static str, fn(u64) -> Work);

/// Few payments beside many.
pub fn store(bench: &Bench) -> io::Result<()> {
    let many = bench
        .value("--payments")
        .and_then(|number| number.parse().ok())
        .unwrap_or(MANY);
    let grown = |count| Ok::<_, io::Error>((grown(bench, count, "", &[])?, count));
    let stores = [grown(FEW)?, grown(many)?];
    let works: [Kind; 3] = [
        ("initiate", |_| Work::Initiate),
        ("capture", Work::Capture),
        ("details", Work::Details),
    ];
    for (n, (title, work)) in (0..).zip(works) {
        let both = |rate: u64, run: u64| {
            stores.each_ref().map(|(running, count)| Subject {
                name: format!("{count} payments"),
                ..subject(
                    running,
                    Plan {
                        rate,
                        ..bench.plan(running.addr, work(*count), run)
                    },
                )
            })
        };
        let rows = rounds::run(bench.rounds, REST, &both(0, 1 + n))?;
        table(
            &format!("A store that has grown: {title}"),
            &rows,
            &format!("{FEW} payments"),
        );
        let rows = rounds::run(bench.rounds, REST, &both(300, 4 + n))?;
        let title = format!(
            "A store that has grown: {title} at 300 a second, added to the small one's time"
        );
        added(&title, &rows);
    }
    Ok(())
}

/// A bridge whose store holds so many payments with five captures each; then `more` is done in it. `variables` are of the
/// bridge's environment.
pub(super) fn grown(
    bench: &Bench,
    count: u64,
    more: &str,
    variables: &[&str],
) -> io::Result<Running> {
    let seed = bench.start(BRIDGE, PROXY)?;
    bench.payments(&seed, 1)?;
    let one = Plan {
        count: 1,
        ..bench.plan(seed.addr, Work::Capture(1), 9)
    };
    rounds::load(&one, REST)?;
    let file = seed.folder.join("bridge.db");
    drop(seed);
    let began = Instant::now();
    fill(&file, count, more).map_err(io::Error::other)?;
    let megabytes = fs::metadata(&file)?.len() as f64 / 1e6;
    let seconds = began.elapsed().as_secs_f64();
    eprintln!(
        "{count} payments, {} calls: {megabytes:.0} MB, written in {seconds:.0} s",
        count * CALLS
    );
    let url = format!("ECOM_BRIDGE__STORE__URL=sqlite:{}", file.display());
    let mut under = vec!["env".to_owned(), url];
    under.extend(variables.iter().map(|&variable| variable.to_owned()));
    bench.site.start_under(&under, BRIDGE, PROXY, "")
}

fn fill(file: &Path, count: u64, more: &str) -> rusqlite::Result<()> {
    let mut db = Connection::open(file)?;
    // Without a journal nothing is written twice, and the disk need not hold it twice.
    db.execute_batch(
        "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -400000;",
    )?;
    let whole = db.transaction()?;
    let of = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    whole.execute(PAYMENTS, [of(count)])?;
    whole.execute(LEDGER, [of(count)])?;
    whole.execute(ADJUSTMENTS, [of(count), of(CALLS)])?;
    whole.execute_batch(more)?;
    whole.commit()?;
    db.execute_batch("PRAGMA journal_mode = WAL;")
}
