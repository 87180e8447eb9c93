//! The box's disk fills up. Tills are told to wait, nothing that was taken is lost, and when there is room again the
//! same tills are served without anybody's help.

use std::path::Path;
use std::time::Duration;

use tillwire_e2e::disk_sim::Disk;
use tillwire_e2e::relay_store::Held;
use tillwire_e2e::till_sim::{http, telling};
use tillwire_e2e::world::{Pace, until};
use tillwire_proto::{Fact, NoticeKind};

use crate::story::{PATIENCE, a_day, all_is_well, open};

const DISK: u64 = 256 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn disk_full_and_freed() {
    let Some(disk) = Disk::mount_or_skip(Path::new(env!("CARGO_BIN_EXE_disk")), "a full disk") else {
        return;
    };
    disk.set_capacity(Some(DISK));
    let state = disk.path().join("state");
    let world = open(19, 1, |setup| {
        setup.agent_dirs.insert(0, state);
    })
    .await;
    let site = &world.sites[0];
    let events = a_day(&world, 20);
    let (morning, afternoon) = events.split_at(events.len() / 2);
    world.play(world.date, morning, Pace::AtOnce).await.unwrap();

    let ballast = disk.path().join("ballast");
    std::fs::write(
        &ballast,
        vec![7; usize::try_from(DISK - disk.used() - (1 << 20)).unwrap()],
    )
    .unwrap();
    let till = site.tills[afternoon[0].register].lock().await;
    let (path, body) = telling(&world.shop, world.date, till.clock, &afternoon[0]);
    let secret = till.secret.clone();
    drop(till);
    until("a till is told to wait", PATIENCE, async || {
        let answer = http::post(site.http, path, &secret, body.as_bytes()).await?;
        Ok((answer.status == 503).then_some(()))
    })
    .await
    .unwrap();

    let rest = world.play(world.date, afternoon, Pace::AtOnce);
    let freed = async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        std::fs::remove_file(&ballast).unwrap();
    };
    let (played, ()) = tokio::join!(rest, freed);
    played.unwrap();
    all_is_well(&world).await;
    let held = Held::read(&world.relay.database).unwrap();
    let said = |kind| {
        held.observations()
            .any(|(_, _, o)| matches!(&o.fact, Fact::Notice(n) if n.kind == kind))
    };
    assert!(said(NoticeKind::DiskFull) && said(NoticeKind::DiskFreed));
    site.agent.stop().unwrap();
}
