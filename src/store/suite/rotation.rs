//! A changed encryption key: the old one opens until all is sealed with the new one, and may go then.
//!
//! Must not: know which back end it runs on.

use futures_util::future::join_all;

use super::*;
use crate::store::{Lease, Registered, Sealer, Webhook};

/// More than one page of payments.
const PAYMENTS: usize = 510;

/// A sealer of these keys, the one in use first.
pub(in crate::store) fn sealer(keys: &[u8]) -> Sealer {
    let begun = Sealer::new([keys[0]; 32]);
    keys[1..]
        .iter()
        .fold(begun, |sealer, key| sealer.with_previous([*key; 32]))
}

async fn write(both: &Both) {
    let learn = async |n: usize| {
        let order = order(&format!("o{n}"));
        let facts = facts(Origin::Ecom);
        both.store
            .learn_payment(&shop(), &order, caller("a"), facts, at(1))
            .await
            .unwrap();
    };
    join_all((0..PAYMENTS).map(learn)).await;
    fresh(&both.store, new_payment("open", Origin::Epayment, "a")).await;
    let msn = msn();
    both.callbacks.see_unit(&msn, at(1)).await.unwrap();
    let lease = both.callbacks.claim_registration(&msn, at(1), at(9));
    let lease: Lease = lease.await.unwrap().unwrap();
    let made = Registered::Made(Webhook {
        msn: msn.clone(),
        id: "w1".to_owned(),
        url: "https://bridge.example/webhooks/123456".to_owned(),
        secret: SecretString::from("webhook-secret-4711"),
        made_at: at(2),
        retired_at: None,
    });
    let settled = both
        .callbacks
        .settle_registration(&msn, lease, made, at(9), at(2));
    assert!(settled.await.unwrap());
}

/// How many secrets open: tokens of payments, the one of the attempt, the webhook's.
async fn read(both: &Both) -> (usize, usize, usize) {
    let known = async |text: String| {
        let (scope, order) = (shop(), order(&text));
        both.store
            .payment(&scope, &order, caller("a"))
            .await
            .unwrap()
    };
    let opens = |facts: &PaymentFacts| {
        let token = token(facts);
        assert!(token.is_none_or(|token| token == "Bearer shop-token-4711"));
        token.is_some()
    };
    let mut payments = 0;
    for n in [0, 1, 498, 499, 500, PAYMENTS - 1] {
        let payment = known(format!("o{n}")).await.payment.unwrap();
        payments += usize::from(opens(&payment.facts));
    }
    let open = known("open".to_owned()).await.attempt.unwrap();
    let webhooks = both.callbacks.webhooks(None).await.unwrap();
    let same = |one: &&Webhook| one.secret.expose_secret() == "webhook-secret-4711";
    (
        payments,
        usize::from(opens(&open.facts)),
        webhooks.iter().filter(same).count(),
    )
}

/// `open` opens the one store again, under these keys.
pub(in crate::store) async fn a_changed_key_seals_again(open: impl AsyncFn(&[u8]) -> Both) {
    write(&open(&[5]).await).await;
    for (keys, want) in [
        // The old key opens, and seals no more.
        (&[6, 5][..], (6, 1, 1)),
        // It was not needed any more.
        (&[6], (6, 1, 1)),
        (&[5], (0, 0, 0)),
        // A key is missing: nothing is touched, nothing is lost.
        (&[7, 5], (0, 0, 0)),
        (&[6], (6, 1, 1)),
        // Several changes at once, and one that is done already.
        (&[8, 5, 6], (6, 1, 1)),
        (&[8, 6], (6, 1, 1)),
        (&[8], (6, 1, 1)),
    ] {
        assert_eq!(read(&open(keys).await).await, want, "{keys:?}");
    }
}
