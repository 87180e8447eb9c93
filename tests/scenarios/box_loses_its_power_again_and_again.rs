//! A cut of the campaign `cargo xtask campaign power`: the box loses its power from its first start on, with and without the
//! relay in reach.

use std::path::Path;

use tillwire_e2e::disk_sim::Disk;
use tillwire_e2e::plug;

use crate::story::programs;

#[tokio::test(flavor = "multi_thread")]
async fn box_that_loses_its_power_again_and_again_loses_no_sale() {
    let disk = Path::new(env!("CARGO_BIN_EXE_disk"));
    let Some(disk) = Disk::mount_or_skip(disk, "a campaign of power cuts") else {
        return;
    };
    let tally = plug::power(12, 5, &programs(), &disk).await.unwrap();
    assert_eq!(tally.ends, 12);
}
