//! The box loses its power again and again while its tills sell and no receipt has arrived: the process is gone and so
//! are the writes that were not synced. Every sale that a till was told is taken is there in the end.

use std::path::Path;
use std::time::Duration;

use tillwire_e2e::disk_sim::{Disk, Keep};
use tillwire_e2e::link_sim::State;
use tillwire_e2e::world::Pace;

use crate::story::{a_day, all_is_well, open};

#[tokio::test(flavor = "multi_thread")]
async fn sale_survives_power_cut_before_receipt() {
    let disk = Disk::mount_or_skip(
        Path::new(env!("CARGO_BIN_EXE_disk")),
        "a power cut under a selling store",
    );
    let Some(disk) = disk else {
        return;
    };
    let state = disk.path().join("state");
    let world = open(11, 1, |setup| {
        setup.agent_dirs.insert(0, state);
    })
    .await;
    let site = &world.sites[0];
    site.link.set_state(State::BlackHole);
    let events = a_day(&world, 40);
    let selling = world.play(world.date, &events, Pace::Over(Duration::from_secs(10)));
    let cutting = async {
        for (seed, keep) in (0..6).zip([Keep::Some, Keep::Nothing, Keep::Some].into_iter().cycle()) {
            tokio::time::sleep(Duration::from_millis(900 + 131 * seed)).await;
            disk.cut_power();
            site.agent.kill();
            disk.restore_power(seed, keep);
            site.agent.start().unwrap();
        }
        site.link.set_state(State::Up);
    };
    let (sold, ()) = tokio::join!(selling, cutting);
    sold.unwrap();
    assert!(
        disk.syncs() > 40,
        "a disk that was never asked to sync proves nothing"
    );
    all_is_well(&world).await;
    site.agent.stop().unwrap();
}
