//! Capture with the real journal behind it.

use std::path::Path;

use tillwire_agent::clock::Clock;
use tillwire_agent::journal::{Journal, OpenOptions, Origin, Reader};
use tillwire_agent_core::settings::Limits;
use tillwire_proto::{BootId, Currency, Digest, Fact, LaneId, RecordNumber, decode_observation};

use crate::http::{PENDING, TICKET, Till, till_into};

fn journal(dir: &Path) -> Journal {
    let lane = LaneId::new("front-http").expect("a name");
    let origin = Origin {
        tenant: "maple".parse().expect("a name"),
        store: "main".parse().expect("a name"),
        currency: Currency::USD,
        device: "box-1".parse().expect("a name"),
        generations: [(lane.clone(), 1)].into(),
        version: "0.1.0".parse().expect("a version"),
        config: Digest::of(b"config"),
        boot: BootId([1; 16]),
    };
    let options = OpenOptions::default();
    let limits = Limits {
        reserve_len: 4096,
        prune_percent: 98,
        busy_percent: 99,
        ..Limits::default()
    };
    Journal::open(dir, origin, lane, limits, Clock::new(None, 0), &options).expect("the journal opens")
}

fn facts(dir: &Path) -> Vec<Fact> {
    let reader = Reader::open(dir).expect("the journal reads");
    let mut facts = Vec::new();
    for segment in reader.segments().expect("its segments") {
        let bodies = reader
            .bodies(segment.no, RecordNumber(1), 100, usize::MAX)
            .expect("its bodies");
        let bodies = bodies.map(|run| run.bodies).unwrap_or_default();
        let read = bodies
            .iter()
            .map(|body| decode_observation(body).expect("an observation").fact);
        facts.extend(read);
    }
    facts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_is_on_disk_and_told_again_is_known() {
    let dir = tempfile::tempdir().unwrap();
    let till: Till = till_into(journal(dir.path())).await;
    assert_eq!(till.push("/v1/tickets", PENDING).await.status, 409);
    let taken = till.push("/v1/tickets", TICKET).await;
    assert_eq!((taken.status, &taken.body["already"]), (200, &false.into()));
    // read beside the running writer: nothing but the disk is asked
    let found = facts(dir.path());
    assert!(
        matches!(&found[..], [Fact::Unreadable(_), Fact::Transaction(_)]),
        "{found:?}"
    );
    let again = till.push("/v1/tickets", TICKET).await;
    assert_eq!(
        (&again.body["already"], &again.body["number"]),
        (&true.into(), &taken.body["number"])
    );
    let changed = till.push("/v1/tickets", &TICKET.replace("Priya", "Sam")).await;
    assert_eq!((changed.status, &changed.body["already"]), (200, &false.into()));
    let found = facts(dir.path());
    assert!(
        matches!(&found[2], Fact::Transaction(ticket) if ticket.key.revision == 1),
        "{found:?}"
    );
}
