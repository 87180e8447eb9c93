//! The pages with people in them, over a store whose one day is held: who sees what, who may do what, and what
//! strangers, forgers and two people at once come to.
#![allow(clippy::unwrap_used, reason = "a test stops where it is surprised")]

use axum::body::Body as Bytes;
use axum::http::{Request, Response, StatusCode};
use tillwire_proto::{Body, Code, Fact, TenderKind};
use tillwire_relay_core::people::{Person, Role};
use tower::ServiceExt as _;

use super::door::COOKIE_NAME;
use super::from_store::tests::{day_of, held_day};
use super::*;
use crate::endpoint::Downlink;
use crate::enrol::RelayFacts;
use crate::people::{self, Token};
use crate::pki::Pki;
use crate::store::audit_log::{self, Which};
use crate::testing::{Relay, sale, settings};

const PASSWORD: &str = "three plain words here";
const DAY: &str = "/days/acme/s01/2027-01-14";

pub(super) struct House {
    _dir: tempfile::TempDir,
    relay: Relay,
    router: Router,
    people: People,
    inside: Arc<Inside>,
}

pub(super) async fn house() -> House {
    house_of(held_day().await)
}

fn house_of((dir, relay, _): (tempfile::TempDir, Relay, Router)) -> House {
    let store = relay.store.clone();
    let clock = store.clock().clone();
    let pki = Arc::new(
        Pki::init(
            &dir.path().join("keys"),
            &["localhost".to_owned()],
            clock.now_ms(),
        )
        .unwrap(),
    );
    let facts = RelayFacts {
        mqtt: "localhost:1".to_owned(),
        relay: store.relay(),
    };
    let in_force = InForce::from(settings());
    let views = StoreViews::new(store.clone(), in_force.clone(), Downlink::new(clock.clone()));
    let inside = Arc::new(Inside {
        people: People::new(store.clone()),
        store: store.clone(),
        in_force,
        configured_mapping: None,
        enrolments: Arc::new(Enrolments::new(
            Arc::new(store.clone()),
            Arc::clone(&pki),
            facts,
            clock.clone(),
        )),
        receipt_key: pki.receipt_key(),
    });
    let events = store.listen();
    House {
        router: router(Arc::new(views), clock, events, Some(Arc::clone(&inside))),
        people: People::new(store),
        inside,
        relay,
        _dir: dir,
    }
}

/// Somebody signed in.
pub(super) struct Visit {
    router: Router,
    cookie: String,
    form_token: String,
}

impl House {
    pub(super) const fn store(&self) -> &Store {
        &self.relay.store
    }

    /// A program asks.
    pub(super) async fn ask(&self, path: &str, headers: &[(&str, &str)]) -> (StatusCode, String) {
        let (status, body) = self.ask_bytes(path, headers).await;
        (status, String::from_utf8(body).unwrap())
    }

    pub(super) async fn ask_bytes(&self, path: &str, headers: &[(&str, &str)]) -> (StatusCode, Vec<u8>) {
        let mut request = Request::get(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Bytes::empty()).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let body = axum::body::to_bytes(response.into_body(), usize::MAX)
            .await
            .unwrap();
        (status, body.to_vec())
    }

    /// A program sends a form.
    pub(super) async fn post_with(&self, path: &str, body: &str, headers: &[(&str, &str)]) -> StatusCode {
        self.stranger()
            .send(path, body.to_owned(), headers)
            .await
            .status()
    }

    pub(super) async fn invite(&self, login: &str, roles: &[Role], scope: &str) -> Visit {
        let person = Person {
            login: login.parse().unwrap(),
            name: login.to_owned(),
            roles: roles.iter().copied().collect(),
            scope: scope.parse().unwrap(),
        };
        let code = people::invite(&self.relay.store, person, "test").await.unwrap();
        let token = self
            .people
            .welcome(&code.to_string(), "", PASSWORD.to_owned(), None)
            .await
            .unwrap();
        self.visit(&token)
    }

    fn visit(&self, token: &Token) -> Visit {
        Visit {
            router: self.router.clone(),
            cookie: format!("{COOKIE_NAME}={}", token.cookie()),
            form_token: token.form_token(),
        }
    }

    fn stranger(&self) -> Visit {
        Visit {
            router: self.router.clone(),
            cookie: String::new(),
            form_token: String::new(),
        }
    }

    pub(super) async fn log(&self, what: &'static str) -> Vec<String> {
        let all = self
            .relay
            .store
            .read(|db| audit_log::list(db, &Which::default(), 1000))
            .await
            .unwrap();
        all.into_iter()
            .filter(|(entry, _)| entry.what == what)
            .map(|(entry, _)| format!("{}: {}", entry.who, entry.detail))
            .collect()
    }

    /// Whether the one gap is still open.
    async fn gap_is_open(&self) -> bool {
        let one = self
            .relay
            .store
            .read(|db| crate::store::exceptions::get(db, 1))
            .await;
        one.unwrap().unwrap().resolved.is_none()
    }
}

pub(super) async fn text(response: Response<Bytes>) -> String {
    let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

impl Visit {
    pub(super) async fn get(&self, path: &str) -> Response<Bytes> {
        let request = Request::get(path)
            .header("cookie", &self.cookie)
            .header("accept", "text/html");
        let request = request.body(Bytes::empty()).unwrap();
        self.router.clone().oneshot(request).await.unwrap()
    }

    pub(super) async fn page(&self, path: &str) -> String {
        let response = self.get(path).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        text(response).await
    }

    pub(super) async fn post(&self, path: &str, fields: &str) -> Response<Bytes> {
        let body = format!("form_token={}&{fields}", self.form_token);
        self.send(path, body, &[("sec-fetch-site", "same-origin")]).await
    }

    async fn send(&self, path: &str, body: String, headers: &[(&str, &str)]) -> Response<Bytes> {
        let mut request = Request::post(path)
            .header("cookie", &self.cookie)
            .header("content-type", "application/x-www-form-urlencoded");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Bytes::from(body)).unwrap();
        self.router.clone().oneshot(request).await.unwrap()
    }
}

#[tokio::test]
async fn a_stranger_sees_the_login_and_nothing_else() {
    let house = house().await;
    let stranger = house.stranger();
    for path in [
        "/",
        "/days",
        DAY,
        "/exceptions",
        "/exceptions/1",
        "/fleet",
        "/find?q=1",
        "/approvals",
        "/people",
        "/audit",
        "/account",
        "/stock/acme/s01",
        "/months/acme/2027-01",
        "/entries/x",
    ] {
        let response = stranger.get(path).await;
        assert_eq!(response.status(), StatusCode::SEE_OTHER, "{path}");
        let to = response.headers()["location"].to_str().unwrap().to_owned();
        assert!(to.starts_with("/login?next=/"), "{path}: {to}");
    }
    // what is no page says so instead of leading a program to a form
    let mut request = Request::get("/live");
    request = request.header("accept", "text/event-stream");
    let live = house
        .router
        .clone()
        .oneshot(request.body(Bytes::empty()).unwrap())
        .await
        .unwrap();
    assert_eq!(live.status(), StatusCode::UNAUTHORIZED);
    assert!(
        stranger
            .page("/login?next=/days")
            .await
            .contains("value=\"/days\"")
    );
    assert_eq!(
        stranger.get("/assets/tillwire.css").await.status(),
        StatusCode::OK
    );
    assert_eq!(
        stranger
            .post("/exceptions/1", "act=resolve&reason=x")
            .await
            .status(),
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn signing_in_sets_a_cookie_that_only_this_host_gets_and_signing_out_ends_it() {
    let house = house().await;
    house.invite("ann", &[Role::Auditor], "*").await;
    let stranger = house.stranger();
    let wrong = stranger
        .post("/login", "login=ann&password=wrong+wrong+wrong&next=/days")
        .await;
    assert_eq!(wrong.status(), StatusCode::UNAUTHORIZED);
    assert!(wrong.headers().get("set-cookie").is_none());
    let fields = format!("login=Ann&password={}&next=/days", PASSWORD.replace(' ', "+"));
    let right = stranger.post("/login", &fields).await;
    assert_eq!(
        (right.status(), right.headers()["location"].to_str().unwrap()),
        (StatusCode::SEE_OTHER, "/days")
    );
    let cookie = right.headers()["set-cookie"].to_str().unwrap().to_owned();
    for part in [
        "__Host-tillwire=",
        "; Path=/;",
        "Secure",
        "HttpOnly",
        "SameSite=Lax",
    ] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains("Domain"), "{cookie}");
    let value = cookie.split(['=', ';']).nth(1).unwrap();
    let ann = house.visit(&Token::from_cookie(value).unwrap());
    let page = ann.page("/").await;
    assert!(
        page.contains("Sign out") && page.contains(&ann.form_token),
        "{page}"
    );
    let out = ann.post("/logout", "").await;
    assert!(
        out.headers()["set-cookie"]
            .to_str()
            .unwrap()
            .contains("Max-Age=0")
    );
    assert_eq!(ann.get("/").await.status(), StatusCode::SEE_OTHER);
    let elsewhere = stranger
        .post("/login", &fields.replace("/days", "//evil.example"))
        .await;
    assert_eq!(elsewhere.headers()["location"], "/");
}

#[tokio::test]
async fn everybody_sees_their_part_of_the_first_page() {
    let house = house().await;
    let auditor = house
        .invite("ann", &[Role::Auditor], "acme")
        .await
        .page("/")
        .await;
    assert!(
        auditor.contains("Net sales")
            && auditor.contains("2027-01-14")
            && auditor.contains("ticket numbers are missing"),
        "{auditor}"
    );
    let box_keeper = house.invite("bob", &[Role::StoreIt], "*").await;
    let page = box_keeper.page("/").await;
    assert!(
        page.contains("s01")
            && !page.contains("Net")
            && !page.contains("/days/")
            && !page.contains("ticket numbers"),
        "{page}"
    );
    for path in [
        "/days",
        DAY,
        "/find?q=1",
        "/months/acme/2027-01",
        "/stock/acme/s01",
    ] {
        assert_eq!(
            box_keeper.get(path).await.status(),
            StatusCode::FORBIDDEN,
            "{path}"
        );
    }
    assert_eq!(
        box_keeper.get("/exceptions/1").await.status(),
        StatusCode::NOT_FOUND
    );
    assert!(box_keeper.page("/fleet").await.contains("d1"));
    let admin = house.invite("cat", &[Role::Admin], "*").await;
    assert!(admin.page("/people").await.contains("ann"));
    assert_eq!(admin.get(DAY).await.status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn somebody_of_another_store_sees_nothing_of_this_one() {
    let house = house().await;
    let other = house
        .invite("eve", &[Role::Auditor, Role::StoreIt], "acme/s02,oak")
        .await;
    let record = {
        let ann = house.invite("ann", &[Role::Auditor], "*").await;
        let day = ann.page(DAY).await;
        let at = day.find("/records/").unwrap();
        day[at..].split('"').next().unwrap().to_owned()
    };
    assert!(!other.page("/").await.contains("2027-01-14"));
    assert!(!other.page("/fleet").await.contains(">d1<"));
    assert!(other.page("/exceptions").await.contains("Nothing needs a person"));
    assert!(other.page("/find?q=1").await.contains("Nothing goes by"));
    for path in [DAY, "/stock/acme/s01"] {
        assert_eq!(other.get(path).await.status(), StatusCode::FORBIDDEN, "{path}");
    }
    for path in [record.as_str(), "/exceptions/1", "/days/elm"] {
        assert_eq!(other.get(path).await.status(), StatusCode::NOT_FOUND, "{path}");
    }
    let sign = other.post(DAY, "act=sign&exception=1&reason=because").await;
    assert_eq!(sign.status(), StatusCode::FORBIDDEN);
    let revoke = other.post("/fleet", "act=revoke&tenant=acme&device=d1").await;
    assert_eq!(revoke.status(), StatusCode::FORBIDDEN);
    assert!(house.gap_is_open().await);
}

#[tokio::test]
async fn a_held_day_is_signed_by_two_people_or_not_at_all() {
    let house = house().await;
    let ann = house.invite("ann", &[Role::Auditor], "*").await;
    let bob = house.invite("bob", &[Role::Accountant], "acme/s01").await;
    let day = ann.page(DAY).await;
    assert!(
        day.contains("Ask a second person to sign") && day.contains("name=\"exception\" value=\"1\""),
        "{day}"
    );
    let no_reason = ann.post(DAY, "act=sign&exception=1&reason=+").await;
    assert_eq!(no_reason.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let asked = ann
        .post(DAY, "act=sign&exception=1&reason=the+roll+was+torn")
        .await;
    assert_eq!(asked.status(), StatusCode::SEE_OTHER);
    let twice = ann.post(DAY, "act=sign&exception=1&reason=again").await;
    assert_eq!(twice.status(), StatusCode::CONFLICT);
    assert!(house.gap_is_open().await, "one person changes nothing");

    let own = ann.post("/approvals/1", "act=allow").await;
    assert_eq!(own.status(), StatusCode::CONFLICT);
    assert!(text(own).await.contains("needs a second person"));
    assert!(house.gap_is_open().await);
    let approvals = bob.page("/approvals").await;
    assert!(
        approvals.contains("the roll was torn") && approvals.contains("Allow, and do it"),
        "{approvals}"
    );
    assert!(bob.page(DAY).await.contains("Waits for a second person"));
    // two clicks at once: one of them does it
    let (one, other) = tokio::join!(
        bob.post("/approvals/1", "act=allow"),
        bob.post("/approvals/1", "act=allow")
    );
    let mut answers = [one.status(), other.status()];
    answers.sort();
    assert_eq!(answers, [StatusCode::SEE_OTHER, StatusCode::CONFLICT]);
    assert!(!house.gap_is_open().await);
    let signed = house.log("day signed").await;
    assert_eq!(signed.len(), 1, "{signed:?}");
    assert!(
        signed[0].starts_with("ann, allowed by bob: acme/s01 2027-01-14"),
        "{signed:?}"
    );

    let back = bob.post(DAY, "act=reopen&reason=the+roll+was+found").await;
    assert_eq!(back.status(), StatusCode::SEE_OTHER);
    let refused = ann
        .post("/approvals/2", "act=refuse&reason=it+was+another+roll")
        .await;
    assert_eq!(refused.status(), StatusCode::SEE_OTHER);
    assert_eq!(house.log("day reopened").await.len(), 0);
    let decided = bob.page("/approvals").await;
    assert!(
        decided.contains("it was another roll") && decided.contains("refused by ann"),
        "{decided}"
    );
}

/// A sale that was paid by something that has no account yet.
fn paid_by_ebay(ticket: &str) -> tillwire_proto::Observation {
    let mut told = sale("2027-01-14", ticket, "A", 500);
    if let Fact::Transaction(transaction) = &mut told.fact
        && let Body::Trade(trade) = &mut transaction.body
    {
        trade.tenders[0].kind = TenderKind::Other(Code::new("EBAY").unwrap());
    }
    told
}

#[tokio::test]
async fn a_missing_row_is_tried_on_the_page_and_put_in_force_by_a_second_person() {
    let house = house_of(day_of(&[paid_by_ebay("1"), paid_by_ebay("2")]).await);
    let ann = house.invite("ann", &[Role::Accountant], "*").await;
    let page = ann.page("/exceptions/1").await;
    assert!(
        page.contains("Write the missing row") && page.contains("tender.EBAY"),
        "{page}"
    );
    let preview = ann.page("/exceptions/1/fix?to=101790&odoo_tax=&from=").await;
    assert!(
        preview.contains("&quot;EBAY&quot; = &quot;101790&quot;") && preview.contains(">2</td>"),
        "{preview}"
    );
    let auditor = house.invite("eve", &[Role::Auditor], "*").await;
    assert_eq!(
        auditor.get("/exceptions/1/fix?to=101790").await.status(),
        StatusCode::FORBIDDEN
    );
    let fields = "act=fix&to=101790&odoo_tax=&from=&reason=a+marketplace";
    assert_eq!(
        auditor.post("/exceptions/1", fields).await.status(),
        StatusCode::FORBIDDEN
    );
    for _ in 0..2 {
        ann.post("/exceptions/1", fields).await;
    }
    assert_eq!(house.log("asked for a second person").await.len(), 1);
    // a row counts for all stores of the company: who has one store does not decide on it
    let of_one = house.invite("bob", &[Role::Accountant], "acme/s01").await;
    assert_eq!(
        of_one.post("/approvals/1", "act=allow").await.status(),
        StatusCode::CONFLICT
    );
    assert!(house.log("mapping put in force").await.is_empty());
    let dan = house.invite("dan", &[Role::Accountant], "*").await;
    assert_eq!(
        dan.post("/approvals/1", "act=allow").await.status(),
        StatusCode::SEE_OTHER
    );
    let log = house.log("mapping put in force").await;
    assert!(
        log.len() == 1 && log[0].starts_with("ann, allowed by dan: "),
        "{log:?}"
    );
    // the same row on top of the old mapping would take the new one away again
    let stale = ann
        .post("/exceptions/1", &fields.replace("101790", "101791"))
        .await;
    assert_eq!(
        stale.status(),
        StatusCode::SEE_OTHER,
        "built on the mapping in force"
    );
}

#[tokio::test]
async fn a_mapping_that_was_overtaken_is_not_put_in_force() {
    let house = house_of(day_of(&[paid_by_ebay("1")]).await);
    let ann = house.invite("ann", &[Role::Accountant], "*").await;
    let dan = house.invite("dan", &[Role::Accountant], "*").await;
    let fields = |to: &str| format!("act=fix&to={to}&odoo_tax=&from=&reason=a+marketplace");
    ann.post("/exceptions/1", &fields("101790")).await;
    ann.post("/exceptions/1", &fields("101791")).await;
    assert_eq!(
        dan.post("/approvals/2", "act=allow").await.status(),
        StatusCode::SEE_OTHER
    );
    let late = dan.post("/approvals/1", "act=allow").await;
    assert_eq!(late.status(), StatusCode::CONFLICT);
    let words = text(late).await;
    assert!(words.contains("nother mapping was put in force"), "{words}");
    assert_eq!(house.log("mapping put in force").await.len(), 1);
}

#[tokio::test]
async fn an_exception_that_two_people_close_is_closed_once() {
    let house = house_of(day_of(&[paid_by_ebay("1")]).await);
    let ann = house.invite("ann", &[Role::Auditor], "*").await;
    let bob = house.invite("bob", &[Role::Auditor], "*").await;
    let fields = "act=resolve&reason=seen";
    assert_eq!(
        ann.post("/exceptions/1", "act=resolve&reason=").await.status(),
        StatusCode::UNPROCESSABLE_ENTITY
    );
    assert_eq!(
        ann.post("/exceptions/1", fields).await.status(),
        StatusCode::SEE_OTHER
    );
    let second = bob.post("/exceptions/1", fields).await;
    assert_eq!(second.status(), StatusCode::CONFLICT);
    assert!(text(second).await.contains("resolved before, by ann"));
    assert_eq!(house.log("exception resolved").await, ["ann: 1: seen"]);
    assert!(ann.page("/exceptions/1").await.contains("by ann"));
}

#[tokio::test]
async fn what_was_asked_for_and_cannot_be_done_any_more_stays_undone() {
    let house = house().await;
    let ann = house.invite("ann", &[Role::Auditor], "*").await;
    let bob = house.invite("bob", &[Role::Auditor], "*").await;
    ann.post(DAY, "act=sign&exception=1&reason=torn").await;
    house
        .relay
        .store
        .write(|unit| crate::store::exceptions::close(unit, 1, "relay", "the cause is gone", 1))
        .await
        .unwrap();
    let late = bob.post("/approvals/1", "act=allow").await;
    assert_eq!(late.status(), StatusCode::CONFLICT);
    assert!(text(late).await.contains("not open for this day"));
    assert!(house.log("day signed").await.is_empty() && house.log("allowed").await.is_empty());
    assert_eq!(
        ann.post("/approvals/1", "act=refuse").await.status(),
        StatusCode::SEE_OTHER
    );
    assert_eq!(house.log("withdrawn").await.len(), 1);
}

#[tokio::test]
async fn a_form_from_elsewhere_does_nothing_and_is_in_the_log() {
    let house = house().await;
    let ann = house.invite("ann", &[Role::Auditor], "*").await;
    let bob = house.invite("bob", &[Role::Auditor], "*").await;
    let fields = "act=sign&exception=1&reason=forged";
    let good = format!("form_token={}&{fields}", ann.form_token);
    let forged = [
        (fields.to_owned(), ("sec-fetch-site", "same-origin")),
        (
            format!("form_token={}&{fields}", bob.form_token),
            ("sec-fetch-site", "same-origin"),
        ),
        (good.clone(), ("sec-fetch-site", "cross-site")),
        (good.clone(), ("origin", "https://evil.example")),
    ];
    for (body, header) in forged {
        let response = ann.send(DAY, body, &[header, ("host", "relay.example")]).await;
        assert_eq!(response.status(), StatusCode::FORBIDDEN, "{header:?}");
    }
    assert_eq!(house.log("forged form refused").await.len(), 4);
    assert!(house.log("asked for a second person").await.is_empty());
    let huge = format!("{good}&x={}", "y".repeat(10 << 20));
    let response = ann.send(DAY, huge, &[("sec-fetch-site", "same-origin")]).await;
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(ann.send(DAY, good, &[]).await.status(), StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn what_somebody_may_not_have_is_in_the_log_and_does_not_fill_it() {
    let house = house().await;
    let bob = house.invite("bob", &[Role::StoreIt], "*").await;
    assert_eq!(bob.get(DAY).await.status(), StatusCode::FORBIDDEN);
    assert_eq!(
        bob.post(DAY, "act=reopen&reason=x").await.status(),
        StatusCode::FORBIDDEN
    );
    assert_eq!(bob.get("/api/v1/days").await.status(), StatusCode::FORBIDDEN);
    let written = [
        format!("bob: GET {DAY}"),
        format!("bob: POST {DAY}"),
        "bob: GET /api/v1/days".to_owned(),
    ];
    let mut log = house.log("refused").await;
    log.sort();
    let mut wanted = written.to_vec();
    wanted.sort();
    assert_eq!(log, wanted);
    for _ in 0..100 {
        assert_eq!(bob.get("/people").await.status(), StatusCode::FORBIDDEN);
    }
    assert_eq!(house.log("refused").await.len(), 30);
}

#[tokio::test]
async fn two_names_count_only_while_both_may() {
    let house = house().await;
    let ann = house.invite("ann", &[Role::Auditor], "acme").await;
    let bob = house.invite("bob", &[Role::Auditor], "*").await;
    let sign = "act=sign&exception=1&reason=the+roll+was+torn";
    assert_eq!(ann.post(DAY, sign).await.status(), StatusCode::SEE_OTHER);
    let less = Person {
        login: "ann".parse().unwrap(),
        name: "ann".to_owned(),
        roles: [Role::Viewer].into(),
        scope: "acme".parse().unwrap(),
    };
    people::change(house.store(), less, "cat").await.unwrap();
    let answer = bob.post("/approvals/1", "act=allow").await;
    assert_eq!(answer.status(), StatusCode::CONFLICT);
    assert!(text(answer).await.contains("may not ask for this any more"));
    assert!(house.gap_is_open().await && house.log("day signed").await.is_empty());
    let refuse = "act=refuse&reason=she+is+a+viewer+now";
    assert_eq!(
        bob.post("/approvals/1", refuse).await.status(),
        StatusCode::SEE_OTHER
    );
}

#[tokio::test]
async fn figures_are_for_this_machine_and_for_tokens_of_who_sees_devices() {
    let house = house().await;
    let token = async |login: &str, roles: &[Role]| {
        house.invite(login, roles, "*").await;
        let login = login.parse().unwrap();
        let made = people::make_token(house.store(), login, "scrape".to_owned(), 30, "test").await;
        format!("Bearer {}", made.unwrap().cookie())
    };
    let (sees, sees_not) = (
        token("ann", &[Role::Security]).await,
        token("bob", &[Role::Accountant]).await,
    );
    type Header<'a> = Option<(&'a str, &'a str)>;
    let cases: [(&str, Header<'_>, bool); 8] = [
        ("127.0.0.1", None, true),
        ("::1", None, true),
        ("::ffff:127.0.0.1", None, true),
        ("127.0.0.1", Some(("x-forwarded-for", "192.0.2.7")), false),
        ("127.0.0.1", Some(("forwarded", "for=192.0.2.7")), false),
        ("192.0.2.7", None, false),
        ("192.0.2.7", Some(("authorization", &sees)), true),
        ("192.0.2.7", Some(("authorization", &sees_not)), false),
    ];
    for (from, header, wanted) in cases {
        let mut request = Request::get("/metrics");
        if let Some((name, value)) = header {
            request = request.header(name, value);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        let address = std::net::SocketAddr::new(from.parse().unwrap(), 40_000);
        parts.extensions.insert(axum::extract::ConnectInfo(address));
        assert_eq!(
            may_scrape(Some(&house.inside), &parts).await.unwrap(),
            wanted,
            "{from} {header:?}"
        );
        assert!(may_scrape(None, &parts).await.unwrap(), "without a login");
    }
}

#[tokio::test]
async fn a_session_that_ended_in_between_does_nothing() {
    let house = house().await;
    let ann = house.invite("ann", &[Role::Auditor], "*").await;
    let page = ann.page(DAY).await;
    assert!(page.contains(&ann.form_token));
    people::set_disabled(&house.relay.store, "ann".parse().unwrap(), true, "cat")
        .await
        .unwrap();
    let late = ann.post(DAY, "act=sign&exception=1&reason=late").await;
    assert_eq!(late.status(), StatusCode::UNAUTHORIZED);
    assert!(text(late).await.contains("session has ended"));
    assert!(house.log("asked for a second person").await.is_empty());
}

#[tokio::test]
async fn who_gives_rights_gives_none_to_themselves() {
    let house = house().await;
    let cat = house.invite("cat", &[Role::Admin], "*").await;
    let own = cat
        .post("/people/cat", "act=set&role=admin&role=accountant&scope=*")
        .await;
    assert_eq!(own.status(), StatusCode::FORBIDDEN);
    let invited = cat
        .post("/people", "login=dan&name=Dan&role=viewer&scope=acme")
        .await;
    let page = text(invited).await;
    assert!(page.contains("shown only now"), "{page}");
    assert!(
        cat.page("/people/dan")
            .await
            .contains("Make another one-time code")
    );
    for bad in [
        "login=dan&role=viewer&scope=acme",
        "login=e&scope=*",
        "login=e&role=king&scope=*",
        "login=e&role=viewer&scope=A",
    ] {
        let status = cat.post("/people", bad).await.status();
        assert!(
            status == StatusCode::UNPROCESSABLE_ENTITY || status == StatusCode::CONFLICT,
            "{bad}: {status}"
        );
    }
    assert_eq!(
        cat.post("/people/dan", "act=set&role=auditor&scope=*")
            .await
            .status(),
        StatusCode::SEE_OTHER
    );
    assert_eq!(
        cat.post("/people/dan", "act=disable").await.status(),
        StatusCode::SEE_OTHER
    );
    let dan = house.invite("eve", &[Role::Security], "*").await;
    assert_eq!(dan.get("/people").await.status(), StatusCode::FORBIDDEN);
    let audit = dan.page("/audit?check=all").await;
    assert!(
        audit.contains("person changed") && audit.contains("hold together"),
        "{audit}"
    );
    let file = text(dan.get("/audit.jsonl").await).await;
    assert!(crate::audit::read(&mut file.as_bytes()).is_ok());
}

#[tokio::test]
async fn a_device_is_shut_out_once_by_whoever_runs_the_boxes() {
    let house = house().await;
    let ann = house.invite("ann", &[Role::Accountant], "*").await;
    let fields = "act=revoke&tenant=acme&device=d1";
    assert_eq!(ann.post("/fleet", fields).await.status(), StatusCode::FORBIDDEN);
    let bob = house.invite("bob", &[Role::StoreIt], "acme").await;
    assert!(bob.page("/fleet").await.contains("Shut out for good"));
    assert_eq!(bob.post("/fleet", fields).await.status(), StatusCode::SEE_OTHER);
    assert_eq!(bob.post("/fleet", fields).await.status(), StatusCode::CONFLICT);
    assert_eq!(house.log("device revoked").await, ["bob: acme/d1"]);
    assert_eq!(
        bob.post("/fleet", "act=revoke&tenant=acme&device=d9")
            .await
            .status(),
        StatusCode::NOT_FOUND
    );
    let nobody = "act=accept&fingerprint=".to_owned() + &"ab".repeat(32);
    assert_eq!(bob.post("/fleet", &nobody).await.status(), StatusCode::CONFLICT);
    assert_eq!(
        bob.post("/fleet", "act=dance").await.status(),
        StatusCode::BAD_REQUEST
    );
}
