//! Runs scenarios in every company of a server and says what came of it.

use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tillwire_e2e::odoo_sim::OdooVersion;

use crate::ground::Ground;
use crate::records;
use crate::server::Server;
use crate::{ALL, Scenario};

/// Every version, every company; each simulator is the scenario's own.
pub(crate) async fn on_simulators(scenario: &Scenario) {
    for version in OdooVersion::ALL {
        let server = Arc::new(Server::simulated(version).await);
        let grounds = grounds(&server).await;
        for ground in grounds {
            println!(
                "{} in {} of {}",
                scenario.name, ground.company.name, server.version
            );
            (scenario.run)(ground).await;
        }
    }
}

/// One after the other, because a lock date is set for a whole company, with a line of the report for each.
pub(crate) async fn on_a_real_server() {
    let only = std::env::var("TILLWIRE_SCENARIO").unwrap_or_default();
    let server = Arc::new(Server::real().await);
    let grounds = grounds(&server).await;
    say(&format!(
        "\nOdoo {} at {}, database {}\n",
        server.version, server.url, server.db
    ));
    let mut failed = Vec::new();
    for scenario in ALL.iter().filter(|scenario| scenario.name.contains(&only)) {
        for ground in &grounds {
            let started = Instant::now();
            let outcome = tokio::spawn((scenario.run)(ground.clone())).await;
            if outcome.is_err() {
                failed.push(format!("{} in {}", scenario.name, ground.company.name));
            }
            say(&lines(scenario, ground, outcome.is_ok(), started.elapsed()));
        }
    }
    say(&format!("{} failed\n", failed.len()));
    assert!(failed.is_empty(), "{failed:#?}");
}

/// Past the harness, which keeps what passing tests print; and at once, so that a run that is stopped has said what it
/// found.
fn say(text: &str) {
    // who runs it with a closed error output wants no report
    let _ = std::io::stderr().write_all(text.as_bytes());
}

async fn grounds(server: &Arc<Server>) -> Vec<Ground> {
    let companies = records::prepare(&server.admin).await;
    let companies: Vec<_> = companies.into_iter().map(Arc::new).collect();
    let ground = |company: &Arc<records::Company>| Ground {
        server: Arc::clone(server),
        company: Arc::clone(company),
        neighbour: companies.iter().find(|other| other.id != company.id).cloned(),
        notes: Arc::new(Mutex::new(Vec::new())),
    };
    companies.iter().map(ground).collect()
}

fn lines(scenario: &Scenario, ground: &Ground, good: bool, took: Duration) -> String {
    let word = if good { "ok" } else { "FAILED" };
    let mut text = format!(
        "  {word:<6} {:>6} ms  {:<20} {}\n",
        took.as_millis(),
        ground.company.name,
        scenario.name.replace('_', " ")
    );
    for note in ground.notes.lock().unwrap().drain(..) {
        // writing to a String cannot fail
        let _ = writeln!(text, "{:21}{note}", "");
    }
    text
}
