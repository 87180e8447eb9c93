//! Serves the simulated disk on the directory named as its argument; see `tillwire_e2e::disk_sim`.

fn main() -> anyhow::Result<()> {
    let mount_point = std::env::args_os().nth(1);
    let mount_point =
        mount_point.ok_or_else(|| anyhow::anyhow!("wanted one argument: the directory to mount on"))?;
    tillwire_e2e::disk_sim::serve_mount(mount_point.as_ref())
}
