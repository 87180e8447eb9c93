//! The POS's cloud as a witness, against an account that misbehaves as real ones do: what it tells is on record once, in order
//! of its changes, and a webhook is believed in nothing but a ticket's number.
#![allow(clippy::unwrap_used, reason = "a test stops where it is surprised")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value, json};
use tillwire_e2e::sims::retail_cloud::{App, Mishap};
use tillwire_proto::{Fact, NoticeKind};
use tillwire_relay::cloud::Poller;
use tillwire_relay::cloud::hooks::{self, Door};
use tillwire_relay::cloud::oauth::{Application, Asking};
use tillwire_relay::cloud::poll::Problem;
use tillwire_relay::cloud::settings::{AccountDraft, Reads};
use tillwire_relay_core::settings::{RelaySettings, StoreDraft};
use tokio::net::TcpListener;

mod checks;
mod desk;

use desk::{Desk, SECRET, STATION, ago, order, ticket, words};

#[tokio::test]
async fn every_ticket_is_on_record_once_although_pages_shift_under_the_reader() {
    let desk = Desk::new().await;
    for id in 1..=60 {
        desk.cloud
            .put(ticket(id, &ago(130 - i64::try_from(id).unwrap(), 0)))
            .unwrap();
    }
    desk.cloud.page_max(7);
    // tickets that were read already move to the end while the list is read
    desk.cloud.goes_wrong((0..6).map(|nth| Mishap::Touched(nth % 3)));
    let mut poller = desk.poller().await;
    assert_eq!(poller.round().await.unwrap(), 60);
    let told = desk.tickets();
    let numbers: BTreeSet<&str> = told.iter().map(|(number, _)| number.as_str()).collect();
    assert_eq!((told.len(), numbers.len()), (60, 60));
    assert!(
        desk.cloud.asked().iter().all(|asked| asked.contains("page=1&")),
        "only first pages are asked for"
    );
    assert_eq!(poller.round().await.unwrap(), 0, "told again, nothing is new");
    let db = rusqlite::Connection::open(desk.dir.path().join("relay.db")).unwrap();
    let sql = "SELECT device FROM devices WHERE last_seen_ms IS NOT NULL";
    let heard: String = db.query_row(sql, [], |row| row.get(0)).unwrap();
    assert_eq!(heard, "cloud-s01", "the fleet sees when the account was heard");
}

#[tokio::test]
async fn minute_in_which_thousands_changed_is_read_to_its_end() {
    let desk = Desk::new().await;
    let minute = ago(20, 0);
    for id in 1..=30 {
        desk.cloud.put(ticket(id, &minute)).unwrap();
    }
    desk.cloud.put(ticket(31, &ago(10, 0))).unwrap();
    // pages are never longer, whatever is asked for
    desk.cloud.page_max(7);
    let mut poller = desk.poller().await;
    assert_eq!(poller.round().await.unwrap(), 31);
    assert_eq!(poller.round().await.unwrap(), 0);
    assert_eq!(desk.tickets().len(), 31);
}

#[tokio::test]
async fn what_was_read_is_known_after_a_restart_and_a_late_one_is_found() {
    let desk = Desk::new().await;
    desk.cloud.put(ticket(1, &ago(20, 0))).unwrap();
    assert_eq!(desk.poller().await.round().await.unwrap(), 1);
    // it was there before, and shows only now
    desk.cloud.put(ticket(2, &ago(23, 0))).unwrap();
    assert_eq!(desk.poller().await.round().await.unwrap(), 1);
    assert_eq!(desk.tickets(), [("1".to_owned(), 0), ("2".to_owned(), 0)]);
}

#[tokio::test]
async fn changed_ticket_is_its_next_revision_and_an_unfinished_one_is_none() {
    let desk = Desk::new().await;
    let mut open = ticket(2, &ago(9, 0));
    (open["status"], open["completed?"]) = (json!("incomplete"), json!(false));
    desk.cloud.put(open).unwrap();
    desk.cloud.put(ticket(1, &ago(10, 0))).unwrap();
    let mut poller = desk.poller().await;
    assert_eq!(poller.round().await.unwrap(), 1);
    let mut changed = ticket(1, &ago(5, 0));
    changed["sales_rep"] = json!("Priya");
    desk.cloud.put(changed).unwrap();
    desk.cloud.put(ticket(2, &ago(4, 0))).unwrap();
    assert_eq!(poller.round().await.unwrap(), 2);
    let (one, two) = ("1".to_owned(), "2".to_owned());
    assert_eq!(desk.tickets(), [(one.clone(), 0), (one, 1), (two, 0)]);
}

#[tokio::test]
async fn account_that_misbehaves_is_left_alone_and_nothing_is_lost() {
    let desk = Desk::new().await;
    desk.cloud.put(ticket(1, &ago(10, 0))).unwrap();
    let mut poller = desk.poller().await;
    desk.cloud
        .goes_wrong([Mishap::TooMany(7), Mishap::Status(502), Mishap::Cut]);
    let slower = poller.round().await.unwrap_err();
    let Problem::Account(said, wait) = &slower else {
        panic!("{slower:?}")
    };
    assert!(said.contains("429") && wait.as_secs() == 7, "{said} {wait:?}");
    assert!(words(&poller.round().await.unwrap_err()).contains("502"));
    assert!(words(&poller.round().await.unwrap_err()).contains("wanted a page of a list"));
    desk.cloud.takes_only("another-token");
    let refused = words(&poller.round().await.unwrap_err());
    assert!(
        refused.contains("the token is not taken; make a new one"),
        "{refused}"
    );
    desk.cloud.takes_only("good-token");
    assert_eq!(poller.round().await.unwrap(), 1);
}

#[tokio::test]
async fn stores_are_told_when_their_cloud_is_not_heard_and_when_it_is_again() {
    let desk = Desk::new().await;
    desk.cloud.goes_wrong(std::iter::repeat_n(Mishap::Status(503), 3));
    let mut account = desk.account.clone();
    account.every = std::time::Duration::from_millis(20);
    let key = desk.pki.cloud_key().unwrap();
    let poller = Poller::open(account, &desk.store, &desk.ingest, &key, Arc::clone(&desk.wake))
        .await
        .unwrap();
    let stop = tokio_util::sync::CancellationToken::new();
    let running = tokio::spawn(poller.run(stop.clone()));
    let notices = || {
        let facts = desk.facts();
        let notices = facts.into_iter().filter_map(|fact| match fact {
            Fact::Notice(notice) if notice.kind == NoticeKind::Source => Some(notice.text.to_string()),
            _ => None,
        });
        notices.collect::<Vec<_>>()
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), async {
        while notices().len() < 2 {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    })
    .await
    .unwrap();
    let told = notices();
    assert!(
        told[0].contains("is not heard: HTTP 503") && told[1].contains("answers again"),
        "{told:?}"
    );
    stop.cancel();
    running.await.unwrap();
}

#[tokio::test]
async fn webhook_is_on_disk_before_it_is_answered_and_believed_in_nothing() {
    let desk = Desk::new().await;
    let door = Door::of(&desk.account, Arc::clone(&desk.wake)).unwrap().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hooks/heartland", listener.local_addr().unwrap());
    let router = hooks::router(desk.store.clone(), vec![door]);
    tokio::spawn(async move { axum::serve(listener, router).await });
    // older than any round would look
    desk.cloud.put(ticket(1, "2020-01-01T00:00:00Z")).unwrap();
    let mut poller = desk.poller().await;
    assert_eq!(poller.round().await.unwrap(), 0);

    assert_eq!(
        desk.cloud
            .tell(&format!("{url}/not-the-secret-of-anybody"), 1)
            .await
            .unwrap(),
        404
    );
    assert_eq!(
        poller.round().await.unwrap(),
        0,
        "who does not know the secret says nothing"
    );
    assert_eq!(desk.cloud.tell(&format!("{url}/{SECRET}"), 1).await.unwrap(), 200);
    assert_eq!(desk.cloud.tell(&format!("{url}/{SECRET}"), 1).await.unwrap(), 200);
    assert_eq!(
        desk.poller().await.round().await.unwrap(),
        1,
        "a relay that starts anew knows of it"
    );
    assert_eq!(desk.tickets(), [("1".to_owned(), 0)]);

    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    for (body, wanted) in [
        (
            r#"{"id": 99, "updated_at": "2026-11-24T10:00:00Z", "total": 1000000}"#.to_owned(),
            200,
        ),
        (r#"{"first_name":"A","email":"a@b.c"}"#.to_owned(), 200),
        ("not json".to_owned(), 200),
        ("x".repeat(300_000), 413),
    ] {
        let answer = http
            .post(format!("{url}/{SECRET}"))
            .body(body)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status().as_u16(), wanted);
    }
    assert_eq!(
        poller.round().await.unwrap(),
        0,
        "a ticket that the account does not have is none"
    );
}

#[tokio::test]
async fn other_locations_are_nobodys_and_what_cannot_be_read_is_kept_with_its_bytes() {
    let desk = Desk::new().await;
    let mut elsewhere = ticket(1, &ago(10, 0));
    (elsewhere["source_location_id"], elsewhere["location_id"]) = (json!(7), json!(7));
    desk.cloud.put(elsewhere).unwrap();
    let mut wrong = ticket(2, &ago(9, 0));
    wrong["total"] = json!(11.0);
    wrong["customer_name"] = json!("card 4111 1111 1111 1111");
    desk.cloud.put(wrong).unwrap();
    let mut poller = desk.poller().await;
    assert_eq!(poller.round().await.unwrap(), 1);
    assert_eq!(poller.round().await.unwrap(), 0, "it is kept once");
    let facts = desk.facts();
    let unreadable = facts
        .iter()
        .filter(|fact| matches!(fact, Fact::Unreadable(_)))
        .count();
    let alarms = facts
        .iter()
        .filter(|fact| matches!(fact, Fact::Notice(notice) if notice.kind == NoticeKind::CardData));
    assert_eq!((unreadable, alarms.count()), (1, 1));
    let attachments: BTreeMap<String, Vec<u8>> = attachments(&desk);
    assert_eq!(attachments.len(), 1);
    let kept = String::from_utf8(attachments.into_values().next().unwrap()).unwrap();
    assert!(
        kept.contains("\"total\":11.0") && !kept.contains("4111 1111"),
        "{kept}"
    );
}

/// A desk whose account shows orders.
async fn desk_with_orders() -> Desk {
    let mut desk = Desk::new().await;
    desk.account.reads = BTreeSet::from([Reads::Orders]);
    desk
}

#[tokio::test]
async fn every_order_is_on_record_once_although_others_are_sold_while_the_list_is_read() {
    let desk = desk_with_orders().await;
    for id in 1..=60 {
        let at = ago(130 - i64::try_from(id).unwrap(), 0);
        desk.cloud.put_order(STATION, order(id, &at)).unwrap();
    }
    desk.cloud
        .put_order("another-station", order(99, &ago(5, 0)))
        .unwrap();
    desk.cloud.page_max(7);
    desk.cloud.goes_wrong((0..6).map(|nth| Mishap::Touched(nth % 3)));
    let mut poller = desk.poller().await;
    assert_eq!(poller.round().await.unwrap(), 60, "and none that is open");
    let told = desk.tickets();
    let numbers: BTreeSet<&str> = told.iter().map(|(number, _)| number.as_str()).collect();
    assert_eq!((told.len(), numbers.len()), (60, 60));
    let asked = desk.cloud.asked().len();
    assert_eq!(poller.round().await.unwrap(), 0, "told again, nothing is new");
    assert!(
        desk.cloud.asked().len() - asked < 9,
        "a later round goes no further back than it must"
    );
}

#[tokio::test]
async fn order_that_was_open_is_on_record_when_it_is_paid_and_a_changed_one_is_its_next_revision() {
    let desk = desk_with_orders().await;
    desk.cloud.page_max(2);
    let mut open = order(1, &ago(90, 0));
    (open["status"], open["amountDue"]) = (json!("DRAFT"), json!("10.00"));
    desk.cloud.put_order(STATION, open).unwrap();
    for id in 2..=20 {
        let at = ago(80 - i64::try_from(id).unwrap(), 0);
        desk.cloud.put_order(STATION, order(id, &at)).unwrap();
    }
    assert_eq!(desk.poller().await.round().await.unwrap(), 19);
    // it stands at its old place, ten pages down
    let mut paid = order(1, &ago(90, 0));
    paid["updatedAt"] = json!(ago(1, 0));
    desk.cloud.put_order(STATION, paid).unwrap();
    let mut poller = desk.poller().await;
    assert_eq!(poller.round().await.unwrap(), 1, "also after a restart");
    let mut voided = order(20, &ago(60, 0));
    (voided["status"], voided["updatedAt"]) = (json!("VOIDED"), json!(ago(0, 0)));
    desk.cloud.put_order(STATION, voided).unwrap();
    assert_eq!(poller.round().await.unwrap(), 1);
    let told = desk.tickets();
    assert!(told.contains(&("20".to_owned(), 1)), "{told:?}");
}

#[tokio::test]
async fn answer_with_errors_stops_the_round_and_an_order_that_does_not_add_up_is_kept_with_its_station() {
    let desk = desk_with_orders().await;
    let mut wrong = order(1, &ago(10, 0));
    wrong["total"] = json!("11.00");
    wrong["orderRequests"][0]["giftCardLines"]["nodes"] = json!([{ "id": "g", "qty": 1, "description": "card 4111 1111 1111 1111",
        "amount": "0.00" }]);
    desk.cloud.put_order(STATION, wrong).unwrap();
    let mut poller = desk.poller().await;
    desk.cloud.goes_wrong([Mishap::TooMany(7), Mishap::Cut]);
    assert!(words(&poller.round().await.unwrap_err()).contains("429"));
    assert!(words(&poller.round().await.unwrap_err()).contains("wanted a page of orders"));
    assert_eq!(poller.round().await.unwrap(), 1);
    assert_eq!(poller.round().await.unwrap(), 0, "it is kept once");
    let unreadable = desk.facts().into_iter().find_map(|fact| match fact {
        Fact::Unreadable(unreadable) => Some(format!("{unreadable:?}")),
        _ => None,
    });
    assert!(unreadable.unwrap().contains("till-1"));
    let kept = String::from_utf8(attachments(&desk).into_values().next().unwrap()).unwrap();
    assert!(
        kept.starts_with(&format!("{{\"stationId\":\"{STATION}\"")) && !kept.contains("4111 1111"),
        "{kept}"
    );
}

fn attachments(desk: &Desk) -> BTreeMap<String, Vec<u8>> {
    let db = rusqlite::Connection::open(desk.dir.path().join("relay.db")).unwrap();
    let mut rows = db.prepare("SELECT hex(digest), packed FROM attachments").unwrap();
    let rows = rows
        .query_map([], |row| Ok((row.get(0)?, row.get::<_, Vec<u8>>(1)?)))
        .unwrap();
    rows.map(|row| {
        row.map(|(digest, packed)| (digest, zstd::decode_all(&packed[..]).unwrap()))
            .unwrap()
    })
    .collect()
}

/// An application that the account knows.
fn consented(desk: &Desk, query_only: bool, host: &str) -> Application {
    let secret = desk.dir.path().join("app-secret");
    std::fs::write(&secret, "s3cret\n").unwrap();
    let application = Application {
        client_id: "tillwire".to_owned(),
        client_secret_file: secret,
        redirect_uri: "https://relay.acme.example/heartland".to_owned(),
        scope: "sales.read locations.read".to_owned(),
        server: desk.account.url.clone(),
    };
    application.check().unwrap();
    desk.cloud.knows(App {
        client_id: application.client_id.clone(),
        client_secret: "s3cret".to_owned(),
        redirect_uri: application.redirect_uri.clone(),
        query_only,
        host: host.to_owned(),
    });
    application
}

/// Opens the address as a browser does, and tells where it was sent on to.
async fn agree(asking: &Asking<'_>) -> String {
    let http = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    let answer = http.get(asking.address().unwrap()).send().await.unwrap();
    answer.headers()["location"].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn consent_gives_a_token_that_a_running_reader_takes_up() {
    for query_only in [false, true] {
        let desk = Desk::new().await;
        desk.cloud.put(ticket(1, &ago(10, 0))).unwrap();
        let mut poller = desk.poller().await;
        desk.cloud.takes_only("token-by-consent");
        assert!(words(&poller.round().await.unwrap_err()).contains("the token is not taken"));
        let application = consented(&desk, query_only, "127.0.0.1");
        let asking = Asking::new(&application).unwrap();
        let sent_to = agree(&asking).await;
        let code = asking.code(&format!("{sent_to}\n")).unwrap();
        let token = asking.token(&code, &desk.account).await.unwrap();
        assert_eq!(token.as_str(), "token-by-consent");
        std::fs::write(&desk.account.token_file, token.as_str()).unwrap();
        assert_eq!(poller.round().await.unwrap(), 1, "without a restart");
        let again = asking.token(&code, &desk.account).await.unwrap_err().to_string();
        assert!(again.contains("a code is good once"), "{again}");
        assert!(!again.contains("s3cret") && !again.contains(&*code), "{again}");
    }
}

#[tokio::test]
async fn consent_of_another_asking_or_another_account_is_none() {
    let desk = Desk::new().await;
    let application = consented(&desk, false, "other.retail.example");
    let (asking, other) = (
        Asking::new(&application).unwrap(),
        Asking::new(&application).unwrap(),
    );
    let sent_to = agree(&asking).await;
    for (sent_to, wanted) in [
        (agree(&other).await, "answer to another question"),
        (sent_to.replace("code=", "x="), "without a code"),
        (
            "https://relay.acme.example/heartland?error=access_denied".to_owned(),
            "no consent was given",
        ),
        ("code-1".to_owned(), "found no address"),
    ] {
        let refused = asking.code(&sent_to).map(|code| code.to_string());
        let said = refused.unwrap_err().to_string();
        assert!(said.contains(wanted), "{sent_to}: {said}");
    }
    let code = asking.code(&sent_to).unwrap();
    let said = asking.token(&code, &desk.account).await.unwrap_err().to_string();
    assert!(
        said.contains("found a token of account \"other.retail.example\", wanted one of 127.0.0.1"),
        "{said}"
    );
}

#[test]
fn account_that_cannot_be_is_refused_by_the_key_that_is_wrong() {
    let draft: StoreDraft = serde_json::from_value(json!({ "tenant": "acme", "store": "s01",
        "time_zone": "America/Chicago", "registers": ["till-1"], "odoo": { "company": "A", "journal": "J",
        "warehouse": "W", "accounts": { "tender": { "cash": "1" }, "revenue": "4" } } }))
    .unwrap();
    let settings = RelaySettings::new([draft.check().unwrap()]).unwrap();
    let good = json!({ "tenant": "acme", "url": "https://acme.example", "token_file": "/t", "store": [{ "store": "s01",
        "location_ids": ["1"], "registers": { "till-1": ["1"] } }] });
    let check = |change: &dyn Fn(&mut Value)| {
        let mut draft = good.clone();
        change(&mut draft);
        serde_json::from_value::<AccountDraft>(draft)
            .unwrap()
            .check(&settings)
    };
    assert!(check(&|_| {}).is_ok());
    for (key, change) in [
        (
            "url",
            (&|draft: &mut Value| draft["url"] = json!("http://acme.example")) as &dyn Fn(&mut Value),
        ),
        ("every_s", &|draft| draft["every_s"] = json!(0)),
        ("store.store", &|draft| draft["store"][0]["store"] = json!("s99")),
        ("store.location_ids", &|draft| {
            draft["store"][0]["location_ids"] = json!([]);
        }),
        ("store.registers", &|draft| {
            draft["store"][0]["registers"] = json!({ "till-9": ["1"] });
        }),
        ("store.registers", &|draft| {
            draft["store"][0]["registers"] = json!({ "till-1": ["1", "1"] });
        }),
        ("store", &|draft| draft["store"] = json!([])),
        ("reads", &|draft| draft["reads"] = json!([])),
        ("oauth.redirect_uri", &|draft| {
            draft["oauth"] = json!({ "client_id": "t", "client_secret_file": "/s", "redirect_uri": "relay", "scope": "s" });
        }),
        ("checks", &|draft| {
            draft["reads"] = json!(["orders"]);
            draft["checks"] = json!(["payments"]);
        }),
        ("asks_per_s", &|draft| draft["asks_per_s"] = json!(0)),
        ("store.registers", &|draft| draft["reads"] = json!(["orders"])),
    ] {
        assert_eq!(check(change).unwrap_err().0, key);
    }
}
