//! The books balance whatever happens, and nothing that was found is lost on its way to the store.

use proptest::prelude::*;

use super::*;

const NAME: (Operation, Way) = (Operation::Details, Way::Read);

fn now() -> Moment {
    Moment::from_millis(1_000)
}

fn differing(field: &str) -> End {
    let difference = Difference {
        field: FieldPath::parse(field).unwrap(),
        kind: DifferenceKind::Value,
        control: "1".to_owned(),
        candidate: "2".to_owned(),
    };
    End::Compared(Box::new(Found {
        compared: Compared {
            differences: vec![difference.clone()],
            ..Compared::default()
        },
        noise: Some(vec![difference]),
        order: OrderId::parse("order-0001"),
    }))
}

fn balances(running: &Running) -> bool {
    let dropped: u64 = running.dropped.values().sum();
    running.offered
        == running.in_flight
            + running.clean
            + running.differing
            + running.filtered
            + dropped
            + running.failed
}

#[test]
fn a_ticket_that_is_dropped_ends_as_dropped_or_as_panicked() {
    let books = Books::default();
    drop(books.open(NAME.0, NAME.1));
    let ticket = books.open(NAME.0, NAME.1);
    let panicked = std::thread::spawn(move || {
        let _held = ticket;
        panic!("a comparison");
    });
    assert!(panicked.join().is_err());
    let figures = books.figures(now());
    let running = &figures.accounts[&NAME];
    assert_eq!((running.dropped["shutdown"], running.failed), (1, 1));
    assert!(balances(running));
    let ended = books.take().ended;
    assert_eq!(
        ended[&(NAME.0, NAME.1, ShadowOutcome::Failed("panicked"))],
        1
    );
}

#[test]
fn it_is_silent_after_twelve_that_ought_to_have_been_compared_and_later_after_an_hour_as_well() {
    let books = Books::default();
    let silent = |at: Moment| books.figures(at).silent;
    for _ in 0..100 {
        books.filtered(NAME, "not-sampled", true);
    }
    assert!(!silent(now()));
    for done in 1..=SILENT_AFTER {
        books.filtered(NAME, "express", false);
        assert_eq!(silent(now()), done == SILENT_AFTER);
    }
    let end = End::Compared(Box::default());
    books.open(NAME.0, NAME.1).settle(&end, now());
    assert!(!silent(now()));
    let later = now().plus(SILENT_FOR);
    for done in 1..=SILENT_AFTER {
        books.filtered(NAME, "express", false);
        assert!(!silent(now()), "something was compared just now");
        assert_eq!(silent(later), done == SILENT_AFTER);
    }
}

#[test]
fn what_the_store_could_not_take_is_added_to_what_came_since() {
    let books = Books::default();
    let settle = || books.open(NAME.0, NAME.1).settle(&differing("/a"), now());
    settle();
    let first = books.take();
    assert!(books.take().is_empty());
    settle();
    books.put_back(first);
    let all = books.take();
    assert_eq!(all.ended[&(NAME.0, NAME.1, ShadowOutcome::Differing)], 2);
    assert_eq!(all.noise_pairs[&NAME], 2);
    let [field] = all.fields.as_slice() else {
        panic!("{all:?}")
    };
    assert_eq!(
        (field.differing, field.noise, field.samples.len()),
        (2, 2, 2)
    );
}

#[test]
fn fields_beyond_what_is_kept_are_counted_and_samples_are_the_first_and_the_newest() {
    let books = Books::default();
    for at in 0..MOST_FIELDS + 7 {
        let end = differing(&format!("/a{at}"));
        books.open(NAME.0, NAME.1).settle(&end, now());
    }
    // Each stands in the differences and in the noise.
    assert_eq!(books.figures(now()).overflowed, 14);
    let books = Books::default();
    for at in 0..20 {
        let end = differing("/a");
        books
            .open(NAME.0, NAME.1)
            .settle(&end, Moment::from_millis(at));
    }
    let all = books.take();
    let at: Vec<i64> = all.fields[0]
        .samples
        .iter()
        .map(|one| one.at.millis())
        .collect();
    assert_eq!(at, [0, 16, 17, 18, 19]);
}

#[derive(Clone, Debug)]
enum Step {
    Open(usize),
    Filter(usize),
    Settle(usize, u8),
    Drop(usize),
    Take(bool),
}

fn step() -> impl Strategy<Value = Step> {
    let ends = 0..4_usize;
    prop_oneof![
        ends.clone().prop_map(Step::Open),
        ends.clone().prop_map(Step::Filter),
        (0..9_usize, 0..5_u8).prop_map(|(which, how)| Step::Settle(which, how)),
        (0..9_usize).prop_map(Step::Drop),
        any::<bool>().prop_map(Step::Take),
    ]
}

proptest! {
    #[test]
    fn the_books_balance_at_every_moment_and_the_store_gets_what_ended(
        steps in prop::collection::vec(step(), 0..200),
    ) {
        let books = Books::default();
        let names = [
            NAME,
            (Operation::Status, Way::Read),
            (Operation::Capture, Way::Dry),
            (Operation::Refund, Way::Write),
        ];
        let mut open = Vec::new();
        let mut kept = 0;
        for step in steps {
            match step {
                Step::Open(which) => open.push(books.open(names[which].0, names[which].1)),
                Step::Filter(which) => books.filtered(names[which], "express", false),
                Step::Settle(which, how) if which < open.len() => {
                    let end = match how {
                        0 => End::Compared(Box::default()),
                        1 => differing("/a"),
                        2 => End::Not(ShadowOutcome::Filtered("express")),
                        3 => End::Not(ShadowOutcome::Dropped("stale")),
                        _ => End::Not(ShadowOutcome::Failed("timeout")),
                    };
                    open.swap_remove(which).settle(&end, now());
                }
                Step::Drop(which) if which < open.len() => drop(open.swap_remove(which)),
                Step::Take(fails) => {
                    let taken = books.take();
                    if fails {
                        books.put_back(taken);
                    } else {
                        kept += taken.ended.values().sum::<u64>();
                    }
                }
                Step::Settle(..) | Step::Drop(_) => {}
            }
            let figures = books.figures(now());
            prop_assert!(figures.accounts.values().all(balances), "{figures:?}");
            let in_flight: u64 = figures.accounts.values().map(|one| one.in_flight).sum();
            prop_assert_eq!(in_flight, open.len() as u64);
        }
        drop(open);
        kept += books.take().ended.values().sum::<u64>();
        let offered: u64 = books.figures(now()).accounts.values().map(|one| one.offered).sum();
        prop_assert_eq!(offered, kept);
    }
}
