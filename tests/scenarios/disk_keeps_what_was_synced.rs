//! Facts about the simulated disk itself: it loses what it should and keeps what it must.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use rusqlite::Connection;
use tillwire_e2e::disk_sim::{Disk, Keep};

fn mount(what: &str) -> Option<Disk> {
    Disk::mount_or_skip(Path::new(env!("CARGO_BIN_EXE_disk")), what)
}

#[test]
fn what_was_synced_stays_and_the_rest_goes() {
    let Some(disk) = mount("power cut of a plain file") else {
        return;
    };
    let path = disk.path().join("a");
    let mut file = File::create(&path).unwrap();
    file.write_all(b"stable").unwrap();
    file.sync_all().unwrap();
    sync_dir(disk.path());
    file.write_all(b" and not").unwrap();
    fs::write(disk.path().join("b"), b"never synced").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"stable and not");
    disk.cut_power();
    assert!(file.write_all(b"x").is_err());
    drop(file);
    disk.restore_power(1, Keep::Nothing);
    assert_eq!(fs::read(&path).unwrap(), b"stable");
    assert!(!disk.path().join("b").exists());
}

#[test]
fn a_replaced_file_is_the_old_or_the_new_and_never_half() {
    let Some(disk) = mount("power cut of a replaced file") else {
        return;
    };
    let mut seen = [0; 2];
    for seed in 0..40 {
        let (old, new) = (disk.path().join("key"), disk.path().join("key.new"));
        write_synced(&old, b"old key");
        sync_dir(disk.path());
        write_synced(&new, b"new key");
        fs::rename(&new, &old).unwrap();
        disk.cut_power();
        disk.restore_power(seed, Keep::Some);
        match &fs::read(&old).unwrap()[..] {
            b"old key" => seen[0] += 1,
            b"new key" => seen[1] += 1,
            other => panic!("found {other:?}"),
        }
    }
    assert!(seen[0] > 0 && seen[1] > 0, "both ends must be seen: {seen:?}");
}

#[test]
fn a_full_disk_says_so_and_takes_again_when_freed() {
    let Some(disk) = mount("disk full") else {
        return;
    };
    disk.set_capacity(Some(10_000));
    let path = disk.path().join("a");
    fs::write(&path, vec![1; 8_000]).unwrap();
    let error = fs::write(disk.path().join("b"), vec![1; 8_000]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
    fs::remove_file(&path).unwrap();
    fs::write(disk.path().join("b"), vec![1; 8_000]).unwrap();
}

fn write_synced(path: &Path, bytes: &[u8]) {
    let mut file = File::create(path).unwrap();
    file.write_all(bytes).unwrap();
    file.sync_all().unwrap();
}

fn sync_dir(path: &Path) {
    File::open(path).unwrap().sync_all().unwrap();
}

fn open(path: &Path, synchronous: &str) -> Connection {
    let db = Connection::open(path).unwrap();
    // exclusive: no shared memory, whose pages could not be read while the power is off
    let settings =
        format!("pragma locking_mode=exclusive; pragma journal_mode=wal; pragma synchronous={synchronous};");
    db.execute_batch(&settings).unwrap();
    db
}

/// Rows that power cuts took although they were committed.
fn lost_rows(synchronous: &str) -> Option<i64> {
    let disk = mount("power cut of SQLite")?;
    let mut lost = 0;
    for seed in 0..30 {
        let path = disk.path().join(format!("{seed}.db"));
        let db = open(&path, synchronous);
        db.execute_batch("create table t (n integer primary key, b blob)")
            .unwrap();
        sync_dir(disk.path());
        let rows = 3 + i64::try_from(seed % 11).unwrap();
        for n in 0..rows {
            db.execute("insert into t values (?1, zeroblob(300))", [n])
                .unwrap();
        }
        disk.cut_power();
        // closing fails: its checkpoint finds no disk
        let _closed = db.close();
        disk.restore_power(seed, Keep::Some);
        let db = open(&path, synchronous);
        let found: i64 = db
            .query_row("select count(*) from t", [], |r| r.get(0))
            .unwrap_or(0);
        lost += rows - found;
    }
    Some(lost)
}

#[test]
fn sqlite_keeps_its_word_with_full_and_breaks_it_with_normal() {
    let Some(lost) = lost_rows("full") else {
        return;
    };
    assert_eq!(lost, 0);
    // the negative control: a disk that loses nothing here would prove nothing above
    assert!(lost_rows("normal").unwrap() > 0);
}
