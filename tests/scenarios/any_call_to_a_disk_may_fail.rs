//! A cut of the campaign `cargo xtask campaign errors`: call after call to the disks of a box and of its relay fails once, from
//! the programs' start on.

use std::path::Path;

use tillwire_e2e::disk_sim::Disk;
use tillwire_e2e::plug;

use crate::story::programs;

#[tokio::test(flavor = "multi_thread")]
async fn call_after_call_to_a_disk_fails_and_no_sale_is_lost() {
    let disk = || Disk::mount_or_skip(Path::new(env!("CARGO_BIN_EXE_disk")), "calls to a disk that fail");
    let (Some(of_box), Some(of_relay)) = (disk(), disk()) else {
        return;
    };
    let tally = plug::errors(0..12, 5, &programs(), [&of_box, &of_relay])
        .await
        .unwrap();
    assert!(tally.ends > 6 && tally.relay > 2, "{tally}");
}
