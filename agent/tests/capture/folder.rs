//! The watched folder and those who write into it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tillwire_agent::capture::folder::Folder;
use tillwire_agent_core::capture::folder::Format;
use tillwire_agent_core::capture::settings::{FolderSettings, HeartlandRetailSettings, TimeRules};
use tillwire_proto::{Currency, Fact, LaneId, NoticeKind, RegisterId, StoreId};
use tokio_util::sync::CancellationToken;

use crate::http::TICKET;
use crate::journal::{Journal, Trouble, reason};

struct Watched {
    _dir: tempfile::TempDir,
    path: PathBuf,
    journal: Arc<Journal>,
    stop: CancellationToken,
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn watch(settle: Duration) -> Watched {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("files");
    fs::create_dir(&path).expect("a folder");
    let journal = Journal::new();
    let settings = FolderSettings {
        lane: LaneId::new("files").expect("a name"),
        folder: path.clone(),
        format: Format::JsonLines,
        ending: Some(".jsonl".to_owned()),
        settle,
    };
    let retail = HeartlandRetailSettings {
        store: StoreId::new("main").expect("a name"),
        currency: Currency::USD,
        registers: BTreeMap::from([("100011".to_owned(), RegisterId::new("front").expect("a name"))]),
        locations: BTreeSet::new(),
        tenders: BTreeMap::new(),
        time: TimeRules::midnight(),
    };
    let stop = CancellationToken::new();
    tokio::spawn(Folder::new(settings, retail, journal.clone()).run(stop.clone()));
    Watched {
        _dir: dir,
        path,
        journal,
        stop,
    }
}

fn line() -> String {
    TICKET.replace(['\n', '\r'], " ") + "\n"
}

/// Another sale.
fn other() -> String {
    line().replace("10482", "10483")
}

async fn there(path: &Path) {
    for _ in 0..2000 {
        if path.exists() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("{} never came", path.display());
}

fn tickets(journal: &Journal) -> usize {
    let is_ticket = |fact: &Fact| matches!(fact, Fact::Transaction(_));
    journal
        .records()
        .iter()
        .filter(|captured| is_ticket(&captured.fact))
        .count()
}

#[tokio::test]
async fn a_file_is_moved_to_done_after_its_tickets_are_journaled() {
    let folder = watch(Duration::ZERO);
    fs::write(folder.path.join(".day.jsonl.swp"), "an editor's").unwrap();
    fs::write(folder.path.join("notes.txt"), "not ours").unwrap();
    fs::write(folder.path.join("day.jsonl"), line() + &other()).unwrap();
    there(&folder.path.join("done/day.jsonl")).await;
    assert_eq!(tickets(&folder.journal), 2);
    assert!(!folder.path.join("day.jsonl").exists());
    assert!(folder.path.join("notes.txt").exists(), "what is not wanted stays");
    // another file of the same name is another file
    fs::write(folder.path.join("day.jsonl"), line()).unwrap();
    there(&folder.path.join("done/day.jsonl.1")).await;
}

#[tokio::test]
async fn a_file_that_is_being_written_is_left_alone() {
    let folder = watch(Duration::from_secs(2));
    let path = folder.path.join("day.jsonl");
    let whole = line();
    let mut written = String::new();
    for piece in whole.as_bytes().chunks(whole.len().div_ceil(6)) {
        written.push_str(std::str::from_utf8(piece).unwrap_or_default());
        fs::write(&path, &written).unwrap();
        tokio::time::sleep(Duration::from_millis(400)).await;
        assert!(folder.journal.records().is_empty(), "half a file was read");
    }
    there(&folder.path.join("done/day.jsonl")).await;
    assert_eq!(tickets(&folder.journal), 1);
}

#[tokio::test]
async fn a_bad_line_refuses_the_whole_file_with_the_reason_beside_it() {
    let folder = watch(Duration::ZERO);
    fs::write(folder.path.join("day.jsonl"), line() + "{\"public_id\": 7}\n").unwrap();
    let reason_file = folder.path.join("refused/day.jsonl.error.txt");
    there(&reason_file).await;
    assert_eq!(tickets(&folder.journal), 0);
    let records = folder.journal.records();
    assert_eq!(reason(&records[0]).as_deref(), Some("file-refused"));
    assert!(
        records[0].raw.starts_with(line().as_bytes()),
        "its bytes are kept"
    );
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(fs::read_to_string(&reason_file).unwrap().contains("line 2"));
}

#[tokio::test]
async fn a_full_disk_leaves_the_file_where_it_is_until_there_is_room() {
    let folder = watch(Duration::ZERO);
    folder.journal.expect_trouble(&[Trouble::Busy]);
    fs::write(folder.path.join("day.jsonl"), line() + &other()).unwrap();
    there(&folder.path.join("done/day.jsonl")).await;
    assert_eq!(tickets(&folder.journal), 2);
}

#[tokio::test]
async fn card_data_in_a_file_is_neither_journaled_nor_left_in_the_folder() {
    let folder = watch(Duration::ZERO);
    let leaky = line().replacen('{', "{\"note\": \"4111 1111 1111 1111\", ", 1);
    fs::write(folder.path.join("day.jsonl"), leaky).unwrap();
    let done = folder.path.join("done/day.jsonl");
    there(&done).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!folder.path.join("day.jsonl").exists());
    let kept = fs::read_to_string(done).unwrap();
    assert!(!kept.contains("4111") && kept.contains("card-number"), "{kept}");
    for captured in folder.journal.records() {
        assert!(!String::from_utf8_lossy(&captured.raw).contains("4111 1111"));
    }
    let notices = folder.journal.records();
    let told = notices.iter().any(
        |captured| matches!(&captured.fact, Fact::Notice(notice) if notice.kind == NoticeKind::CardData),
    );
    assert!(told, "the source is named");
}

#[tokio::test]
async fn a_link_is_never_followed() {
    let folder = watch(Duration::ZERO);
    let outside = folder.path.parent().unwrap().join("outside.jsonl");
    fs::write(&outside, line()).unwrap();
    std::os::unix::fs::symlink(&outside, folder.path.join("link.jsonl")).unwrap();
    fs::write(folder.path.join("day.jsonl"), line()).unwrap();
    there(&folder.path.join("done/day.jsonl")).await;
    tokio::time::sleep(Duration::from_millis(1200)).await;
    assert_eq!(tickets(&folder.journal), 1);
    assert!(outside.exists() && folder.path.join("link.jsonl").exists());
}

#[tokio::test]
async fn a_folder_that_goes_away_is_told_once_and_waited_for() {
    let folder = watch(Duration::ZERO);
    let away = folder.path.with_extension("away");
    fs::rename(&folder.path, &away).unwrap();
    let records = folder.journal.wait_for(1).await;
    let Fact::Notice(notice) = &records[0].fact else {
        panic!("{records:?}")
    };
    assert!(notice.text.to_string().contains("cannot be read"), "{notice:?}");
    fs::rename(&away, &folder.path).unwrap();
    fs::write(folder.path.join("day.jsonl"), line()).unwrap();
    there(&folder.path.join("done/day.jsonl")).await;
    assert_eq!(folder.journal.records().len(), 3, "gone, back, and the ticket");
}
