//! The pages in a real browser: stories clicked through, pictures taken, and a checker's word on whether everybody can use
//! them. Needs Chromium, and a Python with playwright and axe-playwright-python, named by `TILLWIRE_PYTHON`:
//! `TILLWIRE_PYTHON=… cargo test -p tillwire-e2e --test client_pages -- --ignored`. Pictures are in `target/pictures`.
#![allow(clippy::unwrap_used, reason = "a test stops where it is surprised")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;
use tillwire_e2e::shop::Plan;
use tillwire_e2e::world::{Pace, Setup, World, until};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium, playwright and axe-playwright-python"]
async fn pages_are_clicked_through_and_fit_for_everybody() {
    let python = std::env::var_os("TILLWIRE_PYTHON").expect("TILLWIRE_PYTHON names a Python with playwright");
    let dir = TempDir::with_prefix("tillwire-pages-").unwrap();
    let mut setup = Setup::new(
        41,
        2,
        PathBuf::from(env!("CARGO_BIN_EXE_demo")),
        dir.path().to_owned(),
    );
    setup.login = true;
    // a weekday of each week is closed, and not today's: the calendar shows it
    let closed = setup.date.checked_sub(jiff::Span::new().days(3)).unwrap();
    let closed = closed.strftime("%A").to_string().to_lowercase();
    setup.trading = Some(serde_json::json!({ "hours": { "daily": "04:00-04:00", closed: "closed" } }));
    let world = World::start(&setup).await.unwrap();
    let plan = Plan {
        tickets: 12,
        unknown_sku: true,
        close: true,
    };
    let events = world.shop.day(plan, 0);
    world.play(world.date, &events, Pace::AtOnce).await.unwrap();
    let database = world.relay.database.clone();
    let told = until("the unknown item is told", Duration::from_secs(60), async || {
        let open = tillwire_e2e::relay_store::open_exceptions(&database)?;
        Ok(open.iter().any(|one| one.kind == "unknown-sku").then_some(()))
    });
    told.await.unwrap();

    let pictures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/pictures");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/look_at_pages.py");
    let mut looking = tokio::process::Command::new(python);
    looking
        .arg(script)
        .arg(format!("http://{}", world.relay.http))
        .arg(world.relay.state_dir.join("first-run-code"))
        .arg(pictures)
        .kill_on_drop(true);
    let ended = tokio::time::timeout(Duration::from_secs(300), looking.output())
        .await
        .expect("it ends")
        .unwrap();
    println!("{}", String::from_utf8_lossy(&ended.stdout));
    assert!(
        ended.status.success(),
        "{}\n{}",
        String::from_utf8_lossy(&ended.stderr),
        world.last_words()
    );
}
