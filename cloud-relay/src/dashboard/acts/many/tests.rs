#![allow(clippy::unwrap_used, reason = "a test stops where it is surprised")]

use axum::http::StatusCode;
use tillwire_relay_core::exception::{CauseKey, ExceptionDraft, ExceptionKind};
use tillwire_relay_core::people::Role;

use crate::dashboard::tests::{House, house, text};
use crate::store::exceptions::{self, Source};
use crate::testing::{store_id, tenant};

/// A day that a gap holds (no. 1), and three notices (2, 3, 4) that hold nothing.
async fn with_notices() -> House {
    with_three(ExceptionKind::ClockOff).await
}

async fn with_three(kind: ExceptionKind) -> House {
    let house = house().await;
    for nth in 0..3 {
        let cause = CauseKey::new(kind, &[&nth]);
        let detail = format!("the clock of box {nth} is off");
        let draft = ExceptionDraft::new(kind, &tenant(), &store_id(), cause, detail);
        house
            .store()
            .write(move |unit| exceptions::raise(unit, Source::Ingest, &draft, 1))
            .await
            .unwrap();
    }
    house
}

async fn open(house: &House) -> Vec<i64> {
    let open = house
        .store()
        .read(|db| exceptions::list(db, &exceptions::Filter::default()))
        .await
        .unwrap();
    let mut ids: Vec<i64> = open.iter().map(|one| one.id).collect();
    ids.sort_unstable();
    ids
}

#[tokio::test]
async fn several_are_closed_at_once_and_each_is_in_the_log() {
    let house = with_notices().await;
    let ann = house.invite("ann", &[Role::Auditor], "*").await;
    let list = ann.page("/exceptions").await;
    assert!(
        list.contains("name=\"exception\" value=\"2\"") && list.contains("choose no. 4"),
        "{list}"
    );
    let done = ann
        .post("/exceptions", "act=resolve&exception=2&exception=3&exception=3&reason=set+right&back=/exceptions?owner=operations")
        .await;
    assert_eq!(done.status(), StatusCode::OK);
    let page = text(done).await;
    assert!(
        page.contains("2 of 2 closed") && page.contains("href=\"/exceptions?owner=operations\""),
        "{page}"
    );
    assert_eq!(open(&house).await, [1, 4]);
    assert_eq!(
        house.log("exception resolved").await,
        ["ann: 3: set right", "ann: 2: set right"]
    );
}

#[tokio::test]
async fn what_cannot_be_closed_stays_and_says_why_while_the_others_go() {
    let house = with_notices().await;
    let ann = house.invite("ann", &[Role::Auditor], "*").await;
    ann.post("/exceptions", "act=resolve&exception=2&reason=seen")
        .await;
    let mixed = ann
        .post(
            "/exceptions",
            "act=resolve&exception=1&exception=2&exception=4&reason=seen",
        )
        .await;
    assert_eq!(mixed.status(), StatusCode::CONFLICT);
    let page = text(mixed).await;
    assert!(
        page.contains("1 of 3 closed")
            && page.contains("resolved before, by ann")
            && page.contains("holds its day"),
        "{page}"
    );
    assert_eq!(open(&house).await, [1, 3]);
}

#[tokio::test]
async fn of_a_choice_that_is_not_all_ones_own_nothing_is_touched() {
    let house = with_notices().await;
    let eve = house.invite("eve", &[Role::Auditor], "oak").await;
    let fields = "act=resolve&exception=2&exception=3&reason=mine";
    assert_eq!(
        eve.post("/exceptions", fields).await.status(),
        StatusCode::NOT_FOUND
    );
    let dan = house.invite("dan", &[Role::StoreIt], "*").await;
    // the gap is not on this person's desk
    let mixed = "act=resolve&exception=2&exception=1&reason=mine";
    assert_eq!(
        dan.post("/exceptions", mixed).await.status(),
        StatusCode::NOT_FOUND
    );
    let vic = house.invite("vic", &[Role::Viewer], "*").await;
    assert_eq!(
        vic.post("/exceptions", fields).await.status(),
        StatusCode::FORBIDDEN
    );
    assert!(!vic.page("/exceptions").await.contains("type=\"checkbox\""));
    let ann = house.invite("ann", &[Role::Auditor], "*").await;
    for (bad, wanted) in [
        ("act=resolve&reason=x", StatusCode::UNPROCESSABLE_ENTITY),
        (
            "act=resolve&exception=2&reason=+",
            StatusCode::UNPROCESSABLE_ENTITY,
        ),
        ("act=dance&exception=2", StatusCode::BAD_REQUEST),
        ("act=resolve&exception=two&reason=x", StatusCode::NOT_FOUND),
    ] {
        assert_eq!(ann.post("/exceptions", bad).await.status(), wanted, "{bad}");
    }
    let many: String = (0..201).map(|id| format!("&exception={id}")).collect();
    let too_many = ann.post("/exceptions", &format!("act=retry{many}")).await;
    assert_eq!(too_many.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(open(&house).await, [1, 2, 3, 4]);
}

#[tokio::test]
async fn what_did_not_decode_is_decoded_again_once_for_all_that_were_chosen() {
    let house = with_three(ExceptionKind::Undecodable).await;
    let ann = house.invite("ann", &[Role::Auditor], "*").await;
    let done = ann
        .post("/exceptions", "act=retry&exception=2&exception=3&exception=4")
        .await;
    assert!(text(done).await.contains("3 of 3 tried again"));
    assert_eq!(
        house.log("tried again").await,
        ["ann: 2: 0 batches are understood now"]
    );
}
