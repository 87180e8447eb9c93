#![allow(clippy::unwrap_used, reason = "a test stops where it is surprised")]

use ring::rand::SystemRandom;

use super::*;
use crate::store::{Store, StoreOptions};

fn key() -> Ed25519KeyPair {
    let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap()
}

async fn write(store: &Store, detail: &'static str) {
    store
        .write(move |unit| crate::store::audit(unit, "ann", "looked", detail, 7))
        .await
        .unwrap();
}

fn file(store: &Store, key: &Ed25519KeyPair) -> Vec<u8> {
    let mut out = Vec::new();
    store
        .read_blocking(|db| Ok(export(db, store.relay(), key, &mut out).unwrap()))
        .unwrap();
    out
}

#[tokio::test]
async fn a_file_checks_by_itself_and_any_change_to_it_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&StoreOptions::at(folder.path().join("relay.db"))).unwrap();
    write(&store, "at one").await;
    write(&store, "at two").await;
    let file = String::from_utf8(file(&store, &key())).unwrap();
    assert_eq!(read(&mut file.as_bytes()).unwrap().head.number, 2);
    let lines: Vec<&str> = file.lines().collect();
    let broken = [
        (file.replace("at two", "at tow"), "entry 2 does not have its hash"),
        (lines[1..].join("\n"), "found entry 2 after entry 0"),
        (lines[..2].join("\n"), "it was cut"),
        (format!("{}\n{}\n", lines[0], lines[2]), "another end"),
        (format!("{}\nhello\n", lines[0]), "line 2 is neither"),
        (String::new(), "it was cut"),
    ];
    for (text, words) in broken {
        let error = format!("{:#}", read(&mut text.as_bytes()).unwrap_err());
        assert!(error.contains(words), "{words}: {error}");
    }
}

#[tokio::test]
async fn another_relays_signature_does_not_pass_and_a_kept_file_notices_a_log_that_was_cut() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&StoreOptions::at(folder.path().join("relay.db"))).unwrap();
    write(&store, "at one").await;
    write(&store, "at two").await;
    let kept = file(&store, &key());
    let other: SignedHead = read(&mut file(&store, &key()).as_slice()).unwrap();
    let mut signed = read(&mut kept.as_slice()).unwrap();
    signed.signature = other.signature;
    let lines = String::from_utf8(kept.clone()).unwrap();
    let entries = lines.lines().take(2).collect::<Vec<_>>().join("\n");
    let forged = format!("{entries}\n{}\n", serde_json::to_string(&signed).unwrap());
    let error = read(&mut forged.as_bytes()).unwrap_err().to_string();
    assert!(error.contains("signature"), "{error}");

    let head = read(&mut kept.as_slice()).unwrap().head;
    assert!(store.read_blocking(|db| still_holds(db, head)).unwrap());
    store
        .write(|unit| Ok(unit.db.execute("DELETE FROM audit WHERE id = 2", [])?))
        .await
        .unwrap();
    let cut = store.read_blocking(audit_log::verify).unwrap();
    assert!(cut.is_ok(), "a chain alone does not notice a lost end");
    assert!(!store.read_blocking(|db| still_holds(db, head)).unwrap());
}
