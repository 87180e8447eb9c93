#![allow(clippy::unwrap_used, reason = "a test stops where it is surprised")]

use super::*;
use crate::store::{Store, StoreOptions};

async fn three_entries(folder: &tempfile::TempDir) -> Store {
    let store = Store::open(&StoreOptions::at(folder.path().join("relay.db"))).unwrap();
    for n in 1..=3 {
        store
            .write(move |unit| append(unit, "ann", "looked", &format!("at {n}"), n))
            .await
            .unwrap();
    }
    store
}

#[tokio::test]
async fn a_log_that_somebody_edited_in_the_database_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let store = three_entries(&folder).await;
    let head = store.read(verify).await.unwrap().unwrap();
    assert_eq!(head.number, 3);
    let edits = [
        (
            "UPDATE audit SET who = 'bob' WHERE id = 2",
            "entry 2 does not have its hash",
        ),
        ("DELETE FROM audit WHERE id = 2", "found entry 3 after entry 1"),
    ];
    for (edit, words) in edits {
        let folder = tempfile::tempdir().unwrap();
        let store = three_entries(&folder).await;
        store
            .write(move |unit| Ok(unit.db.execute(edit, [])?))
            .await
            .unwrap();
        let broken = store.read(verify).await.unwrap().unwrap_err();
        assert!(broken.contains(words), "{broken}");
    }
}

#[tokio::test]
async fn entries_from_before_the_chain_are_taken_into_it_with_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let store = three_entries(&folder).await;
    store
        .write(|unit| Ok(unit.db.execute("UPDATE audit SET hash = NULL", [])?))
        .await
        .unwrap();
    assert!(store.read(verify).await.unwrap().is_err());
    store
        .write(|unit| append(unit, "ann", "looked", "at 4", 4))
        .await
        .unwrap();
    assert_eq!(store.read(verify).await.unwrap().unwrap().number, 4);
}

#[tokio::test]
async fn an_entry_that_is_taken_back_leaves_no_gap() {
    let folder = tempfile::tempdir().unwrap();
    let store = three_entries(&folder).await;
    let undone = store
        .write(|unit| {
            append(unit, "ann", "looked", "at nothing", 4)?;
            Err::<(), _>(StoreError::refused("changed her mind"))
        })
        .await;
    assert!(undone.is_err());
    store
        .write(|unit| append(unit, "bob", "looked", "at 4", 5))
        .await
        .unwrap();
    assert_eq!(store.read(verify).await.unwrap().unwrap().number, 4);
    let of_bob = Which {
        who: Some("bob".to_owned()),
        before: None,
    };
    let found = store.read(move |db| list(db, &of_bob, 10)).await.unwrap();
    assert_eq!(found.len(), 1);
}
