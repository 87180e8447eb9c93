//! An HTTP client that others wrote pushes tickets as integrators do by hand: twice, in chunks, after asking first, several on
//! one connection, as HTTP/1.0. Each is taken, each counts once, and without the secret nothing is.
//!
//! Needs curl: `cargo test -p tillwire-e2e --test scenarios another_program -- --ignored`.

use std::io::Write as _;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tillwire_e2e::till_sim::{Clock, telling};
use tillwire_e2e::world::{Pace, SECRET};

use crate::story::{a_day, all_is_well, open, ticket};

/// The status and the body of what curl was answered; the body goes to its standard input.
fn curl(to: SocketAddr, path: &str, secret: &str, options: &[&str], body: &str) -> (u16, String) {
    let mut child = Command::new("curl")
        .args([
            "--silent",
            "--show-error",
            "--max-time",
            "30",
            "--data-binary",
            "@-",
        ])
        .args([
            "--write-out",
            "\n%{http_code}",
            "--header",
            "Content-Type: application/json",
        ])
        .args(["--header", &format!("Authorization: Bearer {secret}")])
        .args(options)
        .arg(format!("http://{to}{path}"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(body.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let (body, status) = said.rsplit_once('\n').unwrap();
    (status.parse().unwrap(), body.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs curl"]
async fn curl_pushes_tickets_in_every_way_and_each_counts_once() {
    let world = open(81, 1, |_| {}).await;
    let events = a_day(&world, 6);
    let bodies: Vec<(&str, String)> = events
        .iter()
        .filter(|event| ticket(event).is_some())
        .map(|event| telling(&world.shop, world.date, Clock::default(), event))
        .collect();
    let to = world.sites[0].http;
    let taken = async || {
        world.sites[0].status().await.unwrap()["appended"]
            .as_u64()
            .unwrap()
    };
    let before = taken().await;
    let (status, said) = curl(to, bodies[0].0, "a wrong secret", &[], &bodies[0].1);
    assert_eq!((status, taken().await), (401, before), "{said}");
    let ways: [&[&str]; 5] = [
        &[],
        &["--header", "Transfer-Encoding: chunked"],
        &["--header", "Expect: 100-continue"],
        &["--http1.0"],
        &["--http2"], // offers to change over, which the agent does not
    ];
    for ((path, body), options) in bodies.iter().zip(ways.iter().cycle()) {
        for time in ["first", "again"] {
            let (status, said) = curl(to, path, SECRET, options, body);
            assert_eq!(status, 200, "{options:?} {time}: {said}");
            let said: Value = serde_json::from_str(&said).unwrap();
            assert_eq!(
                said["already"].as_bool(),
                Some(time == "again"),
                "{options:?}: {said}"
            );
        }
    }
    assert_eq!(taken().await, before + bodies.len() as u64);
    // the tills tell all of it once more, and the rest of the day
    let pace = Pace::Over(Duration::from_secs(2));
    world.play(world.date, &events, pace).await.unwrap();
    all_is_well(&world).await;
}
