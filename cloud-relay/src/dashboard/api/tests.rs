#![allow(clippy::unwrap_used, reason = "a test stops where it is surprised")]

use axum::http::StatusCode;
use bytes::Bytes;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use serde_json::Value;
use tillwire_relay_core::people::Role;

use crate::dashboard::tests::{House, house};

async fn api(house: &House, token: &str, path: &str) -> (StatusCode, String) {
    house
        .ask(path, &[("authorization", &format!("Bearer {token}"))])
        .await
}

async fn api_bytes(house: &House, token: &str, path: &str) -> (StatusCode, Bytes) {
    let headers = [("authorization", &*format!("Bearer {token}"))];
    let (status, body) = house.ask_bytes(path, &headers).await;
    (status, Bytes::from(body))
}

async fn token(house: &House, login: &str, roles: &[Role], scope: &str) -> String {
    house.invite(login, roles, scope).await;
    let made =
        crate::people::make_token(house.store(), login.parse().unwrap(), "bi".to_owned(), 30, "test").await;
    made.unwrap().cookie()
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[tokio::test]
async fn a_token_reads_what_its_person_sees() {
    let house = house().await;
    let ann = token(&house, "ann", &[Role::Auditor], "acme").await;
    let (status, text) = api(&house, &ann, "/api/v1/days?since=2027-01-01").await;
    assert_eq!(status, StatusCode::OK, "{text}");
    let days = json(&text);
    assert_eq!(
        (&days[0]["store"], &days[0]["net"], &days[0]["tickets"]),
        (&"s01".into(), &"10.00".into(), &2.into())
    );
    let (_, text) = api(&house, &ann, "/api/v1/days/acme/s01/2027-01-14").await;
    assert_eq!(json(&text)["exceptions"][0]["kind"], "ticket gap", "{text}");
    let (_, text) = api(&house, &ann, "/api/v1/exceptions").await;
    assert_eq!(json(&text)[0]["waits_for_signature"], true, "{text}");
    let (_, text) = api(&house, &ann, "/api/v1/devices").await;
    assert_eq!(json(&text)[0]["device"], "d1", "{text}");
    let (_, table) = api(&house, &ann, "/api/v1/days.csv").await;
    assert!(
        table.contains("s01") && table.contains("10.00") && table.contains("\r\n"),
        "{table}"
    );

    // the same columns in the same order, whichever form a list is asked for in
    for list in ["days", "days/acme/s01/2027-01-14/ledger", "exceptions"] {
        let (_, table) = api(&house, &ann, &format!("/api/v1/{list}.csv")).await;
        let (status, file) = api_bytes(&house, &ann, &format!("/api/v1/{list}.parquet")).await;
        assert_eq!(status, StatusCode::OK);
        let file = SerializedFileReader::new(file).unwrap();
        let about = file.metadata().file_metadata();
        let names: Vec<&str> = about
            .schema()
            .get_fields()
            .iter()
            .map(|field| field.name())
            .collect();
        assert_eq!(table.lines().next(), Some(names.join(",").as_str()), "{list}");
        let rows = i64::try_from(table.lines().count() - 1).unwrap();
        assert_eq!(about.num_rows(), rows, "{list}");
    }

    let other = token(&house, "eve", &[Role::Auditor], "oak").await;
    let (_, text) = api(&house, &other, "/api/v1/days").await;
    assert_eq!(json(&text), Value::Array(Vec::new()));
    for path in [
        "/api/v1/days/acme/s01/2027-01-14",
        "/api/v1/days?store=acme/s01",
        "/api/v1/stock/acme/s01",
    ] {
        assert_eq!(api(&house, &other, path).await.0, StatusCode::FORBIDDEN, "{path}");
    }
    let it = token(&house, "dan", &[Role::StoreIt], "*").await;
    assert_eq!(api(&house, &it, "/api/v1/days").await.0, StatusCode::FORBIDDEN);
    let (_, text) = api(&house, &it, "/api/v1/stores").await;
    assert!(
        json(&text)[0]["net"].is_null() && json(&text)[0]["tickets"].is_null(),
        "{text}"
    );
}

#[tokio::test]
async fn without_a_token_that_counts_there_is_no_answer_and_a_token_does_nothing() {
    let house = house().await;
    let (status, _) = house.ask("/api/v1/days", &[]).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert_eq!(
        api(&house, &"ab".repeat(32), "/api/v1/days").await.0,
        StatusCode::UNAUTHORIZED
    );
    let ann = token(&house, "ann", &[Role::Auditor], "*").await;
    let bearer = format!("Bearer {ann}");
    let form = "form_token=&act=sign&exception=1&reason=x";
    let status = house
        .post_with("/days/acme/s01/2027-01-14", form, &[("authorization", &bearer)])
        .await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let login: tillwire_relay_core::people::Login = "ann".parse().unwrap();
    let twice = crate::people::make_token(house.store(), login.clone(), "bi".to_owned(), 30, "test").await;
    assert!(twice.unwrap_err().to_string().contains("already"));
    crate::people::end_token(house.store(), login.clone(), "bi".to_owned(), "test")
        .await
        .unwrap();
    assert_eq!(
        api(&house, &ann, "/api/v1/days").await.0,
        StatusCode::UNAUTHORIZED
    );
    assert!(
        crate::people::end_token(house.store(), login, "bi".to_owned(), "test")
            .await
            .is_err()
    );
}

#[tokio::test]
async fn a_token_ends_with_its_person_and_does_not_come_back_with_them() {
    let house = house().await;
    let ann = token(&house, "ann", &[Role::Auditor], "*").await;
    assert_eq!(api(&house, &ann, "/api/v1/days").await.0, StatusCode::OK);
    for disabled in [true, false] {
        crate::people::set_disabled(house.store(), "ann".parse().unwrap(), disabled, "cat")
            .await
            .unwrap();
        assert_eq!(
            api(&house, &ann, "/api/v1/days").await.0,
            StatusCode::UNAUTHORIZED,
            "{disabled}"
        );
    }
}

#[tokio::test]
async fn wrong_questions_are_answered_in_words() {
    let house = house().await;
    let ann = token(&house, "ann", &[Role::Auditor], "*").await;
    let cases = [
        ("/api/v1/days?since=yesterday", StatusCode::BAD_REQUEST),
        ("/api/v1/days?store=acme", StatusCode::BAD_REQUEST),
        ("/api/v1/days/ACME/s01/2027-01-14", StatusCode::BAD_REQUEST),
        ("/api/v1/exceptions/seven", StatusCode::BAD_REQUEST),
        ("/api/v1/exceptions/7", StatusCode::NOT_FOUND),
        ("/api/v1/entries/TILL/2027/01/9999", StatusCode::NOT_FOUND),
    ];
    for (path, wanted) in cases {
        let (status, text) = api(&house, &ann, path).await;
        assert_eq!(status, wanted, "{path}: {text}");
        let problem = json(&text);
        assert_eq!(problem["status"], wanted.as_u16(), "{text}");
        assert!(
            problem["detail"].as_str().is_some_and(|words| words.len() > 8),
            "{text}"
        );
    }
}

#[tokio::test]
async fn the_description_names_every_route_and_every_form() {
    let house = house().await;
    let (status, text) = house.ask("/api/v1/openapi.json", &[]).await;
    assert_eq!(status, StatusCode::OK);
    let description = json(&text);
    let source = include_str!("../api.rs");
    // all but the description's own
    let routes = source.matches(".route(").count() - 1;
    assert_eq!(
        description["paths"].as_object().unwrap().len(),
        routes,
        "{description}"
    );
    let refs: Vec<&str> = text
        .split("\"$ref\":\"#/components/schemas/")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect();
    assert!(refs.len() > 10);
    for name in refs {
        assert!(
            description["components"]["schemas"][name].is_object(),
            "{name} is not described"
        );
    }
}
