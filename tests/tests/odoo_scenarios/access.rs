//! Who may not post, does not, and the day waits until somebody may.

use serde_json::json;
use tillwire_relay_core::exception::ExceptionKind;
use tillwire_relay_core::odoo::JournalEntry;

use crate::desk::Desk;
use crate::ground::Ground;
use crate::server::Login;

/// As often as a poster looks in many minutes.
const SOME_TURNS: usize = 6;

async fn assert_not_there(ground: &Ground, entry: &JournalEntry) {
    let domain = json!([["ref", "=", entry.reference]]);
    let found = ground.read("account.move", domain, &["state"]).await;
    assert_eq!(found.len(), 0, "{found:?}");
}

/// One exception that says what is wrong; nothing in Odoo; and with the right person the day goes on by itself.
async fn refused_then_mended(ground: &Ground, who: &Login, wanted: &str) {
    let desk = Desk::with(ground.client_of(who, &ground.url), ground.settings());
    let entry = desk.intend_entry(ground.day(), ground.fresh(), 5_150).await;
    desk.work_at_most(SOME_TURNS).await;
    assert_not_there(ground, &entry).await;
    let told = desk.exceptions().await;
    assert!(!told.is_empty());
    for one in &told {
        assert_eq!(
            one.draft.kind,
            ExceptionKind::OdooRejected,
            "{}",
            one.draft.detail
        );
    }
    let words = desk.words().await.join("\n");
    assert!(words.contains(wanted), "{words}");

    let desk = desk.restarted_with(ground.client());
    desk.work().await;
    desk.done(&entry.key).await;
    crate::postings::assert_once(ground, &entry).await;
}

pub(crate) async fn a_user_who_may_only_look_posts_nothing(ground: Ground) {
    refused_then_mended(&ground, &ground.reader, "Invoicing: Billing").await;
}

pub(crate) async fn a_wrong_key_posts_nothing_and_goes_on_when_it_is_right(ground: Ground) {
    let wrong = Login {
        login: ground.poster.login.clone(),
        key: "not-the-key".to_owned(),
    };
    refused_then_mended(&ground, &wrong, "API key").await;
}
